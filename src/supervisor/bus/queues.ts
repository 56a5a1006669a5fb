/** The desk of durable queues: messages are stored, handed out, settled and looked at. */

import { LONGEST_QUEUED_BYTES, MOST_LISTED } from "../../core/queue/desk-bounds.ts";
import type { QueueReading } from "../../core/queue/reading.ts";
import { HoldfastError } from "../../errors.ts";
import { BUS, type BusFrame, type Head } from "../../link/bus-frames.ts";
import type { QueueStore } from "../queue/store.ts";
import type { Client } from "./client.ts";
import type { Desk } from "./desk.ts";
import { publishFault } from "./heads.ts";
import { type Failed, failureHead } from "./post.ts";
import { addedHead, answer, headOf, settledHead } from "./queue-answers.ts";
import { QueueHands } from "./queue-hands.ts";
import { readConsume, readEnqueue, readManage } from "./queue-heads.ts";
import { isSession, nameOf } from "./queue-holder.ts";
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
    const givenBack = this.#hands.close();
    this.#hands = this.#newHands();
    await this.#keeper.close(givenBack);
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
    const isOver = (): void => client.link.worked(bytes);
    this.#ask(client, id, (store) => store.add(message).then(addedHead), isOver);
  }

  #consume(client: Client, frame: BusFrame): void {
    const { id, to: number, subject: queue } = frame;
    const { session } = readConsume(frame.head, this.#keeper.name);
    const fault = publishFault(queue);
    const failed: Failed | null =
      fault !== null
        ? { code: "SUBJECT_INVALID", message: fault }
        : !isSession(session) || number === 0
          ? {
              code: "REFUSED",
              message:
                "a consumer has a session of 1 to 64 letters, digits, _ and -, and a number from 1",
            }
          : this.#hands.countOf(client) >= MOST_CONSUMERS && !this.#hands.has(client, number)
            ? { code: "OVERLOADED", message: `it has ${MOST_CONSUMERS} consumers already` }
            : null;
    if (failed) return void client.send(BUS.failure, id, failureHead(failed));
    this.#ask(client, id, async () => {
      // Which leases it has shows when the store is open: their ids are that one's.
      const head = readConsume(frame.head, this.#keeper.name);
      if (!this.#gone.has(client)) this.#hands.consume(client, frame, head);
      return null;
    });
  }

  #settle(client: Client, frame: BusFrame): void {
    this.#ask(client, frame.id, () => this.#hands.settle(client, frame).then(settledHead));
  }

  #manage(client: Client, { id, subject: queue, head }: BusFrame): void {
    const open = this.#questions.get(client) ?? 0;
    const { what, state, id: message, limit, skip, after } = readManage(head);
    const fault = what === "list" ? null : publishFault(queue);
    const failed: Failed | null =
      what === null
        ? { code: "REFUSED", message: "there is no such question about queues" }
        : fault !== null
          ? { code: "SUBJECT_INVALID", message: fault }
          : open >= MOST_QUESTIONS
            ? { code: "OVERLOADED", message: "too many questions about queues are open" }
            : null;
    if (failed) return void client.send(BUS.failure, id, failureHead(failed));
    this.#questions.set(client, open + 1);
    const isOver = (): void => {
      this.#questions.set(client, (this.#questions.get(client) ?? 1) - 1);
    };
    const act = async (store: QueueStore): Promise<Head> => {
      if (what === "list") {
        const queues = await store.list(after, MOST_LISTED);
        return { queues, more: queues.length === MOST_LISTED };
      }
      if (what === "retry") return { count: await store.retry(queue, message) };
      if (what === "purge") return { count: await store.purge(queue, state, message) };
      const found = await store.peek(queue, state ?? "ready", limit, skip);
      const messages = found.map(({ body, ...rest }) => ({
        ...rest,
        body: body.toString("base64"),
      }));
      return { messages };
    };
    this.#ask(client, id, act, isOver);
  }

  /** Has the store do something, and answers. What comes one after the other is done so. */
  #ask(
    client: Client,
    id: number,
    act: (store: QueueStore) => Promise<Head | null>,
    isOver = (): void => {},
  ): void {
    const { store } = this.#keeper;
    // There is one as a rule: then a message costs no promise more than its own.
    const acted = store ? act(store) : this.#keeper.open().then(act);
    const refuse = (error: unknown): void => {
      this.#tell(error);
      client.send(BUS.failure, id, headOf(error));
    };
    const say = (what: () => void): void => {
      try {
        what();
      } catch (error) {
        this.#port.bug("the answer about a durable queue", error);
      }
      isOver();
    };
    acted.then(
      (head) => say(() => answer(client, id, head)),
      (error: unknown) => say(() => refuse(error)),
    );
  }

  #lost(error: HoldfastError | null): void {
    this.#hands.lost();
    if (error !== null) this.#tell(error);
    this.#openAgain();
  }

  #openAgain(): void {
    if (this.#timer) clearTimeout(this.#timer);
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
