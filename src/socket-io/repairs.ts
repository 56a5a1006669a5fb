/** What was missed of another member, fetched from it, or of one that is gone from all others. */

import type { CatchUp, Told } from "./catch-up.ts";
import type { Faults } from "./faults.ts";
import type { Intake } from "./intake.ts";
import type { Members } from "./members.ts";

export interface RepairsPort {
  readonly me: string;
  readonly members: Members;
  readonly intake: Intake;
  readonly catchUp: CatchUp;
  readonly faults: Faults;
  /** What waits of a member that is there came from what it has kept: the bus has not brought as much yet. */
  ahead(member: string): void;
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

  /** Fetches what this member has, and this process has not. What nobody has then will not come. */
  async of(member: string): Promise<void> {
    const { members, intake } = this.#port;
    const isThere = members.has(member);
    const from = isThere ? [member] : members.all();
    let [upTo, packets] = [0, 0];
    let isAll = true;
    for (const each of from) {
      const told = await this.#fetchOnce(each);
      if (!told) isAll = false;
      upTo = Math.max(upTo, told?.positions.get(member) ?? 0);
      const dropped = told?.dropped.find(([sender]) => sender === member);
      packets = Math.max(packets, dropped?.[1] ?? 0);
    }
    // What it has said while it had no connection counts there, and may still be on its way.
    const most = isThere ? intake.broughtUpTo(member) : upTo;
    // Of one that is not known it is not said yet where it begins.
    if (isAll && intake.inflow.knows(member)) {
      intake.passOver(member, Math.min(upTo, most), Math.min(packets, most));
    }
    if (isThere && intake.inflow.highest(member) > most) this.#port.ahead(member);
    intake.look();
  }

  /** Null: not all of it could be had, or it is under way already. */
  async #fetchOnce(member: string): Promise<Told | null> {
    if (this.#fetching.has(member)) return null;
    this.#fetching.add(member);
    try {
      return await this.#fetch(member);
    } catch (error) {
      this.#port.faults.tell("what another worker has kept cannot be read", error);
      return null;
    } finally {
      this.#fetching.delete(member);
    }
  }

  #fetch(member: string): Promise<Told | null> {
    const { me, members, intake, catchUp } = this.#port;
    const { inflow } = intake;
    return catchUp.fetch([member], inflow.positions, false, (entries) => {
      for (const entry of entries) {
        // What somebody said who was gone before this member came is none of its clients' business.
        const isKnown = inflow.knows(entry.from) || members.has(entry.from);
        if (isKnown && entry.from !== me) intake.add(entry);
      }
    });
  }
}
