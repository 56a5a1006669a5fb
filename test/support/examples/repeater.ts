import http from "node:http";
import type { Socket } from "node:net";

const ANSWER_WITHIN_MS = 40_000;
/** What ends a connection without an answer. */
const ENDED: readonly (string | undefined)[] = ["ECONNRESET", "EPIPE"];

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Question {
  readonly method?: "GET" | "POST";
  readonly body?: string;
  /** Whose end is not a fault, such as that of a test. */
  readonly signal?: AbortSignal;
}

export interface RepeaterOptions {
  /** The process that has answered, as its answer says. */
  readonly pidOf?: (answer: Answer) => number;
}

/**
 * One client with one connection that is kept alive. What it asks may be done twice: where the connection ends
 * without an answer it asks again, as HTTP allows for such requests (RFC 9110, 9.2.2).
 */
export class Repeater {
  /** Connections that ended without an answer: the process that had answered by it before, null where none had. */
  readonly lost: (number | null)[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #origin: string;
  readonly #pidOf: ((answer: Answer) => number) | undefined;
  readonly #pids = new WeakMap<Socket, number>();

  constructor(address: string, { pidOf }: RepeaterOptions = {}) {
    this.#origin = `http://${address}`;
    this.#pidOf = pidOf;
  }

  /** Rejects with what is not allowed to happen: a refusal, no answer in time, a broken answer. */
  async ask(path: string, question: Question = {}): Promise<Answer> {
    for (;;) {
      const asked = this.#send(path, question);
      try {
        return await asked.answer;
      } catch (error) {
        if (!ENDED.includes((error as NodeJS.ErrnoException).code)) throw error;
        const { socket } = asked.request;
        this.lost.push((socket && this.#pids.get(socket)) ?? null);
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(path: string, { method = "GET", body, signal }: Question) {
    const request = http.request(this.#origin + path, {
      ...{ agent: this.#agent, method, timeout: ANSWER_WITHIN_MS },
      ...(signal ? { signal } : {}),
      headers: body === undefined ? {} : { "content-length": Buffer.byteLength(body) },
    });
    const answer = new Promise<Answer>((resolve, reject) => {
      request.once("timeout", () => request.destroy(new Error("no answer in time")));
      request.once("error", reject);
      request.once("response", (response) => {
        const { socket } = response;
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        response.once("error", reject);
        response.once("end", () => {
          const whole = { status: response.statusCode ?? 0, text };
          if (this.#pidOf) this.#pids.set(socket, this.#pidOf(whole));
          resolve(whole);
        });
      });
    });
    request.end(body);
    return { request, answer };
  }
}
