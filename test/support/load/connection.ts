import type { Socket } from "node:net";
import { Http1Parser, type Http1Response } from "../http1.ts";
import { describeError, type FailureKind, kindOfError } from "../ledger.ts";
import { openSocket, type Target } from "./run.ts";

export interface Fault {
  kind: FailureKind;
  detail: string;
}

/** What became of one request. */
export type Reply = { kind: "ok"; response: Http1Response } | Fault;

interface Waiter {
  resolve: (reply: Reply) => void;
  timer: NodeJS.Timeout;
}

/**
 * One client connection speaking HTTP/1.1. It never retries and never reconnects: whatever happens
 * to the connection happens to the requests on it.
 */
export class Http1Connection {
  readonly #socket: Socket;
  readonly #parser: Http1Parser;
  readonly #waiting: Waiter[] = [];
  #serverCloses = false;
  #over = false;
  #failed = false;
  #fault: Fault | undefined;
  #port: number | null = null;

  constructor(target: Target) {
    this.#parser = new Http1Parser({ onResponse: (response) => this.#answered(response) });
    this.#socket = openSocket(target);
    this.#socket.once("connect", () => {
      this.#port = this.#socket.localPort ?? null;
    });
    this.#socket.on("data", (chunk: Buffer) => this.#data(chunk));
    this.#socket.on("end", () => this.#ended());
    this.#socket.on("error", (error) => this.#cut(kindOfError(error), describeError(error)));
    this.#socket.on("close", () => this.#cut("reset", "closed"));
  }

  /** This side's port, also when the connection is over; null before it is there. */
  get port(): number | null {
    return this.#port;
  }

  /** Another request may be sent: nobody has closed or announced to close. */
  get usable(): boolean {
    return !this.#over && !this.#serverCloses;
  }

  /** The server announced the end with `Connection: close`. */
  get serverCloses(): boolean {
    return this.#serverCloses;
  }

  /** A request on this connection failed, so its end is booked already. */
  get failed(): boolean {
    return this.#failed;
  }

  /** What went wrong while no request was waiting: a reset, or bytes nobody asked for. */
  get idleFault(): Fault | undefined {
    return this.#fault;
  }

  /** Writes all requests at once (pipelined); one reply each, in order. */
  send(requests: string[], timeoutMs: number): Promise<Reply>[] {
    const replies = requests.map(
      () =>
        new Promise<Reply>((resolve) => {
          const timer = setTimeout(
            () => this.#cut("timeout", `no answer in ${timeoutMs} ms`),
            timeoutMs,
          );
          this.#waiting.push({ resolve, timer });
        }),
    );
    if (this.#over) this.#fail({ kind: "error", detail: "sent on a closed connection" });
    else this.#socket.write(requests.join(""));
    return replies;
  }

  /** Ends the connection politely; the client is done with it. */
  close(): void {
    this.#over = true;
    // Half-open would wait for a server that never closes; ours has had its complete answer.
    this.#socket.end(() => this.#socket.destroy());
  }

  #data(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#parser.feed(chunk);
    } catch (error) {
      this.#cut("wrong", describeError(error));
    }
  }

  #answered(response: Http1Response): void {
    const waiter = this.#waiting.shift();
    if (!waiter) return this.#cut("wrong", `response ${response.status} to no request`);
    clearTimeout(waiter.timer);
    if (response.close) this.#serverCloses = true;
    waiter.resolve({ kind: "ok", response });
  }

  #ended(): void {
    if (this.#over) return;
    try {
      this.#parser.finish();
    } catch (error) {
      return this.#cut("wrong", describeError(error));
    }
    const owed = this.#serverCloses ? "closed after Connection: close" : "closed by the server";
    this.#cut("reset", owed, true);
  }

  /** The connection is over; whoever still waits has lost. */
  #cut(kind: FailureKind, detail: string, cleanly = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.destroy();
    const midMessage = this.#parser.midMessage;
    const truncated = midMessage && kind === "reset";
    const fault: Fault = truncated
      ? { kind: "truncated", detail: `${detail} in the middle of the response` }
      : { kind, detail: kind === "reset" ? `${detail} before any byte of the response` : detail };
    // A clean end between two requests is how an idle connection may be closed; a reset is not.
    const excused = cleanly || this.#serverCloses;
    if (this.#waiting.length > 0) this.#fail(fault);
    else if (!excused || midMessage)
      this.#fault = { kind: fault.kind, detail: `idle connection: ${detail}` };
  }

  #fail(fault: Fault): void {
    this.#failed = true;
    for (const waiter of this.#waiting.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.resolve(fault);
    }
  }
}
