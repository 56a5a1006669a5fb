/** A lock that this process holds, from its grant until it is released or lost. */

import { HoldfastError } from "../errors.ts";
import { BUS, type OutgoingFrame } from "../link/bus-frames.ts";
import { frameOf } from "./frames-out.ts";
import type { Lock } from "./locks-api.ts";
import { type Parcel, waitingBytes } from "./outbox.ts";
import type { PartPort } from "./part.ts";
import type { Awaited } from "./pending.ts";

export class HeldLock implements Lock, Parcel, Awaited {
  readonly number: number;
  readonly name: string;
  readonly fence: number;
  readonly #port: PartPort;
  readonly #ended: () => void;
  readonly #controller = new AbortController();
  readonly #unlock: OutgoingFrame;
  #state: "held" | "releasing" | "over" = "held";
  #whenOver!: () => void;
  readonly #over = new Promise<void>((resolve) => {
    this.#whenOver = resolve;
  });

  /** `ended`: its number is free again. */
  constructor(
    grant: Pick<HeldLock, "number" | "name" | "fence">,
    port: PartPort,
    ended: () => void,
  ) {
    this.number = grant.number;
    this.name = grant.name;
    this.fence = grant.fence;
    this.#port = port;
    this.#ended = ended;
    this.#unlock = frameOf(BUS.unlock, grant.number);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  release(): Promise<void> {
    if (this.#state === "held") {
      this.#state = "releasing";
      // In its turn: what was published under the lock is before what its next holder publishes.
      this.#port.outbox.post(this, this.#port.link);
    }
    return this.#over;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Its holder is to end; it is held until it is released. */
  warn(reason: string): void {
    if (this.#state === "held") this.#controller.abort(lost(this.name, reason));
  }

  /** The supervisor may have given it to another one. */
  lose(reason: string): void {
    this.warn(reason);
    this.#end();
  }

  get subject(): string {
    return this.name;
  }

  get bytes(): number {
    return waitingBytes(this.#unlock);
  }

  frame(): OutgoingFrame | null {
    return this.#state === "releasing" ? this.#unlock : null;
  }

  sent(): void {
    this.#port.pending.add(this.number, this);
  }

  heard(): boolean {
    this.#end();
    return true;
  }

  lost(): null {
    this.#end();
    return null;
  }

  /** Where too much waits before it: it is not kept from the others for that. */
  failed(): void {
    if (this.#state === "releasing") this.#port.link?.send(this.#unlock);
    this.#end();
  }

  #end(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#ended();
    this.#whenOver();
  }
}

function lost(name: string, reason: string): HoldfastError {
  return new HoldfastError("HF_BUS_LOCK_LOST", { name, reason });
}
