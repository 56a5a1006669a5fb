/** What was missed of another member, fetched from it, or of one that is gone from all others. */

import type { CatchUp } from "./catch-up.ts";
import type { Faults } from "./faults.ts";
import type { Intake } from "./intake.ts";
import type { Members } from "./members.ts";

export interface RepairsPort {
  readonly me: string;
  readonly members: Members;
  readonly intake: Intake;
  readonly catchUp: CatchUp;
  readonly faults: Faults;
}

export class Repairs {
  readonly #port: RepairsPort;
  readonly #fetching = new Set<string>();

  constructor(port: RepairsPort) {
    this.#port = port;
  }

  get isUnderWay(): boolean {
    return this.#fetching.size > 0;
  }

  /** Fetches what this member has, and this process has not. */
  async of(member: string): Promise<void> {
    const { members, intake } = this.#port;
    const from = members.has(member) ? [member] : members.all();
    for (const each of from) {
      if (this.#fetching.has(each)) continue;
      this.#fetching.add(each);
      try {
        await this.#fetch(each);
      } catch (error) {
        this.#port.faults.tell("what another worker has kept cannot be read", error);
      } finally {
        this.#fetching.delete(each);
      }
    }
    intake.look();
  }

  async #fetch(member: string): Promise<void> {
    const { me, members, intake, catchUp } = this.#port;
    const { inflow } = intake;
    await catchUp.fetch([member], inflow.positions, false, (entries) => {
      for (const entry of entries) {
        // What somebody said who was gone before this member came is none of its clients' business.
        const isKnown = inflow.knows(entry.from) || members.has(entry.from);
        if (isKnown && entry.from !== me) intake.take(entry);
      }
    });
  }
}
