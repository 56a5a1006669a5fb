/** The locks this process holds and waits for. */

import { HoldfastError } from "../errors.ts";
import { BUS, type BusFrame } from "../link/bus-frames.ts";
import { HeldLock } from "./held-lock.ts";
import { LockWait } from "./lock-wait.ts";
import type { Lock, LockOptions } from "./locks-api.ts";
import { checkSubject, LOCK, readOptions } from "./options.ts";
import type { Part, PartPort } from "./part.ts";

export class Locks implements Part {
  readonly kinds = [BUS.unlock];
  readonly #port: PartPort;
  readonly #held = new Map<number, HeldLock>();
  readonly #waits = new Set<LockWait>();

  constructor(port: PartPort) {
    this.#port = port;
  }

  /** Resolves when this process holds it. */
  async lock(name: string, options?: LockOptions): Promise<Lock> {
    checkSubject(name, "write");
    const { timeout: timeoutMs, signal } = readOptions("bus.lock()", LOCK, options);
    const link = this.#port.useWhileOpen("lock");
    if (signal?.aborted) throw signal.reason;
    const number = this.#port.number();
    return new Promise<Lock>((resolve, reject) => {
      const over = (): void => void this.#waits.delete(wait);
      const ends = {
        granted: (fence: number) => {
          over();
          resolve(this.hold({ number, name, fence }));
        },
        rejected: (error: unknown) => {
          over();
          reject(error);
        },
      };
      const wait = new LockWait({ number, name, timeoutMs, signal, ...ends }, this.#port);
      this.#waits.add(wait);
      this.#port.outbox.post(wait, link);
    });
  }

  /** The supervisor has granted it: from now on its loss is told. */
  hold(grant: Pick<HeldLock, "number" | "name" | "fence">): HeldLock {
    const held = new HeldLock(grant, this.#port, () => void this.#held.delete(grant.number));
    this.#held.set(grant.number, held);
    return held;
  }

  hear(frame: BusFrame): void {
    const reason = "the supervisor gives it to another, as this process drains or hangs";
    this.#held.get(frame.id)?.warn(reason);
  }

  has(number: number): boolean {
    return this.#held.has(number);
  }

  up(): void {}

  down(): void {
    this.#lose("the connection to the supervisor is lost");
  }

  /** Those who wait are told by the outbox. */
  unreachable(): void {}

  fail(error: HoldfastError): void {
    const isClosed = error.code === "HF_BUS_CLOSED";
    this.#lose(isClosed ? "the bus of this process was closed" : error.message);
  }

  /**
   * What is done under locks ends with them; they are no work by themselves. Requests that a process still has while
   * it drains may need more of them.
   */
  async drain(isClosing: boolean): Promise<void> {
    if (!isClosing) return;
    const error = new HoldfastError("HF_BUS_CLOSED", { action: "lock" });
    for (const wait of [...this.#waits]) wait.cancel(error);
  }

  #lose(reason: string): void {
    for (const held of [...this.#held.values()]) held.lose(reason);
  }
}
