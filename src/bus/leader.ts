/** What this process leads, or wants to. */

import type { HoldfastError } from "../errors.ts";
import type { BusLink } from "../link/bus-link.ts";
import { Campaign } from "./campaign.ts";
import type { Locks } from "./locks.ts";
import type { LeaderOptions, Leadership, LeadFunction } from "./locks-api.ts";
import { checkHandler, checkSubject, LEADER, readOptions } from "./options.ts";
import type { Part, PartPort } from "./part.ts";

export class Leaders implements Part {
  /** That a leadership is to end is heard with the locks: it is one. */
  readonly kinds = [];
  readonly #port: PartPort;
  readonly #locks: Locks;
  readonly #campaigns = new Set<Campaign>();
  #isLeaving = false;

  constructor(port: PartPort, locks: Locks) {
    this.#port = port;
    this.#locks = locks;
  }

  /** Resolves when the supervisor has it. In a process that drains it comes to nothing. */
  async lead(name: string, lead: LeadFunction, options?: LeaderOptions): Promise<Leadership> {
    checkSubject(name, "write");
    checkHandler("bus.leader()", lead);
    readOptions("bus.leader()", LEADER, options);
    const link = this.#port.useWhileOpen("leadership");
    const campaign: Campaign = new Campaign(name, lead, this.#port, {
      granted: (grant) => this.#locks.hold(grant),
      ended: () => void this.#campaigns.delete(campaign),
    });
    this.#campaigns.add(campaign);
    if (this.#isLeaving) await campaign.stop("this process drains");
    campaign.begin(link);
    await campaign.stands;
    const stop = (): Promise<void> => campaign.stop("this process has stopped it");
    return {
      name,
      get isLeading() {
        return campaign.isLeading;
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  }

  hear(): void {}

  /** Their numbers are with what is pending or held. */
  has(): boolean {
    return false;
  }

  up(link: BusLink): void {
    for (const campaign of [...this.#campaigns]) campaign.begin(link);
  }

  down(): void {}

  unreachable(error: HoldfastError): void {
    for (const campaign of [...this.#campaigns]) campaign.failUnmade(error);
  }

  fail(error: HoldfastError): void {
    for (const campaign of [...this.#campaigns]) campaign.fail(error);
  }

  async drain(): Promise<void> {
    this.#isLeaving = true;
    const reason = "this process drains or leaves the bus";
    await Promise.all([...this.#campaigns].map((campaign) => campaign.stop(reason)));
  }
}
