/** One connection to a peer, for one client's connection here: one request after the other. */

import net, { type Socket } from "node:net";
import { REFUSAL } from "./peer-server.ts";
import { type ResponseListener, ResponseReader } from "./response-reader.ts";

/** A peer is on this machine: what takes longer is a worker that does not accept. Milliseconds. */
const CONNECT_WITHIN_MS = 1000;
/** The write fails or finds a reader that is gone: not a byte of it has been worked on. */
const UNREAD: readonly unknown[] = ["EPIPE", "ECONNRESET", "ENOTCONN"];

/** What an exchange hears beside the response itself. */
export interface ExchangeListener extends ResponseListener {
  /** The peer takes more of the request. */
  drain(): void;
  /** The client sends nothing more. */
  clientEnded(): void;
  /** The connection is gone before the response was whole. */
  lost(how: Loss): void;
}

/**
 * `unreachable`: there never was a connection, or no server behind it; `unread`: the peer's process ended
 * before its app saw any of the request; `broken`: later.
 */
export type Loss = "unreachable" | "unread" | "broken";

/** Connects to a peer, or gives up, and says `preamble` first. */
export function connectToPeer(path: string, preamble: Buffer): Socket {
  const socket = net.connect({ path, allowHalfOpen: true });
  socket.write(preamble);
  // Where this worker itself was kept from running, the connection may be there, and nobody has looked yet.
  const late = (): void => void setImmediate(() => socket.connecting && socket.destroy());
  const deadline = setTimeout(late, CONNECT_WITHIN_MS);
  socket.once("connect", () => clearTimeout(deadline));
  socket.once("close", () => clearTimeout(deadline));
  return socket;
}

export class PeerConnection {
  readonly socket: Socket;
  #reader: ResponseReader | null = null;
  #listener: ExchangeListener | null = null;
  #isConnected = false;
  #hasAnswered = false;
  #error: unknown = null;

  /** Connects, and says `preamble` first. */
  constructor(path: string, preamble: Buffer) {
    this.socket = connectToPeer(path, preamble);
    this.socket.once("connect", () => {
      this.#isConnected = true;
    });
    this.socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.socket.on("drain", () => this.#listener?.drain());
    this.socket.on("end", () => this.#ended());
    this.socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code;
    });
    this.socket.on("close", () => this.#closed());
  }

  get isIdle(): boolean {
    return this.#listener === null && this.isOpen;
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && !this.socket.readableEnded && this.socket.writable;
  }

  /** From now on what comes is the response to this request. */
  begin(request: { isHead: boolean; isOld: boolean }, listener: ExchangeListener): void {
    this.#listener = listener;
    this.#hasAnswered = false;
    this.#reader = new ResponseReader(request, {
      interim: (text) => listener.interim(text),
      head: (head) => listener.head(head),
      body: (bytes) => listener.body(bytes),
      end: () => {
        this.#listener = null;
        listener.end();
      },
    });
  }

  /** The client sends nothing more. False: no request is under way. */
  clientEnded(): boolean {
    this.#listener?.clientEnded();
    return this.#listener !== null;
  }

  /** The client is gone, or nobody wants the rest. */
  destroy(): void {
    this.#listener = null;
    this.socket.destroy();
  }

  #read(bytes: Buffer): void {
    // Said without being asked: of no request.
    if (!this.#listener) return this.destroy();
    if (!this.#hasAnswered && bytes.toString("latin1", 0, 1) === REFUSAL) {
      this.#isConnected = false;
      return void this.socket.destroy();
    }
    this.#hasAnswered = true;
    this.#reader?.read(bytes);
  }

  #ended(): void {
    this.#reader?.ended();
    this.socket.destroy();
  }

  #closed(): void {
    const listener = this.#listener;
    this.#listener = null;
    listener?.lost(this.#loss());
  }

  #loss(): Loss {
    if (!this.#isConnected) return "unreachable";
    return !this.#hasAnswered && UNREAD.includes(this.#error) ? "unread" : "broken";
  }
}
