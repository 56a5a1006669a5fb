import { WebSocket } from "ws";
import { describeError, type Entry, kindOfError } from "../ledger.ts";
import { DEFAULT_TIMEOUT_MS, type Load, type LoadOptions, type Run, startClients } from "./run.ts";

export interface WsOptions extends LoadOptions {
  path?: string;
  headers?: Record<string, string>;
  /** Between two messages of one client. */
  intervalMs?: number;
  /** Open a new socket when the server closed one; `true` unless told otherwise. */
  reconnect?: boolean;
  /** Random pause of 0..N ms before a reconnect. */
  reconnectMs?: number;
  perMessageDeflate?: boolean;
  /** What an echo of `text` must look like; the same text unless given. */
  expectEcho?: (text: string) => string;
}

/** What WebSocket clients count beside their echoes (which are the ledger's requests). */
export interface WsCounts {
  /** Open at this moment. */
  open: number;
  /** Opened so far. */
  opened: number;
  /** Closes the server began, by code; 1006 is a connection cut without a close frame. */
  closeCodes: Record<number, number>;
  /** Echoes owed when the server said 1012 (service restart): neither good nor a failure. */
  unanswered: number;
  /** Echoes owed when a socket closed with any other code; each is a failure as well. */
  lost: number;
  /** Messages that came back wrong, out of order or unasked; each is a failure as well. */
  wrong: number;
}

/** The close code which tells a client to reconnect: the service restarts. */
const SERVICE_RESTART = 1012;

/** WebSocket clients that send numbered messages and expect each back, in order. */
export function startWsClients(options: WsOptions): Load<WsCounts> {
  const counts: WsCounts = { open: 0, opened: 0, closeCodes: {}, unanswered: 0, lost: 0, wrong: 0 };
  return startClients("WebSocket clients", options, counts, async (run, index) => {
    do {
      await new Conversation(run, options, counts, index).over;
      await run.pause(5 + Math.random() * (options.reconnectMs ?? 50));
    } while (!run.stopping && options.reconnect !== false);
  });
}

interface Owed {
  text: string;
  entry: Entry;
  timer: NodeJS.Timeout;
}

/** One WebSocket from handshake to close. */
class Conversation {
  /** Settles, never rejects, when the socket is closed. */
  readonly over: Promise<void>;
  readonly #run: Run;
  readonly #options: WsOptions;
  readonly #counts: WsCounts;
  readonly #socket: WebSocket;
  readonly #client: number;
  readonly #owed: Owed[] = [];
  #opened = false;
  #leaving = false;
  #gaveUp = false;
  #error: unknown;
  #ticker: NodeJS.Timeout | undefined;

  constructor(run: Run, options: WsOptions, counts: WsCounts, client: number) {
    this.#run = run;
    this.#options = options;
    this.#counts = counts;
    this.#client = client;
    const {
      tls,
      host = "127.0.0.1",
      port,
      path = "/ws",
      headers = {},
      timeoutMs = DEFAULT_TIMEOUT_MS,
    } = options;
    this.#socket = new WebSocket(`${tls ? "wss" : "ws"}://${host}:${port}${path}`, {
      headers,
      handshakeTimeout: timeoutMs,
      rejectUnauthorized: false,
      perMessageDeflate: options.perMessageDeflate ?? false,
    });
    const stop = () => this.#leave();
    this.#socket.on("open", () => this.#open());
    this.#socket.on("message", (data) => this.#message(String(data)));
    this.#socket.on("error", (error) => {
      this.#error = error;
    });
    this.over = new Promise((resolve) => {
      this.#socket.on("close", (code) => {
        run.signal.removeEventListener("abort", stop);
        this.#closed(code);
        resolve();
      });
    });
    run.signal.addEventListener("abort", stop);
  }

  #open(): void {
    this.#opened = true;
    this.#counts.open += 1;
    this.#counts.opened += 1;
    if (this.#run.stopping) return this.#leave();
    this.#say();
    this.#ticker = setInterval(() => this.#say(), this.#options.intervalMs ?? 100);
  }

  #say(): void {
    if (this.#leaving || this.#socket.readyState !== WebSocket.OPEN) return;
    const text = `client ${this.#client} message ${this.#run.next()}`;
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const entry = this.#run.ledger.begin();
    const timer = setTimeout(() => {
      this.#gaveUp = true;
      entry.end("timeout", `no echo in ${timeoutMs} ms`);
      this.#socket.terminate();
    }, timeoutMs);
    this.#owed.push({ text, entry, timer });
    this.#socket.send(text, (error) => {
      // The close that follows settles the entry.
      if (error) this.#error ??= error;
    });
  }

  #message(text: string): void {
    const owed = this.#owed.shift();
    if (!owed) {
      this.#counts.wrong += 1;
      return this.#run.ledger.record(
        "wrong",
        `unasked message ${JSON.stringify(text.slice(0, 60))}`,
      );
    }
    clearTimeout(owed.timer);
    const wanted = this.#options.expectEcho?.(owed.text) ?? owed.text;
    if (text === wanted) {
      owed.entry.end("ok");
    } else {
      this.#counts.wrong += 1;
      owed.entry.end(
        "wrong",
        `echo ${JSON.stringify(text.slice(0, 60))} instead of ${JSON.stringify(wanted)}`,
      );
    }
    if (this.#leaving && this.#owed.length === 0) this.#goodbye();
  }

  /** The load stops: wait for what is owed, then close. */
  #leave(): void {
    this.#leaving = true;
    clearInterval(this.#ticker);
    if (this.#owed.length === 0 && this.#socket.readyState === WebSocket.OPEN) this.#goodbye();
  }

  #goodbye(): void {
    this.#socket.close(1000);
    // The library waits 30 s for the answering close frame.
    setTimeout(() => this.#socket.terminate(), 1_000).unref();
  }

  #closed(code: number): void {
    clearInterval(this.#ticker);
    const { ledger } = this.#run;
    if (!this.#opened) {
      const timedOut = this.#error instanceof Error && /timed out/.test(this.#error.message);
      return ledger.record(
        timedOut ? "timeout" : kindOfError(this.#error),
        `handshake: ${describeError(this.#error)}`,
      );
    }
    this.#counts.open -= 1;
    const owed = this.#owed.splice(0);
    if (this.#leaving && owed.length === 0) return;
    const said = this.#error ? ` (${describeError(this.#error)})` : "";
    this.#book(owed, code, `WebSocket closed with ${code}${said}`);
  }

  /** A close the load did not ask for, and what it leaves unanswered. */
  #book(owed: Owed[], code: number, detail: string): void {
    if (!this.#gaveUp) this.#counts.closeCodes[code] = (this.#counts.closeCodes[code] ?? 0) + 1;
    const kind = this.#gaveUp ? "timeout" : code === 1006 ? "reset" : "truncated";
    for (const { entry, timer } of owed) {
      clearTimeout(timer);
      if (code === SERVICE_RESTART) {
        entry.drop();
        this.#counts.unanswered += 1;
      } else {
        entry.end(kind, detail);
        this.#counts.lost += 1;
      }
    }
    if (code === 1006 && owed.length === 0) this.#run.ledger.record("reset", `idle ${detail}`);
  }
}
