/** What tests of the bus share: a client that says frames and remembers what it hears. */

import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import { type Dialled, dial } from "../../src/link/bus-dial.ts";
import {
  BUS,
  type BusFrame,
  DEFAULT_LONGEST_BYTES,
  DEFAULT_WINDOW_BYTES,
  type Head,
} from "../../src/link/bus-frames.ts";
import type { BusLink } from "../../src/link/bus-link.ts";
import { until } from "../support/until.ts";

export const EMPTY = Buffer.alloc(0);
export const FETCHED = 0xffff_ffff;

export interface ClientOptions {
  readonly hello?: Head;
  readonly windowBytes?: number;
  /** False: what comes is not said to be worked off. */
  readonly works?: boolean;
}

export class TestClient {
  readonly heard: BusFrame[] = [];
  readonly #dialled: Dialled;
  readonly #works: boolean;
  link: BusLink | null = null;
  hello: Head = {};
  refusal: (Error & { readonly code: string | null }) | null = null;
  downs = 0;
  #number = 1000;

  constructor(path: string | (() => Duplex), options: ClientOptions = {}) {
    const { hello = {}, windowBytes = DEFAULT_WINDOW_BYTES, works = true } = options;
    this.#works = works;
    this.#dialled = dial(
      {
        connect: () => (typeof path === "string" ? createConnection(path) : path()),
        hello: { version: "test", ...hello },
        ...{ windowBytes, longestBytes: DEFAULT_LONGEST_BYTES },
      },
      {
        up: (link, head) => {
          this.link = link;
          this.hello = head;
        },
        down: () => {
          this.downs += 1;
        },
        refused: (error) => {
          this.refusal = error;
        },
        frame: (frame, link) => {
          this.heard.push({ ...frame, body: Buffer.from(frame.body) });
          if (this.#works && isWindowed(frame)) link.worked(frame.bytes);
        },
      },
    );
  }

  /** One that has said hello and was heard. */
  static async at(
    path: string | (() => Duplex) | null,
    options?: ClientOptions,
  ): Promise<TestClient> {
    const client = new TestClient(path ?? "", options);
    await until(() => client.link, { what: "a hello of the bus" });
    return client;
  }

  send(kind: number, id: number, subject = "", head: Head | null = null, data?: unknown): void {
    const isWindow = isWindowed({ kind });
    const body = data === undefined ? EMPTY : Buffer.from(JSON.stringify(data));
    const frame = {
      ...{ kind, id, to: 0, subject, head, format: data === undefined ? 0 : 1, body },
    };
    if (!isWindow) this.link?.send(frame);
    else if (!this.link?.offer(frame)) throw new Error("the window is spent");
  }

  /** Resolves when all said before has been routed. */
  async sync(): Promise<void> {
    this.#number += 1;
    const id = this.#number;
    this.send(BUS.sync, id);
    await this.answer(id);
  }

  async subscribe(number: number, pattern: string, head: Head = {}): Promise<void> {
    this.send(BUS.subscribe, number, pattern, { kind: "listen", ...head });
    await this.answer(number);
  }

  /** The answer to a request of its own. */
  async request(subject: string, head: Head = {}, data?: unknown): Promise<BusFrame> {
    this.#number += 1;
    const id = this.#number;
    this.send(BUS.request, id, subject, { timeoutMs: 5000, ...head }, data);
    return this.answer(id);
  }

  /** What answers to that number. */
  async answer(id: number): Promise<BusFrame> {
    const answers: readonly number[] = [BUS.done, BUS.failure, BUS.reply, BUS.gathered];
    const find = () => this.heard.find((each) => answers.includes(each.kind) && each.id === id);
    return until(find, { what: `an answer to ${id}` });
  }

  of(kind: number, subject?: string): readonly BusFrame[] {
    return this.heard.filter(
      (frame) => frame.kind === kind && (subject === undefined || frame.subject === subject),
    );
  }

  async close(): Promise<void> {
    await this.#dialled.close();
  }
}

export function dataOf<T = Record<string, unknown>>({ body }: BusFrame): T {
  return JSON.parse(body.toString()) as T;
}

function isWindowed({ kind }: Pick<BusFrame, "kind">): boolean {
  return [BUS.publish, BUS.request, BUS.enqueue, BUS.lease].some((each) => each === kind);
}
