/** What members ask of the supervisor itself, beside what it passes on: each desk hears frames of its own. */

import type { MemberState } from "../../core/bus/exchange.ts";
import type { BusFrame } from "../../link/bus-frames.ts";
import type { Client } from "./client.ts";

export interface Desk {
  /** The kinds of frames it hears. */
  readonly kinds: readonly number[];
  hear(client: Client, frame: BusFrame): void;
  /** It is ready, or drains: then it is given nothing more of what is shared out. */
  turned(client: Client, state: MemberState): void;
  /** The member is gone, whether its connection is or not. */
  left(client: Client): void;
  /** The client's window has opened, after it had refused something. */
  credit?(client: Client): void;
  /** A worker's process is gone. */
  ended?(worker: number): void;
  /** The bus is closed: all members are gone, others may come. */
  close(): Promise<void>;
}

export class Desks {
  readonly #desks: readonly Desk[];
  readonly #ears: ReadonlyMap<number, Desk>;

  constructor(desks: readonly Desk[]) {
    this.#desks = desks;
    this.#ears = new Map(desks.flatMap((desk) => desk.kinds.map((kind) => [kind, desk] as const)));
  }

  /** False: no desk hears frames of this kind. */
  hear(client: Client, frame: BusFrame): boolean {
    const desk = this.#ears.get(frame.kind);
    desk?.hear(client, frame);
    return desk !== undefined;
  }

  turned(client: Client, state: MemberState): void {
    for (const desk of this.#desks) desk.turned(client, state);
  }

  left(client: Client): void {
    for (const desk of this.#desks) desk.left(client);
  }

  credit(client: Client): void {
    for (const desk of this.#desks) desk.credit?.(client);
  }

  ended(worker: number): void {
    for (const desk of this.#desks) desk.ended?.(worker);
  }

  async close(): Promise<void> {
    await Promise.all(this.#desks.map((desk) => desk.close()));
  }
}
