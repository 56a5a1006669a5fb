/** What was asked and answered, what was done, and what was seen: plain data, for the judge. All times are milliseconds since 1970. */

import type { FailureKind } from "../support/ledger.ts";
import type { Step } from "./schedule.ts";

/** From and to. */
export type Span = readonly [number, number];

export interface Peer {
  /** The client's own port; null where the connection never came to be. */
  readonly port: number | null;
  readonly openedAt: number;
  /** The pid of who answered last on it, null before the first answer. */
  readonly worker: number | null;
}

/** A request that failed; `bus`: it was answered, and the answer was that the bus had failed. */
export interface Failed extends Peer {
  readonly load: string;
  readonly kind: FailureKind | "bus";
  readonly detail: string;
  readonly from: number;
  readonly to: number;
}

/** A WebSocket the server closed. */
export interface Closed extends Peer {
  readonly code: number;
  readonly at: number;
  /** Echoes that did not come. */
  readonly owed: number;
}

/** A worker this test has killed, or made crash. */
export interface Death {
  readonly step: number;
  readonly pid: number;
  readonly slot: number;
  readonly at: number;
  /** The clients' ports of all connections it held in its last instant. */
  readonly ports: readonly number[];
}

/** Nobody was in charge, or an heir was missing: it was killed by this test. `to` is null where none came. */
export interface Outage {
  readonly step: number;
  readonly what: "supervisor" | "heir" | "both";
  readonly from: number;
  readonly to: number | null;
}

export interface Command {
  readonly step: number;
  readonly title: string;
  /** Workers are drained by it. */
  readonly drains: boolean;
  readonly from: number;
  readonly to: number;
  /** Null: it hung. */
  readonly status: number | null;
  readonly said: string;
}

/** A worker's or supervisor's process that was there and is not any more. */
export interface Gone {
  readonly pid: number;
  /** Null: it was the supervisor. */
  readonly slot: number | null;
  readonly lastSeen: number;
  readonly at: number;
}

/** Descriptors of one process, by what they are. */
export interface Held {
  readonly role: "supervisor" | "heir" | "worker";
  readonly pid: number;
  readonly kinds: Readonly<Record<string, number>>;
}

export interface UnixSockets {
  /** The path below the home. */
  readonly name: string;
  readonly listening: number;
  readonly connected: number;
}

/** Everything at rest: what there is. */
export interface Look {
  readonly step: number;
  readonly at: number;
  /** What could not be brought to rest. */
  readonly unrest: readonly string[];
  readonly wanted: number;
  readonly ready: number;
  /** As `list` tells them, and as the system does. */
  readonly listed: readonly number[];
  readonly workers: readonly number[];
  readonly claimed: number | null;
  readonly supervisor: number | null;
  readonly heirs: readonly number[];
  /** How many there should be. */
  readonly heirsWanted: number;
  /** Processes of this home that are neither. */
  readonly strangers: readonly string[];
  readonly held: readonly Held[];
  readonly sockets: readonly UnixSockets[];
}

export interface Deed {
  readonly step: Step;
  readonly at: number;
  /** Who it hit, or why it was left out. */
  readonly note: string;
  readonly done: boolean;
}

/** A line of the app's own file: `begin`, `end` of a message's handler, or `wrong`. */
export interface Line {
  readonly what: string;
  readonly name: string;
  readonly pid: number;
  readonly at: number;
}

export interface History {
  readonly failed: readonly Failed[];
  readonly closed: readonly Closed[];
  readonly deeds: readonly Deed[];
  readonly deaths: readonly Death[];
  readonly outages: readonly Outage[];
  readonly commands: readonly Command[];
  readonly gone: readonly Gone[];
  readonly looks: readonly Look[];
  /** Names of durable messages that were accepted, and when. */
  readonly accepted: ReadonlyMap<string, number>;
  readonly lines: readonly Line[];
  /** What went well, by load. */
  readonly ok: ReadonlyMap<string, number>;
  /** What was left behind at the end. */
  readonly remains: readonly string[];
}

/** Tenths of seconds: what is slow is told in them. */
const BIN_MS = 100;
/** Loads whose answers need the bus, and the bus needs the supervisor. */
const ON_BUS: readonly string[] = ["ask", "publish", "enqueue"];

/** The longest anybody waited, in milliseconds. */
export interface Slowest {
  readonly worker: number;
  readonly bus: number;
}

const NOBODY: Slowest = { worker: 0, bus: 0 };

/** The one book all loads, deeds and looks are written into. */
export class Ledger implements History {
  readonly failed: Failed[] = [];
  readonly closed: Closed[] = [];
  readonly deeds: Deed[] = [];
  readonly deaths: Death[] = [];
  readonly outages: Outage[] = [];
  readonly commands: Command[] = [];
  readonly gone: Gone[] = [];
  readonly looks: Look[] = [];
  readonly accepted = new Map<string, number>();
  lines: readonly Line[] = [];
  readonly ok = new Map<string, number>();
  readonly remains: string[] = [];
  readonly #slowest = new Map<number, Slowest>();
  #messages = 0;

  /** The number of a durable message: none has it a second time. */
  nextMessage(): number {
    this.#messages += 1;
    return this.#messages;
  }

  answered(load: string, from: number, to: number): void {
    this.ok.set(load, (this.ok.get(load) ?? 0) + 1);
    const bin = Math.floor(to / BIN_MS);
    const { worker, bus } = this.#slowest.get(bin) ?? NOBODY;
    const took = to - from;
    const isOnBus = ON_BUS.includes(load);
    this.#slowest.set(bin, {
      worker: isOnBus ? worker : Math.max(worker, took),
      bus: isOnBus ? Math.max(bus, took) : bus,
    });
  }

  /** Of those whose good answers came between these. */
  slowest([from, to]: Span): Slowest {
    let { worker, bus } = NOBODY;
    for (let bin = Math.floor(from / BIN_MS); bin <= Math.floor(to / BIN_MS); bin += 1) {
      const one = this.#slowest.get(bin) ?? NOBODY;
      worker = Math.max(worker, one.worker);
      bus = Math.max(bus, one.bus);
    }
    return { worker: Math.round(worker), bus: Math.round(bus) };
  }
}

export function readLines(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [what = "", pid, at, name = ""] = line.split(" ");
      return { what, name, pid: Number(pid), at: Number(at) };
    });
}
