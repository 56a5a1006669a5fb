/** Calls about durable queues: checked, and told to the session's part. */

import { RETRY_BACKOFF } from "../core/queue/backoff.ts";
import { DEFAULT_HANDLER_MS, DEFAULT_PEEKED } from "../core/queue/desk-bounds.ts";
import type { Head } from "../link/bus-frames.ts";
import type { Bus } from "./api.ts";
import { encodeBody } from "./body.ts";
import { checkHandler, checkSubject, readOptions } from "./options.ts";
import type {
  BusQueues,
  ConsumeOptions,
  Enqueued,
  EnqueueOptions,
  QueueConsumer,
  QueuedMessage,
  QueueHandler,
  QueueSummary,
} from "./queue-api.ts";
import { CONSUME, ENQUEUE, PEEK, PURGE, RETRY } from "./queue-options.ts";
import type { QueuePart } from "./queue-part.ts";

/** `longestBody`: bytes the data of a message may have. */
export function queueCalls(
  part: QueuePart,
  longestBody: () => number,
): Pick<Bus, "enqueue" | "consume" | "queues"> {
  return {
    enqueue: (queue, data, options) => enqueue(part, longestBody(), queue, data, options),
    consume: (queue, handler, options) =>
      consume(part, queue, handler as QueueHandler<never>, options),
    queues: queuesOf(part),
  };
}

async function enqueue(
  part: QueuePart,
  longestBody: number,
  queue: string,
  data: unknown,
  options: EnqueueOptions | undefined,
): Promise<Enqueued> {
  checkSubject(queue, "write");
  const read = readOptions("bus.enqueue()", ENQUEUE, options);
  const { encoding = "json", delay: delayMs, ttl: ttlMs, dedupeWindow: dedupeMs, ...rest } = read;
  const head = { ...rest, ...given({ delayMs, ttlMs, dedupeMs }) };
  const body = encodeBody(data, encoding, queue, longestBody);
  const { message, duplicate } = await part.enqueue(queue, head, body);
  return { id: String(message), duplicate: duplicate === true };
}

async function consume(
  part: QueuePart,
  queue: string,
  handler: QueueHandler<never>,
  options: ConsumeOptions | undefined,
): Promise<QueueConsumer> {
  checkSubject(queue, "write");
  checkHandler("bus.consume()", handler);
  const read = readOptions("bus.consume()", CONSUME, options);
  const { concurrency = 1, timeout: timeoutMs = DEFAULT_HANDLER_MS } = read;
  const { backoff = RETRY_BACKOFF } = read;
  const head = { concurrency, timeoutMs, backoff };
  const end = await part.consume({ queue, handler, head });
  let ended: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    ended ??= end();
    return ended;
  };
  return { queue, stop, [Symbol.asyncDispose]: stop };
}

function queuesOf(part: QueuePart): BusQueues {
  return {
    async list() {
      const all: QueueSummary[] = [];
      for (;;) {
        const after = all.at(-1)?.queue;
        const { queues, more } = await part.manage("", given({ what: "list", after }));
        all.push(...(queues as readonly QueueSummary[]));
        if (more !== true || all.at(-1)?.queue === after) return all;
      }
    },
    async peek(queue, options) {
      checkSubject(queue, "write");
      const { state = "ready", limit = DEFAULT_PEEKED } = readOptions(
        ...(["bus.queues.peek()", PEEK, options] as const),
      );
      const all: Peeked[] = [];
      for (;;) {
        const skip = all.length;
        const place = { limit: limit - skip, skip };
        const { messages, more } = await part.manage(queue, { what: "peek", state, ...place });
        all.push(...(messages as readonly Peeked[]));
        if (more !== true || all.length === skip || all.length >= limit) break;
      }
      return all.map(({ body, ...rest }) => ({ ...rest, body: Buffer.from(body, "base64") }));
    },
    async retry(queue, options) {
      checkSubject(queue, "write");
      const read = readOptions("bus.queues.retry()", RETRY, options);
      return countOf(await part.manage(queue, { what: "retry", ...read }));
    },
    async purge(queue, options) {
      checkSubject(queue, "write");
      const read = readOptions("bus.queues.purge()", PURGE, options);
      return countOf(await part.manage(queue, { what: "purge", ...read }));
    },
  };
}

/** As it comes over the wire. */
interface Peeked extends Omit<QueuedMessage, "body"> {
  readonly body: string;
}

function countOf({ count }: Head): number {
  return Number(count);
}

/** Without what was not given. */
function given(head: Readonly<Record<string, unknown>>): Head {
  return Object.fromEntries(Object.entries(head).filter(([, value]) => value !== undefined));
}
