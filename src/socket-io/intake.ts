/** What comes from other members, put in its order: held while this one is new, and asked for again where it is missing. */

import { Inflow } from "../core/socket-io/inflow.ts";
import type { Ledger } from "../core/socket-io/ledger.ts";
import { covers } from "../core/socket-io/positions.ts";
import type { Entry, Positions } from "../core/socket-io/terms.ts";
import type { Told } from "./catch-up.ts";

const LOOK_EVERY_MS = 50;
/** What waits at the supervisor, or was sent twice, comes by itself. */
const ASK_AFTER_MS = 100;
const GIVE_UP_AFTER_MS = 2500;

export interface IntakePort {
  /** An entry of another member, in its turn. Never throws. */
  apply(entry: Entry): void;
  /** One of this member's own has come back. */
  own(n: number): void;
  /** For older entries, from before this member was there. */
  readonly ledger: Ledger<Entry>;
  /** Something is being fetched. */
  isRepairing(): boolean;
  /** Fetches what is missing of this member. */
  repair(member: string): void;
  /** So many entries of a member will not come. */
  lost(member: string, count: number): void;
  isMember(member: string): boolean;
}

interface Look {
  position: number;
  at: number;
  /** When it was asked for, what had not come up to there was on its way no more; null: it was not. */
  askedUpTo: number | null;
}

export class Intake {
  readonly inflow = new Inflow<Entry>();
  readonly #port: IntakePort;
  readonly #me: string;
  /** What comes before this member knows what was before; null: it knows. */
  #early: (Entry | number)[] | null = [];
  readonly #begins = new Map<string, number>();
  /** Of each gap, how far its member had come when something was last done about it. */
  readonly #looks = new Map<string, Look>();
  readonly #watchers = new Set<() => void>();
  /** The highest that the bus itself has brought of each member, by this connection. */
  readonly #brought = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(me: string, port: IntakePort) {
    this.#me = me;
    this.#port = port;
  }

  get isLive(): boolean {
    return this.#early === null;
  }

  /** The bus has brought it. */
  take(entry: Entry): void {
    this.#brought.set(entry.from, Math.max(entry.n, this.broughtUpTo(entry.from)));
    this.add(entry);
  }

  /** Up to there nothing of a member is on its way any more: the bus brings it in its order. 0: it has brought none. */
  broughtUpTo(member: string): number {
    return this.#brought.get(member) ?? 0;
  }

  /** The connection is lost. */
  down(): void {
    this.#brought.clear();
  }

  /** A member is gone: what is still on its way of it is not waited for. */
  gone(member: string): void {
    this.#brought.delete(member);
    this.look();
  }

  /** It has come, by the bus or from one that has kept it. */
  add(entry: Entry): void {
    if (this.#early) this.#early.push(entry.from === this.#me ? entry.n : entry);
    else if (entry.from === this.#me) this.#port.own(entry.n);
    else {
      this.inflow.take(entry, performance.now(), this.#port.apply);
      this.#changed();
    }
  }

  /** A member has told which was the last it said before it heard of this one. */
  begin(member: string, n: number): void {
    if (this.#early) {
      if (!this.#begins.has(member)) this.#begins.set(member, n);
    } else {
      this.inflow.begin(member, n, this.#port.apply);
      this.#changed();
    }
  }

  /** What has not come of a member up to that number will not: up to `packets` there may be packets among it. */
  passOver(member: string, upTo: number, packets = upTo): void {
    const before = this.inflow.positions.get(member) ?? 0;
    const count = this.inflow.passOver(member, upTo, this.#port.apply);
    // Who comes back here, and has not had them, is to know.
    if (count > 0 && packets > before) this.#port.ledger.lack(member, packets, Date.now());
    if (count > 0) this.#port.lost(member, count);
    this.#changed();
  }

  /** This member knows what was before, or that nobody knows. */
  goLive(told: Told | null): void {
    const { ledger } = this.#port;
    const early = this.#early ?? [];
    const first = new Map<string, number>();
    for (const each of early) {
      if (typeof each === "number") continue;
      first.set(each.from, Math.min(each.n, first.get(each.from) ?? each.n));
    }
    for (const [member, n] of [...this.#begins, ...(told?.positions ?? [])]) {
      const before = (first.get(member) ?? Number.POSITIVE_INFINITY) - 1;
      if (member !== this.#me) this.inflow.note(member, Math.min(n, before));
    }
    for (const entry of told?.entries ?? []) {
      if (covers(this.inflow.positions, entry.from, entry.n)) ledger.append(entry);
    }
    // What nobody here has any more cannot be sent again.
    for (const [from, n, at] of told?.dropped ?? []) ledger.lack(from, n, at);
    // The first that each has said is hello: in a cluster that begins nothing is missing.
    for (const [from, n] of told ? [] : this.inflow.positions) {
      if (from !== this.#me && n > 1) ledger.lack(from, n, Date.now());
    }
    this.#early = null;
    for (const each of early) {
      if (typeof each === "number") this.#port.own(each);
      else this.add(each);
    }
    this.#changed();
  }

  /** Resolves when all these have come, except what will never come, or with false when the time is over. */
  async whenHad(positions: Positions, timeoutMs: number): Promise<boolean> {
    const isHad = (from: string, n: number): boolean =>
      covers(this.inflow.positions, from, n) ||
      (this.inflow.knows(from) && from !== this.#me && !this.#port.isMember(from));
    const open = [...positions];
    // A client may name very many: what has come is not looked at again.
    const isDone = (): boolean => {
      for (let last = open.at(-1); last && isHad(...last); last = open.at(-1)) open.pop();
      return open.length === 0;
    };
    if (await this.when(isDone, timeoutMs)) return true;
    // Nobody here has ever heard of such a member.
    return open.every(([from, n]) => isHad(from, n) || !this.inflow.knows(from));
  }

  /** Resolves with true when it is so, looked at after each entry, or with false when the time is over. */
  when(isDone: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isDone()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (isDone()) end(true);
      };
      const timer = setTimeout(() => end(isDone()), timeoutMs).unref();
      this.#watchers.add(look);
    });
  }

  /** Something has changed that somebody may wait for. */
  look(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #changed(): void {
    if (this.#watchers.size > 0) this.look();
    if (!this.inflow.hasGaps || this.#timer) return;
    this.#timer = setInterval(() => this.#mend(), LOOK_EVERY_MS).unref();
  }

  #mend(): void {
    const now = performance.now();
    for (const { from, since } of this.inflow.gaps()) this.#mendOne(from, since, now);
    const open = new Set(this.inflow.gaps().map(({ from }) => from));
    for (const from of this.#looks.keys()) if (!open.has(from)) this.#looks.delete(from);
    if (open.size === 0) this.close();
    this.look();
  }

  #mendOne(from: string, since: number, now: number): void {
    const position = this.inflow.positions.get(from) ?? 0;
    const look = this.#looks.get(from) ?? { position, at: since, askedUpTo: null };
    // It comes on: what is missing now is another gap.
    if (look.position !== position) Object.assign(look, { position, at: now, askedUpTo: null });
    else if (this.#port.isRepairing()) look.at = now;
    this.#looks.set(from, look);
    if (this.#port.isRepairing()) return;
    if (look.askedUpTo !== null) {
      if (now - look.at < GIVE_UP_AFTER_MS) return;
      this.passOver(from, look.askedUpTo);
      // What is still on its way cannot be given up: it is asked for again.
      Object.assign(look, { at: now, askedUpTo: null });
    } else if (now - look.at >= ASK_AFTER_MS) {
      const isThere = this.#port.isMember(from);
      look.askedUpTo = isThere ? this.broughtUpTo(from) : this.inflow.highest(from);
      this.#port.repair(from);
    }
  }
}
