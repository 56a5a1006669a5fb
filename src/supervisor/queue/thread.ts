/** The thread's ear and voice: takes all calls that wait, has them worked on, answers them together. */

import { join } from "node:path";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Answer, News, Said, ThreadOrder, Told } from "./calls.ts";
import { Clerk, isDamage, type Waiting } from "./clerk.ts";
import { type Database, type DatabaseClass, loadSqlite } from "./driver.ts";
import { FolderRefused, openDatabase, refusal } from "./schema.ts";

/** Calls in one commit: more of them make nobody faster, and the first wait for the last. */
const GROUP_MOST = 2000;
/** The clock may be set while nothing happens. */
const LONGEST_SLEEP_MS = 5000;
const NOTHING = new Uint8Array(0);

/** Opens the folder and says so, or why not. */
export async function runThread(port: MessagePort, order: ThreadOrder): Promise<void> {
  const Sqlite = await loadSqlite();
  if (typeof Sqlite === "string") {
    tell(port, { kind: "refused", refusal: ["HF_BUS_QUEUE_NO_SQLITE", { reason: Sqlite }] });
    return;
  }
  const clerk = openClerk(Sqlite, order);
  if (clerk instanceof FolderRefused) {
    const details = { directory: order.folder, reason: clerk.message };
    tell(port, { kind: "refused", refusal: ["HF_BUS_QUEUE_FOLDER", details] });
    return;
  }
  new Thread(port, clerk, order).start();
}

function openClerk(Sqlite: DatabaseClass, order: ThreadOrder): Clerk | FolderRefused {
  let db: Database | null = null;
  try {
    db = openDatabase(Sqlite, order.folder, order.fsync);
    return new Clerk(db, order);
  } catch (error) {
    db?.close();
    return error instanceof FolderRefused ? error : refusal(fileOf(order), error);
  }
}

class Thread {
  readonly #port: MessagePort;
  readonly #clerk: Clerk;
  readonly #order: ThreadOrder;
  readonly #waiting: Waiting[] = [];
  #alarm: NodeJS.Timeout | undefined;
  #isTurnPlanned = false;
  #isClosing = false;

  constructor(port: MessagePort, clerk: Clerk, order: ThreadOrder) {
    this.#port = port;
    this.#clerk = clerk;
    this.#order = order;
  }

  start(): void {
    this.#port.on("message", (said: Said) => {
      this.#hear(said);
      if (!this.#isTurnPlanned) this.#turn();
    });
    this.#guarded(() => {
      this.#clerk.sweep(this.#now());
      tell(this.#port, { kind: "open", name: this.#clerk.name, ...this.#news() });
      this.#setAlarm();
    });
  }

  #now(): number {
    return Date.now() + this.#order.clockAheadMs;
  }

  #hear(said: Said): void {
    if (said === "close") {
      this.#isClosing = true;
      return;
    }
    const since = this.#now();
    let at = 0;
    for (const call of said.calls) {
      const bytes = call[1] === "add" ? call[14] : 0;
      const body = bytes === 0 ? NOTHING : said.bodies.subarray(at, at + bytes);
      this.#waiting.push({ call, body, since, done: 0 });
      at += bytes;
    }
  }

  /** One group; where more waits, the next follows when the port and the alarm have had their turn. */
  #turn(): void {
    this.#isTurnPlanned = false;
    while (this.#waiting.length < GROUP_MOST) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) break;
      this.#hear(received.message as Said);
    }
    this.#guarded(() => {
      this.#work();
      if (this.#waiting.length > 0) {
        this.#isTurnPlanned = true;
        setImmediate(() => this.#turn());
      } else if (this.#isClosing) {
        this.#end();
      } else {
        this.#setAlarm();
      }
    });
  }

  #work(): void {
    const now = this.#now();
    if ((this.#clerk.sweepAt ?? now + 1) <= now) this.#clerk.sweep(now);
    const group = this.#waiting.splice(0, GROUP_MOST);
    if (group.length === 0) return;
    const { answers, bodies, rest } = this.#clerk.work(group, now);
    this.#waiting.push(...rest);
    this.#answer(answers, bodies);
  }

  #answer(answers: readonly Answer[], bodies: readonly Uint8Array[]): void {
    const all = joined(bodies);
    const told: Told = { kind: "answers", answers, bodies: all, ...this.#news() };
    this.#port.postMessage(told, [all.buffer]);
  }

  #news(): News {
    const { tally, commits } = this.#clerk;
    return { due: tally.due(), depths: tally.changed(), counts: tally.counts, commits };
  }

  #setAlarm(): void {
    clearTimeout(this.#alarm);
    const at = this.#clerk.sweepAt;
    if (at === null) return;
    const inMs = Math.min(Math.max(at - this.#now(), 0), LONGEST_SLEEP_MS);
    this.#alarm = setTimeout(() => this.#wake(), inMs);
  }

  #wake(): void {
    this.#guarded(() => {
      const now = this.#now();
      if ((this.#clerk.sweepAt ?? now + 1) <= now) {
        this.#clerk.sweep(now);
        this.#answer([], []);
      }
      this.#setAlarm();
    });
  }

  #end(): void {
    clearTimeout(this.#alarm);
    this.#clerk.close();
    tell(this.#port, { kind: "closed" });
    this.#port.close();
  }

  /** A damaged file is the end, and said to be; what else is thrown is a fault of ours, and ends the thread as one. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      const reason = refusal(fileOf(this.#order), error).message;
      const details = { directory: this.#order.folder, reason };
      tell(this.#port, { kind: "failed", refusal: ["HF_BUS_QUEUE_DAMAGED", details] });
      clearTimeout(this.#alarm);
      this.#clerk.close();
      this.#port.close();
    }
  }
}

function joined(bodies: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bodies.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const body of bodies) {
    all.set(body, at);
    at += body.length;
  }
  return all;
}

function tell(port: MessagePort, told: Told): void {
  port.postMessage(told);
}

function fileOf({ folder }: ThreadOrder): string {
  return join(folder, "queues.db");
}
