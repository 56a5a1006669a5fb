/** Questions to all members, until each has answered, is gone, or the time is over. */

import type { Entry } from "../core/socket-io/terms.ts";
import type { Answer, Local, Question } from "./local.ts";

/** Who has not answered by then may be gone. */
const DOUBT_AFTER_MS = 500;

export interface AsksPort {
  readonly me: string;
  /** It has not answered, and may be gone. */
  doubt(member: string): void;
  local(nsp: string): Local | undefined;
  post(to: string, kind: "answer", answer: Answer): void;
}

export interface Asking {
  /** Who is to answer. */
  readonly members: Iterable<string>;
  readonly timeoutMs: number;
  /** An answer has come, or something that belongs to it. */
  heard(from: string, value: unknown): void;
  /** A member is gone before it has answered. */
  lost?(from: string): void;
  /** All have answered or are gone; or else these have not. */
  ended(missing: readonly string[]): void;
}

interface Open {
  readonly asking: Asking;
  readonly missing: Set<string>;
  readonly timers: readonly NodeJS.Timeout[];
}

export class Asks {
  readonly #port: AsksPort;
  readonly #open = new Map<number, Open>();
  #last = 0;

  constructor(port: AsksPort) {
    this.#port = port;
  }

  /** Gives back the question's number. */
  begin(asking: Asking): number {
    this.#last += 1;
    const id = this.#last;
    const { timeoutMs } = asking;
    const missing = new Set(asking.members);
    const doubt = (): void => {
      for (const member of missing) this.#port.doubt(member);
    };
    const timers = [
      setTimeout(doubt, Math.min(DOUBT_AFTER_MS, timeoutMs)).unref(),
      setTimeout(() => this.#end(id), timeoutMs).unref(),
    ];
    this.#open.set(id, { asking, missing, timers });
    if (missing.size === 0) this.#end(id);
    return id;
  }

  /** `isLast`: nothing more comes from this member. */
  heard(id: number, from: string, value: unknown, isLast: boolean): void {
    const open = this.#open.get(id);
    if (!open?.missing.has(from)) return;
    if (isLast) open.missing.delete(from);
    open.asking.heard(from, value);
    if (open.missing.size === 0) this.#end(id);
  }

  gone(member: string): void {
    for (const [id, { asking, missing }] of [...this.#open]) {
      if (!missing.delete(member)) continue;
      asking.lost?.(member);
      if (missing.size === 0) this.#end(id);
    }
  }

  /** Another member asks. */
  answer({ from, meta, body }: Entry): void {
    if (from === this.#port.me) return;
    const question = meta as Question;
    const reply = (value: unknown, isLast: boolean): void =>
      this.#port.post(from, "answer", { id: question.id, value, isLast });
    const local = this.#port.local(question.nsp);
    if (local) local.answer(question, body, reply);
    else reply(null, true);
  }

  #end(id: number): void {
    const open = this.#open.get(id);
    if (!open) return;
    const missing = [...open.missing];
    this.#open.delete(id);
    for (const timer of open.timers) clearTimeout(timer);
    // One that was lately still alive may be gone by now: the next question is not to wait for it.
    for (const member of missing) this.#port.doubt(member);
    open.asking.ended(missing);
  }
}
