/** WebSocket clients: numbered messages, each of which must come back, in order, on a connection that stays. */

import { WebSocket } from "ws";
import { describeError, kindOfError } from "../support/ledger.ts";
import { type Load, type Run, startClients } from "../support/load/run.ts";
import type { Ledger, Peer } from "./ledger.ts";

export interface WsOptions {
  readonly name: string;
  readonly port: number;
  readonly clients: number;
  readonly intervalMs: number;
}

const ECHO_WITHIN_MS = 15_000;
const LEFT_WITHIN_MS = 1000;
const RECONNECT_MS = 50;

/** Its own ledger holds only faults of the clients themselves; all else is in the one that is given. */
export function startWsLoad(options: WsOptions, ledger: Ledger): Load<null> {
  return startClients(options.name, options, null, async (run) => {
    while (!run.stopping) {
      await new Conversation(run, options, ledger).over;
      await run.pause(Math.random() * RECONNECT_MS);
    }
  });
}

/** One WebSocket from its handshake to its close. */
class Conversation {
  /** Settles, never rejects, when the socket is closed. */
  readonly over: Promise<void>;
  readonly #options: WsOptions;
  readonly #ledger: Ledger;
  readonly #socket: WebSocket;
  readonly #from = Date.now();
  /** When the messages were sent that have not come back; the oldest is number `#echoed`. */
  readonly #owed: number[] = [];
  #echoed = 0;
  #sent = 0;
  #port: number | null = null;
  #isOpen = false;
  #isLeaving = false;
  #error: unknown;
  #ticker: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(run: Run, options: WsOptions, ledger: Ledger) {
    this.#options = options;
    this.#ledger = ledger;
    this.#socket = new WebSocket(`ws://127.0.0.1:${options.port}/ws`, {
      handshakeTimeout: ECHO_WITHIN_MS,
      perMessageDeflate: false,
      finishRequest: (request) => {
        request.once("socket", (socket) => {
          socket.once("connect", () => {
            this.#port = socket.localPort ?? null;
          });
        });
        request.end();
      },
    });
    const leave = (): void => this.#leave();
    this.#socket.on("open", () => {
      this.#isOpen = true;
      if (run.stopping) return this.#leave();
      this.#ticker = setInterval(() => this.#say(), options.intervalMs);
      this.#say();
    });
    this.#socket.on("message", (data) => this.#heard(String(data)));
    this.#socket.on("error", (error) => {
      this.#error = error;
    });
    this.over = new Promise((resolve) => {
      this.#socket.on("close", (code) => {
        run.signal.removeEventListener("abort", leave);
        this.#closed(code);
        resolve();
      });
    });
    run.signal.addEventListener("abort", leave);
  }

  #say(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#owed.push(Date.now());
    this.#socket.send(String(this.#sent));
    this.#sent += 1;
    this.#patience ??= setTimeout(() => {
      this.#fail("timeout", `no echo in ${ECHO_WITHIN_MS} ms`, this.#owed[0]);
      this.#isLeaving = true;
      this.#socket.terminate();
    }, ECHO_WITHIN_MS);
  }

  #heard(text: string): void {
    const from = this.#owed.shift();
    if (from === undefined || text !== String(this.#echoed))
      this.#fail("wrong", `echo ${text.slice(0, 20)} instead of ${this.#echoed}`, from);
    else this.#ledger.answered(this.#options.name, from, Date.now());
    this.#echoed += 1;
    this.#patience?.refresh();
    if (this.#owed.length > 0) return;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    if (this.#isLeaving) this.#socket.close(1000);
  }

  /** The load stops: what is owed is waited for. */
  #leave(): void {
    this.#isLeaving = true;
    clearInterval(this.#ticker);
    if (this.#owed.length === 0 && this.#isOpen) this.#socket.close(1000);
    // The library waits for the answering close frame for 30 s; the echoes have their own patience.
    if (this.#owed.length === 0) setTimeout(() => this.#socket.terminate(), LEFT_WITHIN_MS).unref();
  }

  #closed(code: number): void {
    clearInterval(this.#ticker);
    clearTimeout(this.#patience);
    if (!this.#isOpen) {
      if (this.#isLeaving) return;
      return this.#fail(kindOfError(this.#error), `handshake: ${describeError(this.#error)}`);
    }
    const owed = this.#owed.length;
    if (this.#isLeaving && owed === 0) return;
    this.#ledger.closed.push({ code, at: Date.now(), owed, ...this.#peer() });
  }

  #fail(kind: ReturnType<typeof kindOfError>, detail: string, from = this.#from): void {
    const load = this.#options.name;
    this.#ledger.failed.push({ load, kind, detail, from, to: Date.now(), ...this.#peer() });
  }

  #peer(): Peer {
    return { port: this.#port, openedAt: this.#from, worker: null };
  }
}
