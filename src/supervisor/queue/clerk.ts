/** Works on the calls in groups: each group is one transaction, and one commit. In the thread. */

import { Adding } from "./adding.ts";
import type { Answer, Call, Outcome, ThreadOrder } from "./calls.ts";
import { Clearing } from "./clearing.ts";
import { codeOf, type Database, SQLITE } from "./driver.ts";
import { Leases } from "./leases.ts";
import { Looks } from "./looks.ts";
import { Onces } from "./onces.ts";
import { Places } from "./places.ts";
import { Sweep } from "./sweep.ts";
import { Tally } from "./tally.ts";

/** A call that waits for its turn. */
export interface Waiting {
  readonly call: Call;
  readonly body: Uint8Array;
  /** When it came. */
  readonly since: number;
  /** How many messages it has been through already. */
  readonly done: number;
}

export interface Worked {
  readonly answers: readonly Answer[];
  readonly bodies: readonly Uint8Array[];
  /** Not at their end: they wait again. */
  readonly rest: readonly Waiting[];
}

/** After a sweep that failed. */
const TRY_AGAIN_MS = 1000;

const NOTHING_DONE = "Nothing of it was done.";
const UNKNOWN_DONE = "Whether it was done is not known.";

const DEEDS: Readonly<Record<Call[1], string>> = {
  add: "store a message",
  take: "hand out messages",
  settle: "settle a message",
  held: "tell who has what",
  list: "list the queues",
  peek: "show messages",
  retry: "put dead letters back",
  purge: "remove messages",
};

/** The file is not what it should be: nothing in it can be relied on. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return code === SQLITE.corrupt || code === SQLITE.notADatabase;
}

export class Clerk {
  readonly tally: Tally;
  commits = 0;
  readonly #db: Database;
  readonly #adding: Adding;
  readonly #leases: Leases;
  readonly #looks: Looks;
  readonly #clearing: Clearing;
  readonly #sweep: Sweep;

  constructor(db: Database, order: ThreadOrder) {
    this.#db = db;
    this.tally = new Tally(db);
    const places = new Places(db, this.tally);
    const onces = new Onces(db, this.tally);
    this.#adding = new Adding(db, this.tally, places, onces, order);
    this.#leases = new Leases(db, this.tally, places);
    this.#looks = new Looks(db, this.tally);
    this.#clearing = new Clearing(db, this.tally, places);
    this.#sweep = new Sweep(db, this.tally, places, onces, this.#adding);
  }

  /** What the file is known by, from its beginning. */
  get name(): string {
    return String(this.#db.prepare("SELECT name FROM identity").get()?.name);
  }

  /** When `sweep` has something to do; null: never, as things are. */
  get sweepAt(): number | null {
    return this.#sweep.nextAt;
  }

  /** Throws where the file is damaged. */
  work(group: readonly Waiting[], now: number): Worked {
    try {
      return this.#commit(() => this.#performAll(group, now));
    } catch (error) {
      if (isDamage(error)) throw error;
    }
    // One that cannot be done takes the others' commit with it: each has one of its own now.
    const each = group.map((waiting) => this.#alone(waiting, now));
    return {
      answers: each.flatMap(({ answers }) => answers),
      bodies: each.flatMap(({ bodies }) => bodies),
      rest: each.flatMap(({ rest }) => rest),
    };
  }

  /**
   * Does what time brings. What the disk does not take is tried again a second later: calls that need it say so
   * themselves. Throws where it is anything else.
   */
  sweep(now: number): void {
    try {
      this.#commit(() => this.#sweep.run(now));
    } catch (error) {
      const code = codeOf(error);
      if (code !== SQLITE.full && code !== SQLITE.ioerr) throw error;
      this.#sweep.postpone(now + TRY_AGAIN_MS);
    }
  }

  close(): void {
    this.#db.close();
  }

  #alone(waiting: Waiting, now: number): Worked {
    try {
      return this.#commit(() => this.#performAll([waiting], now));
    } catch (error) {
      if (isDamage(error)) throw error;
      const action = DEEDS[waiting.call[1]];
      const details = {
        action,
        reason: (error as Error).message,
        outcome: outcome(waiting, error),
      };
      const answer = [waiting.call[0], false, "HF_BUS_QUEUE_FAILED", details] as const;
      return { answers: [answer], bodies: [], rest: [] };
    }
  }

  #performAll(group: readonly Waiting[], now: number): Worked {
    const answers: Answer[] = [];
    const bodies: Uint8Array[] = [];
    const rest: Waiting[] = [];
    for (const waiting of group) {
      const outcome = this.#perform(waiting, now);
      const [number] = waiting.call;
      if ("refusal" in outcome) {
        answers.push([number, false, ...outcome.refusal]);
        continue;
      }
      const { isPart } = outcome;
      const value = isPart === undefined ? outcome.value : waiting.done + Number(outcome.value);
      if (isPart === true) rest.push({ ...waiting, done: Number(value) });
      else answers.push([number, true, value]);
      if (outcome.bodies !== undefined) bodies.push(...outcome.bodies);
    }
    return { answers, bodies, rest };
  }

  #perform({ call, body, since }: Waiting, now: number): Outcome {
    switch (call[1]) {
      case "add":
        return this.#adding.add(call, body, now);
      case "take":
        return this.#leases.take(call[2], call[3], call[4], now);
      case "settle":
        return this.#leases.settle(call, now);
      case "held":
        return this.#leases.held();
      case "list":
        return this.#looks.list(call[2], call[3]);
      case "peek":
        return this.#looks.peek(call[2], call[3], call[4], call[5]);
      case "retry":
        return this.#clearing.retry(call[2], call[3], since, now);
      case "purge":
        return this.#clearing.purge(call[2], call[3], call[4], since, now);
    }
  }

  /** All of it is in the file when this returns, or nothing, neither there nor in memory. */
  #commit<T>(work: () => T): T {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      const result = work();
      this.#db.exec("COMMIT");
      this.tally.keep();
      this.commits += 1;
      return result;
    } catch (error) {
      this.tally.undo();
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#db.exec("ROLLBACK");
    } catch {
      // After some errors, a full disk among them, SQLite has done so itself, and none is open.
    }
  }
}

/** What became of a call that failed. After an error of the disk its last pages may lie there all the same. */
function outcome({ done }: Waiting, error: unknown): string {
  const isKnown = codeOf(error) !== SQLITE.ioerr;
  if (done === 0) return isKnown ? NOTHING_DONE : UNKNOWN_DONE;
  return `${done} messages were done before${isKnown ? "" : "; of others it is not known"}.`;
}
