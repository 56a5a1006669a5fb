/** All parts of a session, told what concerns them. */

import type { HoldfastError } from "../errors.ts";
import type { BusFrame } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import type { Part } from "./part.ts";

export class Parts {
  readonly #parts: Part[] = [];
  readonly #ears = new Map<number, Part>();

  add(part: Part): void {
    this.#parts.push(part);
    for (const kind of part.kinds) this.#ears.set(kind, part);
  }

  has(number: number): boolean {
    return this.#parts.some((part) => part.has(number));
  }

  /** False: no part hears frames of this kind. */
  hear(frame: BusFrame, link: BusLink): boolean {
    const part = this.#ears.get(frame.kind);
    part?.hear(frame, link);
    return part !== undefined;
  }

  up(link: BusLink): void {
    for (const part of this.#parts) part.up(link);
  }

  down(): void {
    for (const part of this.#parts) part.down();
  }

  unreachable(error: HoldfastError): void {
    for (const part of this.#parts) part.unreachable(error);
  }

  fail(error: HoldfastError): void {
    for (const part of this.#parts) part.fail(error);
  }

  async drain(isClosing: boolean): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.drain(isClosing)));
  }
}
