/**
 * What supervisor and agent say to each other over a worker's IPC channel. Only types and the
 * envelope. The envelope's `cmd` begins with `NODE_`, which makes Node deliver it as
 * `internalMessage`: the app's own `process.on("message")` never sees it.
 */

import type { Peer } from "../core/affinity.ts";
import type { Loads } from "../core/gate.ts";
import type { AppMetric, WorkerStats } from "../core/stats.ts";
import type { NamedSticky } from "../core/sticky.ts";
import type { LeaveReason } from "../core/worker.ts";
import type { HomeSettings } from "./adoption.ts";

export const ENVELOPE = "NODE_HOLDFAST";

/**
 * What makes the debugger that SIGUSR1 opens safe: a port of its own, and an address only the reader of the
 * worker's stderr learns. Not given where the app has arguments for the debugger itself.
 */
export const INSPECTOR_FLAGS = [
  "--inspect-port=127.0.0.1:0",
  "--inspect-publish-uid=stderr",
] as const;

/**
 * Whether a worker's debugger can be asked where it stands: its address where it is open; `closed`: SIGUSR1
 * opens it; `off`: the app has another use for that signal, or Node none.
 */
export type Inspector = "closed" | "off" | { readonly url: string };

/** An address an app wants to listen on, in the words of `net`. */
export interface ListenRequest {
  /** Same key, same sockets: address, port and, for port 0, the how-manieth of the worker. */
  readonly key: string;
  readonly address: string | null;
  /** -1 for a UNIX socket path. */
  readonly port: number;
  /** 4, 6, or -1 for a path. */
  readonly addressType: number;
  /** libuv's bind flags: 1 IPv6 only, 2 SO_REUSEPORT. */
  readonly flags: number;
  /** What a server shares with its siblings: TLS ticket keys. */
  readonly data: unknown;
}

export type AgentMessage =
  | { readonly t: "listen"; readonly seq: number; readonly request: ListenRequest }
  /** The server listens: what is attached to it is accepted from. */
  | { readonly t: "listening"; readonly key: string }
  /** It listens at this shard: a connection there is not refused any more. */
  | { readonly t: "attached"; readonly key: string; readonly shard: number }
  | { readonly t: "close"; readonly key: string }
  /** The probe of `ready: "http:/path"` has succeeded. */
  | { readonly t: "ready" }
  /** The probe failed, and how. */
  | { readonly t: "probe"; readonly result: string }
  | { readonly t: "uncaught"; readonly text: string }
  /** Open connections of this worker, and how many it has been given so far. */
  | { readonly t: "load"; readonly open: number; readonly taken: number }
  /**
   * With the connection's handle: more than this worker's fair share, or another worker's client. Numbered by the
   * worker, which keeps a duplicate until `given`.
   */
  | { readonly t: "pass"; readonly id: number; readonly key: string; readonly to?: number }
  /** With the handle of a connection that asks for an upgrade: it belongs to the session of worker `to`. */
  | {
      readonly t: "hand";
      readonly id: string;
      readonly to: number;
      readonly key: string;
      /** All that was read of it, base64. */
      readonly head: string;
    }
  /** This worker is awake and will take the connection it was offered. */
  | { readonly t: "accept"; readonly offer: number }
  /** It is leaving: offer it to another. */
  | { readonly t: "refuse"; readonly offer: number }
  /** Close to the limit of open files, or no longer. */
  | { readonly t: "limit"; readonly reached: boolean }
  | { readonly t: "released" }
  /** With the shard's listening handle: the answer to `return`. */
  | { readonly t: "shard"; readonly key: string; readonly shard: number }
  /** The answer to `return` of a worker that has no such shard. */
  | { readonly t: "kept"; readonly key: string; readonly shard: number }
  /** The app has closed its channel by itself, as `process.disconnect()` does. Said over a link only. */
  | { readonly t: "left" }
  /** The process ends by itself, with this code: only its parent would be told. Said over a link only. */
  | { readonly t: "exiting"; readonly code: number }
  /** Once a second, and before the end: the event loop turns, and this is how it is. */
  | { readonly t: "beat"; readonly stats: WorkerStats; readonly inspector: Inspector }
  /** The last health probe's outcome; null: it is well. */
  | { readonly t: "health"; readonly fault: string | null }
  /** The app's own registry, whole. */
  | { readonly t: "metrics"; readonly metrics: readonly AppMetric[]; readonly dropped: number };

export type SupervisorMessage =
  | {
      readonly t: "bound";
      readonly seq: number;
      /** 0, or a negative errno. */
      readonly errno: number;
      readonly sockname: Readonly<Record<string, unknown>>;
      readonly data: unknown;
    }
  /** With the listening handle of the shard. */
  | { readonly t: "attach"; readonly key: string; readonly shard: number }
  | { readonly t: "detach"; readonly key: string; readonly shard: number }
  /** Wanted: a duplicate of the shard's listening handle. */
  | { readonly t: "return"; readonly key: string; readonly shard: number }
  /** Without a reason: of a Holdfast that did not say it. */
  | { readonly t: "drain"; readonly timeoutMs: number; readonly reason?: LeaveReason | null }
  | { readonly t: "hurry"; readonly withinMs: number }
  | { readonly t: "activate" }
  /** With sticky routing: all workers of the app that sessions may belong to, at every change. */
  | { readonly t: "peers"; readonly peers: readonly Peer[] }
  /** With a connection's handle: a client of this worker, as another has found out by `head`. */
  | { readonly t: "handed"; readonly id: string; readonly key: string; readonly head: string }
  /** The debugger that was opened to see where it stood is not needed any more. */
  | { readonly t: "inspected" }
  | { readonly t: "loads"; readonly loads: Loads }
  /** A connection that was passed on has arrived. */
  | { readonly t: "passed"; readonly id: number }
  /** It has been given to another worker, or back. */
  | { readonly t: "given"; readonly id: number }
  | { readonly t: "offer"; readonly offer: number; readonly key: string }
  /** With a connection's handle: serve it, do not pass it on again. */
  | { readonly t: "take"; readonly key: string };

/** What the supervisor tells an agent at its start, as JSON in HOLDFAST_AGENT. */
export interface AgentSettings {
  readonly worker: number;
  readonly slot: number;
  readonly generation: number;
  /** `null`, or the path of the readiness probe. */
  readonly probe: string | null;
  readonly shutdownMessage: boolean;
  readonly health: HealthSettings;
  /** Without a beat for so long a worker hangs; null: it is not watched. */
  readonly hangTimeoutMs: number | null;
  /** Count and time requests: for metrics, or to replace the worker after so many. */
  readonly countRequests: boolean;
  /** Null: every request is served where it arrives. */
  readonly sticky: StickySettings | null;
  /** Null: the supervisor has no bus, as its socket could not be opened. */
  readonly bus: BusSettings | null;
  /** Where the next supervisor is found when this one is gone. Null: the worker ends with its supervisor. */
  readonly home: HomeSettings | null;
  readonly metrics: {
    /** False: beats tell only what watching and replacing workers needs. */
    readonly collect: boolean;
    /** Also the default registry of a prom-client the app has loaded. */
    readonly merge: boolean;
    readonly maxSeries: number;
  };
}

/** What the agent needs to be sticky. */
export interface StickySettings extends NamedSticky {
  /** This worker's own. */
  readonly tag: string;
  /** The UNIX socket it serves its peers at, in a folder that is closed to other users. */
  readonly path: string;
}

/** What an app needs to find the supervisor's bus. The agent itself never connects. */
export interface BusSettings {
  /** The UNIX socket. */
  readonly path: string;
  /** Proves which worker it is. */
  readonly token: string;
  /** Whose worker it is. */
  readonly app: string;
}

/** How the agent asks its app whether it is well. */
export interface HealthSettings {
  /** Asked for by GET; null: only the function the app registers. */
  readonly path: string | null;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many failures in a row are told. */
  readonly failures: number;
}

export function envelope<Message extends AgentMessage | SupervisorMessage>(
  message: Message,
): Message & { readonly cmd: string } {
  return { cmd: ENVELOPE, ...message };
}
