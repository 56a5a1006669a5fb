import { setMaxListeners } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { createLedger, describeError, type Ledger, type Summary } from "../ledger.ts";

/** Where the load goes. */
export interface Target {
  port: number;
  /** 127.0.0.1 unless told otherwise. */
  host?: string;
  /** Certificates are not verified: the fixtures sign their own. */
  tls?: boolean;
}

/** What every generator takes. */
export interface LoadOptions extends Target {
  /** Shown when a test fails; the kind of load unless given. */
  name?: string;
  /** Concurrent clients. */
  clients?: number;
  /** Random pause of 0..N ms between a client's requests. */
  thinkMs?: number;
  /** A request without a complete answer after this long is a hang. */
  timeoutMs?: number;
}

export interface LoadSummary<C> extends Summary {
  counts: C;
}

/** A running load: the ledger and the counts can be read while it runs. */
export interface Load<C = unknown> {
  readonly ledger: Ledger;
  readonly counts: C;
  /** Begins no further request, waits for those in flight, and tells what became of all. */
  stop(): Promise<LoadSummary<C>>;
}

/** What a client sees of the load it belongs to. */
export interface Run {
  readonly ledger: Ledger;
  readonly stopping: boolean;
  readonly signal: AbortSignal;
  /** Sleeps, but not past the end of the load. */
  pause(ms: number): Promise<void>;
  /** A number no other request of this load has. */
  next(): number;
}

/** How long a client rests after a failure, so that an outage is not counted a thousand times. */
export const PAUSE_AFTER_FAILURE_MS = 20;
export const DEFAULT_TIMEOUT_MS = 10_000;

/** Runs so many clients until stopped. Counts are the generator's own, mutated while it runs. */
export function startClients<C>(
  kind: string,
  options: LoadOptions,
  counts: C,
  client: (run: Run, index: number) => Promise<void>,
): Load<C> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const ledger = createLedger(options.name ?? kind);
  let number = 0;
  const run: Run = {
    ledger,
    signal: stop.signal,
    get stopping() {
      return stop.signal.aborted;
    },
    pause: async (ms) => {
      // An aborted pause is a pause that is over.
      await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
    },
    next: () => number++,
  };
  const clients = Array.from({ length: options.clients ?? 4 }, (_, index) =>
    client(run, index).catch((error: unknown) => {
      ledger.record("error", `the load client itself failed: ${describeError(error)}`);
    }),
  );
  return {
    ledger,
    counts,
    async stop() {
      stop.abort();
      await Promise.all(clients);
      return { ...ledger.summary(), counts };
    },
  };
}

/** The pause between two requests of one client. */
export async function think(
  run: Run,
  failed: boolean,
  { thinkMs = 0 }: LoadOptions,
): Promise<void> {
  if (failed) await run.pause(PAUSE_AFTER_FAILURE_MS);
  else if (thinkMs > 0) await run.pause(Math.random() * thinkMs);
}

/** Opens a connection to the target, plain or TLS. The caller listens for its errors. */
export function openSocket({ port, host = "127.0.0.1", tls = false }: Target): Socket {
  const socket = tls
    ? connectTls({ port, host, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] })
    : connectTcp({ port, host });
  return socket.setNoDelay(true);
}
