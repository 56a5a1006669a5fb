/**
 * Brings listening sockets back from workers that another supervisor started: they have duplicates of what died with
 * it. Of each socket that is missing one holder is asked after the other; what nobody has is bound anew.
 */

import type { ListeningAt } from "../../link/adoption.ts";
import type { Handle } from "../node-internals.ts";

/** A worker that does not answer within this time is busy or stopped: another one may have the socket, too. */
const ANSWER_WITHIN_MS = 5000;
/** No worker's id. */
const NOBODY = 0;

export interface BringBackPort {
  /** Sends `return` to a worker. */
  ask(worker: number, key: string, shard: number): void;
  /** The socket of a shard; false where it is another one than it should be. It is the port's from then on. */
  regained(key: string, shard: number, handle: Handle): boolean;
  /**
   * Nobody has given this one back. False where it cannot be bound anew, for a worker that does not answer has it:
   * all are asked again later.
   */
  lost(key: string, shard: number, isHeld: boolean): boolean;
  /** Nothing of this address is missing any more. */
  whole(key: string): void;
}

interface Missing {
  readonly key: string;
  readonly shard: number;
  readonly tried: Set<number>;
  asked: { readonly worker: number; readonly timer: NodeJS.Timeout } | null;
}

export class BringBack {
  readonly #port: BringBackPort;
  /** Workers that have not said what they hold. */
  readonly #awaited = new Set<number>();
  /** What the others have said. */
  readonly #holders = new Map<number, readonly ListeningAt[]>();
  readonly #missing = new Set<Missing>();
  /** Addresses that something is missing of, as far as has been told. */
  readonly #incomplete = new Set<string>();
  readonly #waiting = new Map<string | null, (() => void)[]>();

  constructor(port: BringBackPort) {
    this.#port = port;
  }

  /** The worker will say what it holds, or end. */
  await(worker: number): void {
    this.#awaited.add(worker);
  }

  /** A socket that is not here. */
  miss(key: string, shard: number): void {
    this.#missing.add({ key, shard, tried: new Set(), asked: null });
    this.#incomplete.add(key);
  }

  awaits(worker: number): boolean {
    return this.#awaited.has(worker);
  }

  isWhole(key: string): boolean {
    return ![...this.#missing].some((missing) => missing.key === key);
  }

  /** What an address can be joined after: its sockets are there, or nobody has any. Null: at once. */
  settled(key: string): Promise<void> | null {
    const on = this.isWhole(key) ? null : key;
    if (on === null && this.#awaited.size === 0) return null;
    return new Promise((resolve) => {
      this.#waiting.set(on, [...(this.#waiting.get(on) ?? []), resolve]);
    });
  }

  /** The worker is there, and has said what it holds; again when it has lost us in between. */
  linked(worker: number, listening: readonly ListeningAt[]): void {
    this.#awaited.delete(worker);
    this.#holders.set(worker, listening);
    for (const missing of this.#missing) {
      missing.tried.delete(worker);
      if (missing.asked?.worker === worker) this.#answered(missing);
    }
    this.pursue();
  }

  gone(worker: number): void {
    if (!this.#awaited.delete(worker) && !this.#holders.delete(worker)) return;
    for (const missing of this.#missing) {
      if (missing.asked?.worker === worker) this.#answered(missing);
    }
    this.pursue();
  }

  /** The worker's answer to `return`: the socket, or that it has none. */
  answered(worker: number, key: unknown, shard: unknown, handle: Handle | undefined): void {
    const found = [...this.#missing].find(
      (missing) =>
        missing.key === key && missing.shard === shard && missing.asked?.worker === worker,
    );
    if (!found) return handle?.close();
    this.#answered(found);
    if (handle && this.#port.regained(found.key, found.shard, handle)) this.#missing.delete(found);
    this.pursue();
  }

  /** Asks for what is missing where it may be; what nobody can have any more is lost. */
  pursue(): void {
    for (const missing of [...this.#missing]) {
      if (missing.asked) continue;
      const worker = this.#holderOf(missing);
      if (worker !== undefined) this.#ask(missing, worker);
      else if (this.#awaited.size === 0) {
        const { key, shard } = missing;
        const isHeld = [...this.#holders.values()].some((listening) => has(listening, key, shard));
        this.#missing.delete(missing);
        if (this.#port.lost(key, shard, isHeld)) continue;
        this.#missing.add(missing);
        missing.tried.clear();
        this.#wait(missing, NOBODY);
      }
    }
    this.#release();
  }

  /** Asks nobody any more. */
  close(): void {
    for (const { asked } of this.#missing) clearTimeout(asked?.timer);
    this.#missing.clear();
    this.#incomplete.clear();
    this.#awaited.clear();
    this.#holders.clear();
    this.#release();
  }

  #ask(missing: Missing, worker: number): void {
    missing.tried.add(worker);
    this.#wait(missing, worker);
    this.#port.ask(worker, missing.key, missing.shard);
  }

  #wait(missing: Missing, worker: number): void {
    const late = (): void => {
      missing.asked = null;
      this.pursue();
    };
    missing.asked = { worker, timer: setTimeout(late, ANSWER_WITHIN_MS) };
  }

  #answered(missing: Missing): void {
    clearTimeout(missing.asked?.timer);
    missing.asked = null;
  }

  #holderOf({ key, shard, tried }: Missing): number | undefined {
    for (const [worker, listening] of this.#holders) {
      if (!tried.has(worker) && has(listening, key, shard)) return worker;
    }
    return undefined;
  }

  /** Whoever waits for an address that is whole now, or for all to have spoken, goes on. */
  #release(): void {
    for (const key of [...this.#incomplete]) {
      if (this.isWhole(key) && this.#incomplete.delete(key)) this.#port.whole(key);
    }
    for (const [key, waiting] of [...this.#waiting]) {
      const isOver = key === null ? this.#awaited.size === 0 : this.isWhole(key);
      if (!isOver) continue;
      this.#waiting.delete(key);
      for (const resolve of waiting) resolve();
    }
  }
}

function has(listening: readonly ListeningAt[], key: string, shard: number): boolean {
  return listening.some((at) => at.request.key === key && at.shards.includes(shard));
}
