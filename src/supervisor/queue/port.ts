/** The store's end of its thread: the calls of a turn go in one message, and their answers come in one. */

import { Worker } from "node:worker_threads";
import { PassingMap } from "../../core/passing-map.ts";
import { type ErrorCode, HoldfastError } from "../../errors.ts";
import type { Answer, Call, News, Refusal, Said, ThreadOrder, Told } from "./calls.ts";

/** What a call is without its number. */
type Unnumbered<C> = C extends readonly [number, ...infer Rest] ? Rest : never;
export type Asked = Unnumbered<Call>;

/** The bodies of an answer, one after the other. */
export type NextBody = (bytes: number) => Buffer;

export interface PortEvents {
  news(news: News): void;
  /** It is gone without having been closed. */
  failed(error: HoldfastError): void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  /** What the caller gets of what the thread has answered; called before the next answer is. */
  readonly read: (value: unknown, nextBody: NextBody) => unknown;
}

export class ThreadPort {
  readonly #thread: Worker;
  readonly #pending = new PassingMap<number, Pending>();
  readonly #events: PortEvents;
  #calls: Call[] = [];
  #bodies: Buffer[] = [];
  #number = 0;
  #isFlushPlanned = false;
  #isClosing = false;
  #failure: HoldfastError | null = null;
  #isOver = false;
  #opened: { resolve(name: string): void; reject(error: Error): void } | null = null;
  readonly #ended: Promise<void>;

  constructor(program: string, order: ThreadOrder, events: PortEvents) {
    this.#events = events;
    // No flags of this process: what an app or a debugger preloads has no business in there.
    this.#thread = new Worker(program, {
      workerData: order,
      execArgv: [],
      name: "holdfast-queues",
    });
    this.#ended = new Promise((resolve) => {
      this.#thread.once("exit", (code) => {
        this.#fail(failed("go on", `their thread has ended (exit code ${code})`));
        resolve();
      });
    });
    this.#thread.on("message", (told: Told) => this.#hear(told));
    this.#thread.on("error", (error) => this.#fail(failed("go on", error.message, error)));
  }

  /** Resolves with the file's name for itself. Rejects with what the thread says is wrong with the folder. */
  opened(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
    });
  }

  ask<T>(
    asked: Asked,
    body: Buffer | null,
    read: (value: unknown, nextBody: NextBody) => T,
  ): Promise<T> {
    if (this.#isClosing) {
      return Promise.reject(new HoldfastError("HF_BUS_CLOSED", { action: "use the queues" }));
    }
    if (this.#failure !== null) return Promise.reject(this.#failure);
    this.#number += 1;
    const number = this.#number;
    this.#calls.push([number, ...asked] as Call);
    if (body !== null && body.length > 0) this.#bodies.push(body);
    if (!this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      setImmediate(() => this.#flush());
    }
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(number, { resolve: resolve as (value: unknown) => void, reject, read });
    });
  }

  /** What was asked before is answered before. Resolves when the thread is gone. */
  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#flush();
      this.#say("close");
    }
    await this.#ended;
  }

  #flush(): void {
    this.#isFlushPlanned = false;
    if (this.#calls.length === 0) return;
    const calls = this.#calls;
    const bodies = joined(this.#bodies);
    this.#calls = [];
    this.#bodies = [];
    this.#say({ calls, bodies }, bodies.buffer);
  }

  #say(said: Said, bodies?: ArrayBuffer): void {
    this.#thread.postMessage(said, bodies === undefined ? [] : [bodies]);
  }

  #hear(told: Told): void {
    switch (told.kind) {
      case "open":
        this.#events.news(told);
        this.#opened?.resolve(told.name);
        this.#opened = null;
        return;
      case "answers":
        this.#answer(told.answers, told.bodies);
        this.#events.news(told);
        return;
      case "closed":
        this.#isOver = true;
        return;
      default:
        this.#fail(errorOf(told.refusal));
    }
  }

  #answer(answers: readonly Answer[], bodies: Uint8Array): void {
    let at = 0;
    const nextBody: NextBody = (bytes) => {
      at += bytes;
      return Buffer.from(bodies.buffer, bodies.byteOffset + at - bytes, bytes);
    };
    for (const answer of answers) {
      const pending = this.#pending.get(answer[0]);
      this.#pending.delete(answer[0]);
      if (pending === undefined) continue;
      if (answer[1]) pending.resolve(pending.read(answer[2], nextBody));
      else pending.reject(errorOf([answer[2], answer[3]]));
    }
  }

  /** The first reason is the one that counts. */
  #fail(error: HoldfastError): void {
    if (this.#isOver || this.#failure !== null) return;
    this.#failure = error;
    this.#calls = [];
    this.#bodies = [];
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    if (this.#opened === null) this.#events.failed(error);
    else this.#opened.reject(error);
  }
}

function joined(bodies: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  // Of memory of its own, which the thread takes over.
  const all = new Uint8Array(bodies.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const body of bodies) {
    all.set(body, at);
    at += body.length;
  }
  return all;
}

function failed(action: string, reason: string, cause?: Error): HoldfastError {
  const outcome = "Whether what was asked last was done is not known.";
  return new HoldfastError("HF_BUS_QUEUE_FAILED", { action, reason, outcome }, cause && { cause });
}

function errorOf([code, details]: Refusal): HoldfastError {
  return new HoldfastError(
    code,
    details as ConstructorParameters<typeof HoldfastError<ErrorCode>>[1],
  );
}
