/** What waits for its first subscriber, in the order it came. Bounded by number and bytes. Pure. */
import type { Due } from "./deadlines.ts";
import { matches } from "./subjects.ts";
import type { Request } from "./work.ts";

/** A publish nobody has subscribed to yet. */
export interface HeldPublish extends Due {
  readonly kind: "publish";
  readonly subject: string;
  readonly payload: unknown;
  readonly bytes: number;
}

/** What may wait. */
export type Waiting = HeldPublish | Request;

/** What waits. */
export class Held {
  readonly #waiting = new Set<Waiting>();
  readonly #mostMessages: number;
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostMessages: number, mostBytes: number) {
    this.#mostMessages = mostMessages;
    this.#mostBytes = mostBytes;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: too many are held. */
  keep(waiting: Waiting): boolean {
    if (this.#waiting.size >= this.#mostMessages) return false;
    if (this.#bytes + waiting.bytes > this.#mostBytes) return false;
    this.#waiting.add(waiting);
    this.#bytes += waiting.bytes;
    return true;
  }

  /** Whether it waited. */
  remove(waiting: Waiting): boolean {
    if (!this.#waiting.delete(waiting)) return false;
    this.#bytes -= waiting.bytes;
    return true;
  }

  /** What fits a pattern and whose deadline has not come, in the order it came. */
  matching(kind: Waiting["kind"], pattern: string, now: number): readonly Waiting[] {
    const found: Waiting[] = [];
    for (const waiting of this.#waiting) {
      if (waiting.kind !== kind || waiting.deadline <= now) continue;
      if (matches(pattern, waiting.subject)) found.push(waiting);
    }
    return found;
  }
}
