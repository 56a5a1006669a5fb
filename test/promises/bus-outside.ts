/** A program outside that uses the bus all the time and keeps account of what it was told. */

import type { Bus } from "../../src/bus/api.ts";
import { HoldfastError } from "../../src/errors.ts";
import type { Span } from "./bus-judge.ts";

/** One request, or another call that has to end. */
interface Asked {
  readonly from: number;
  readonly to: number;
  readonly timeoutMs: number;
  /** By a clock that only goes forward. */
  readonly tookMs: number;
  /** The longest this process stood still meanwhile. */
  readonly stillMs: number;
  /** `answer`, the code of a HoldfastError of the bus, or what else it was. */
  readonly outcome: string;
}

const EVERY_MS = 50;
/** What a request may take beyond its timeout. */
const BEYOND_MS = 500;
/** How requests end while there is a supervisor: at once, also where all who answer are dead. */
const AT_ONCE = new Set(["answer", "HF_BUS_WORKER_LOST", "HF_BUS_NO_RESPONDERS"]);
/** Where this process stood still for so long, those who answer may have done so, too. */
const STILL_MS = 250;

export class Outside {
  readonly accepted: { readonly id: string; readonly name: string }[] = [];
  readonly asked: Asked[] = [];
  /** By the code with which an enqueue or a publish failed. */
  readonly refusals = new Map<string, number>();
  /** When its connection came again. */
  readonly ups: number[] = [];
  readonly #bus: Bus;
  readonly #name: string;
  readonly #random: () => number;
  readonly #pulse = new Pulse();
  readonly #under = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #n = 0;

  constructor(bus: Bus, name: string, random: () => number) {
    this.#bus = bus;
    this.#name = name;
    this.#random = random;
    this.#timer = setInterval(() => this.#act(), EVERY_MS);
    bus.on("up", () => void this.ups.push(Date.now()));
  }

  /** Begins nothing more. Resolves when everything has ended. */
  async rest(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#under);
    this.#pulse.stop();
  }

  #act(): void {
    this.#n += 1;
    const waitMs = Math.floor(this.#random() * 60);
    const timeoutMs = Math.floor(1000 + this.#random() * 3000);
    this.#run(this.#enqueue(`${this.#name}-${this.#n}`, waitMs));
    if (this.#n % 2 === 0) this.#run(this.#ask(waitMs, timeoutMs, this.#n % 4 === 0));
    else this.#run(this.#bus.publish("news.outside", { n: this.#n }));
  }

  #run(action: Promise<void>): void {
    const done = action
      .catch((error: unknown) => {
        const code = codeOf(error);
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
      })
      .finally(() => this.#under.delete(done));
    this.#under.add(done);
  }

  async #enqueue(name: string, waitMs: number): Promise<void> {
    const { id } = await this.#bus.enqueue("work", { name, waitMs }, { attempts: 100 });
    this.accepted.push({ id, name });
  }

  async #ask(waitMs: number, timeoutMs: number, idempotent: boolean): Promise<void> {
    const from = Date.now();
    const began = performance.now();
    const outcome = await this.#bus
      .request<number>("ask", { waitMs }, { timeout: timeoutMs, idempotent })
      .then((pid) => (Number.isInteger(pid) ? "answer" : `the answer ${pid}`), codeOf);
    const tookMs = performance.now() - began;
    const stillMs = this.#pulse.longestSince(began);
    this.asked.push({ from, to: Date.now(), timeoutMs, tookMs, stillMs, outcome });
  }
}

/** What is wrong with how requests have ended. */
export function misanswered(asked: readonly Asked[], outages: readonly Span[]): string[] {
  return asked.flatMap(({ from, to, timeoutMs, tookMs, stillMs, outcome }) => {
    const [took, still] = [Math.round(tookMs), Math.round(stillMs)];
    const told = `${outcome} after ${took} of ${timeoutMs} ms at ${to} (stood still for ${still})`;
    if (tookMs > timeoutMs + BEYOND_MS + stillMs) return [`too late: ${told}`];
    if (outcome !== "answer" && !outcome.startsWith("HF_BUS_")) return [`no such end: ${told}`];
    // The handlers are quick: who waits until the timeout waits for one that is dead.
    const isExcused =
      stillMs > STILL_MS || outages.some(([start, end]) => start <= to && from <= end);
    return isExcused || AT_ONCE.has(outcome) ? [] : [`with a supervisor: ${told}`];
  });
}

function codeOf(error: unknown): string {
  return error instanceof HoldfastError ? error.code : String((error as Error)?.stack ?? error);
}

/** Finds out when this process's event loop stands still. */
class Pulse {
  readonly #stills: { readonly to: number; readonly ms: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();

  constructor(everyMs = 10) {
    this.#timer = setInterval(() => {
      const ms = this.#quietMs();
      this.#last = performance.now();
      if (ms > 2 * everyMs) this.#stills.push({ to: this.#last, ms });
    }, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The longest standstill that ended after this instant, one that is not over among them. */
  longestSince(from: number): number {
    const ended = this.#stills.filter(({ to }) => to >= from).map(({ ms }) => ms);
    return Math.max(0, this.#quietMs(), ...ended);
  }

  #quietMs(): number {
    return performance.now() - this.#last;
  }
}
