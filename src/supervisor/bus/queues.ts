/** The desk of durable queues: messages are stored, handed out, settled and looked at. */

import { LONGEST_QUEUED_BYTES, PEEKED_BYTES } from "../../core/queue/desk-bounds.ts";
import type { QueueReading } from "../../core/queue/reading.ts";
import { HoldfastError } from "../../errors.ts";
import { BUS, type BusFrame, type Head } from "../../link/bus-frames.ts";
import type { QueueStore } from "../queue/store.ts";
import type { Client } from "./client.ts";
import type { Desk } from "./desk.ts";
import { publishFault } from "./heads.ts";
import { type Failed, failureHead } from "./post.ts";
import { nameOf, QueueHands } from "./queue-hands.ts";
import { readConsume, readEnqueue, readManage } from "./queue-heads.ts";
import { QueueKeeper, type QueueSettings } from "./queue-keeper.ts";

/** Of one connection. */
const MOST_CONSUMERS = 256;
/** Questions about queues one connection may have open. */
const MOST_QUESTIONS = 16;
/** Consumers are there, and the store is gone. */
const OPEN_AGAIN_MS = 2000;

/** Faults of a call: the one who called is told, and nobody else. */
const CALLERS = ["HF_BUS_QUEUE_FULL", "HF_BUS_QUEUE_NO_FOLDER", "HF_BUS_OPTION_INVALID"];

export interface QueuesPort {
  settings(): QueueSettings;
  /** Its process is there, whether its connection is or not. */
  isAlive(worker: number): boolean;
  fault(error: HoldfastError): void;
  /** A fault of ours. */
  bug(what: string, error: unknown): void;
}

export class QueueDesk implements Desk {
  readonly kinds = [BUS.enqueue, BUS.consume, BUS.settle, BUS.manage];
  readonly #port: QueuesPort;
  readonly #keeper: QueueKeeper;
  #hands: QueueHands;
  readonly #questions = new WeakMap<Client, number>();
  readonly #gone = new WeakSet<Client>();
  #timer: NodeJS.Timeout | null = null;

  constructor(port: QueuesPort) {
    this.#port = port;
    this.#keeper = new QueueKeeper(() => port.settings(), {
      opened: (held) => this.#hands.opened(held),
      due: (queue) => this.#hands.due(queue),
      lost: (error) => this.#lost(error),
    });
    this.#hands = this.#newHands();
  }

  get reading(): QueueReading {
    return this.#keeper.reading;
  }

  hear(client: Client, frame: BusFrame): void {
    if (frame.kind === BUS.enqueue) this.#enqueue(client, frame);
    else if (frame.kind === BUS.manage) this.#manage(client, frame);
    else if (frame.kind === BUS.consume) this.#consume(client, frame);
    else this.#settle(client, frame);
  }

  turned(client: Client): void {
    this.#hands.turned(client);
  }

  credit(client: Client): void {
    this.#hands.credit(client);
  }

  left(client: Client): void {
    this.#gone.add(client);
    const worker = client.member?.worker ?? null;
    this.#hands.left(client, worker !== null && !this.#port.isAlive(worker));
  }

  ended(worker: number): void {
    this.#hands.ended(worker);
  }

  async close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#hands.close();
    this.#hands = this.#newHands();
    await this.#keeper.close();
  }

  #newHands(): QueueHands {
    return new QueueHands({
      name: () => this.#keeper.name,
      store: () => this.#keeper.store,
      failed: (error) => this.#tell(error),
    });
  }

  #enqueue(client: Client, frame: BusFrame): void {
    const { id, subject: queue, body, bytes } = frame;
    const fault = publishFault(queue);
    const message = readEnqueue(frame, nameOf(client));
    const failed: Failed | null =
      fault !== null
        ? { code: "SUBJECT_INVALID", message: fault }
        : body.length > LONGEST_QUEUED_BYTES
          ? { code: "TOO_LARGE", message: `its data is longer than ${LONGEST_QUEUED_BYTES} bytes` }
          : null;
    if (failed || !message) {
      const why = failed ?? { code: "REFUSED", message: "it names no call by `once`" };
      client.send(BUS.failure, id, failureHead(why));
      return client.link.worked(bytes);
    }
    void this.#ask(client, id, async (store) => {
      const added = await store.add(message);
      return { message: added.id, duplicate: added.duplicate };
    }).finally(() => client.link.worked(bytes));
  }

  #consume(client: Client, frame: BusFrame): void {
    const { id, to: number, subject: queue } = frame;
    const head = readConsume(frame.head, this.#keeper.name);
    const fault = publishFault(queue);
    const failed: Failed | null =
      fault !== null
        ? { code: "SUBJECT_INVALID", message: fault }
        : head.session === null || number === 0
          ? { code: "REFUSED", message: "a consumer has a session and a number from 1" }
          : this.#hands.countOf(client) >= MOST_CONSUMERS && head.concurrency > 0
            ? { code: "OVERLOADED", message: `it has ${MOST_CONSUMERS} consumers already` }
            : null;
    if (failed) return void client.send(BUS.failure, id, failureHead(failed));
    void this.#ask(client, id, () => {
      if (!this.#gone.has(client)) this.#hands.consume(client, frame, head);
      return null;
    });
  }

  #settle(client: Client, frame: BusFrame): void {
    void this.#ask(client, frame.id, async () => ({
      stood: await this.#hands.settle(client, frame),
    }));
  }

  #manage(client: Client, { id, subject: queue, head }: BusFrame): void {
    const open = this.#questions.get(client) ?? 0;
    const { what, state, id: message, limit } = readManage(head);
    const fault = what === "list" ? null : publishFault(queue);
    const failed: Failed | null =
      what === null || fault !== null
        ? { code: "SUBJECT_INVALID", message: fault ?? "there is no such question" }
        : open >= MOST_QUESTIONS
          ? { code: "OVERLOADED", message: "too many questions about queues are open" }
          : null;
    if (failed) return void client.send(BUS.failure, id, failureHead(failed));
    this.#questions.set(client, open + 1);
    void this.#ask(client, id, async (store) => {
      if (what === "list") return { queues: await store.list() };
      if (what === "retry") return { count: await store.retry(queue, message) };
      if (what === "purge") return { count: await store.purge(queue, state, message) };
      const found = await store.peek(queue, state ?? "ready", limit);
      const messages = found.map(({ body, ...rest }) => ({
        ...rest,
        body: body.subarray(0, PEEKED_BYTES).toString("base64"),
      }));
      return { messages };
    }).finally(() => this.#questions.set(client, (this.#questions.get(client) ?? 1) - 1));
  }

  /** Has the store do something, and answers. What comes one after the other is done so. Never rejects. */
  async #ask(
    client: Client,
    id: number,
    act: (store: QueueStore) => Promise<Head> | null,
  ): Promise<void> {
    try {
      const store = this.#keeper.store ?? (await this.#keeper.open());
      answer(client, id, await act(store));
    } catch (error) {
      this.#tell(error);
      client.send(BUS.failure, id, headOf(error));
    }
  }

  #lost(error: HoldfastError | null): void {
    this.#hands.lost();
    if (error === null) return;
    this.#tell(error);
    this.#openAgain();
  }

  #openAgain(): void {
    this.#timer = setTimeout(() => {
      if (this.#hands.size === 0) return;
      this.#keeper.open().catch((error: unknown) => {
        this.#tell(error);
        this.#openAgain();
      });
    }, OPEN_AGAIN_MS).unref();
  }

  #tell(error: unknown): void {
    if (!(error instanceof HoldfastError)) this.#port.bug("a durable queue", error);
    else if (!CALLERS.includes(error.code)) this.#port.fault(error);
  }
}

/** What is too much for one frame is cut: the list of queues or messages ends earlier. */
function answer(client: Client, id: number, head: Head | null): void {
  if (client.send(BUS.done, id, head)) return;
  const isLong = Object.values(head ?? {}).some(
    (value) => Array.isArray(value) && value.length > 0,
  );
  if (!isLong) return;
  const shorter = Object.entries(head ?? {}).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.slice(0, value.length >> 1) : value,
  ]);
  answer(client, id, Object.fromEntries(shorter));
}

function headOf(error: unknown): Head {
  if (!(error instanceof HoldfastError)) {
    return { name: "HoldfastError", code: "HF_BUG", message: (error as Error).message };
  }
  const { name, code, message, details } = error;
  return { name, code, message, details };
}
