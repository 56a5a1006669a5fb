/** The desks every bus has. */

import type { BusCounts } from "../../core/bus/counts.ts";
import { Desks } from "./desk.ts";
import type { Faults } from "./faults.ts";
import { LockDesk } from "./locks.ts";
import type { QueueSettings } from "./queue-keeper.ts";
import { QueueDesk } from "./queues.ts";
import type { Roster } from "./roster.ts";

/** Of a bus that was given nothing of them. */
const DEFAULTS: QueueSettings = {
  ...{ folder: null, fsync: "commit", maxMessages: 1_000_000, maxBytes: 1024 ** 3 },
};

export interface DeskTerms {
  readonly counts: BusCounts;
  readonly roster: Roster;
  readonly faults: Faults;
  /** Asked when the first one comes. */
  queues(): Partial<QueueSettings>;
}

export class AllDesks extends Desks {
  constructor({ counts, roster, faults, queues }: DeskTerms) {
    const desk = new QueueDesk({
      settings: () => ({ ...DEFAULTS, ...queues() }),
      isAlive: (worker) => roster.find(worker) !== undefined,
      fault: (error) => faults.tell(error.code, error),
      bug: (what, error) => faults.bug(what, error),
    });
    super([new LockDesk(counts), desk]);
    counts.queuesNow = () => desk.reading;
  }
}
