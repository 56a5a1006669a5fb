import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";

/** Where a batch of records says its first offset, and how many follow that one. */
const FIRST_OFFSET_AT = 0;
const LAST_DELTA_AT = 23;

interface Batch {
  readonly last: number;
  readonly bytes: Buffer;
}

/** A topic in memory: per partition the batches as their producers sent them. */
export class Topic {
  readonly id = randomUUID();
  readonly name: string;
  readonly #partitions: Batch[][];
  readonly #news = new EventEmitter().setMaxListeners(0);

  constructor(name: string, partitions: number) {
    this.name = name;
    this.#partitions = Array.from({ length: partitions }, () => []);
  }

  get partitions(): readonly number[] {
    return [...this.#partitions.keys()];
  }

  /** The offset that the next record gets. */
  end(partition: number): number {
    return (this.#partitions[partition]?.at(-1)?.last ?? -1) + 1;
  }

  /** Takes a batch, and gives the offset of its first record. */
  append(partition: number, batch: Buffer): number {
    const first = this.end(partition);
    const bytes = Buffer.from(batch);
    bytes.writeBigInt64BE(BigInt(first), FIRST_OFFSET_AT);
    this.#partitions[partition]?.push({ last: first + bytes.readInt32BE(LAST_DELTA_AT), bytes });
    this.#news.emit("news");
    return first;
  }

  /** All from `offset` on, in whole batches; null: there is nothing. */
  read(partition: number, offset: number): Buffer | null {
    const found = this.#partitions[partition]?.filter(({ last }) => last >= offset) ?? [];
    return found.length === 0 ? null : Buffer.concat(found.map(({ bytes }) => bytes));
  }

  /** Resolves when something was appended anywhere, or after the time. */
  async news(withinMs: number): Promise<void> {
    await once(this.#news, "news", { signal: AbortSignal.timeout(withinMs) }).catch(() => {});
  }
}
