/** One worker as an operating-system process: spawned, spoken to, signalled, and gone. */

import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import {
  type AgentMessage,
  type AgentSettings,
  ENVELOPE,
  envelope,
  INSPECTOR_FLAGS,
  type SupervisorMessage,
} from "../link/agent-messages.ts";
import type { StreamTarget } from "../logs/outlet.ts";
import { killGroup } from "../system/process-group.ts";
import { type IpcFault, readSafely } from "./ipc.ts";
import { type Replier, replierOf } from "./node-cluster.ts";
import { channelOf, type Handle } from "./node-internals.ts";

/** What to run, resolved: the same launch can be repeated although the files behind links change. */
export interface Launch {
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The Node binary: a path, or a name looked for in PATH. */
  readonly node: string;
  /** False: the program finds itself the primary of a cluster of its own. */
  readonly isClusterWorker: boolean;
  /** The variable that carries the slot, and the one that is raised by it. */
  readonly instanceVar: string;
  readonly incrementVar: string | null;
  /** Null: the supervisor's own. */
  readonly uid: number | null;
  readonly gid: number | null;
}

export interface WorkerProcess {
  readonly pid: number | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Sends, unless the worker no longer reads; then `sent` hears an error. */
  send(message: SupervisorMessage, handle?: Handle, sent?: (error: Error | null) => void): void;
  /** Sends what the app hears as `process.on("message")`, unless the worker no longer reads. */
  tell(message: unknown): void;
  /** Messages pile up: the worker is stopped or busy. */
  isCongested(): boolean;
  /** Signals the process alone. */
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL to the process and its whole group. */
  kill(): void;
}

export interface WorkerListener {
  message(message: AgentMessage, handle: Handle | undefined): void;
  /** A message of Node's own cluster module. */
  cluster(message: ClusterMessage, worker: Replier): void;
  /** A message the app sent with process.send(). */
  appMessage(message: unknown): void;
  disconnected(): void;
  /** The process is gone; `exited` follows when its output is read. */
  ended(): void;
  exited(code: number | null, signal: NodeJS.Signals | null): void;
  spawnFailed(error: Error): void;
  fault(fault: IpcFault): void;
}

/** A `NODE_CLUSTER` message (lib/internal/cluster/child.js). */
export interface ClusterMessage {
  readonly cmd: "NODE_CLUSTER";
  readonly act?: string;
  readonly seq?: number;
  readonly [key: string]: unknown;
}

/** The agent's file stands beside the compiled sources: dist/agent.cjs. */
const AGENT = fileURLToPath(new URL("../../agent.cjs", import.meta.url));
/** More messages or bytes than these waiting for a worker: it is stopped or busy. */
const QUEUED_MESSAGES_MAX = 50;
const QUEUED_BYTES_MAX = 64 * 1024;
/** How long the output of a dead worker may still arrive; a grandchild may hold its pipe for ever. */
const OUTPUT_WITHIN_MS = 250;

export function spawnWorker(
  launch: Launch,
  settings: AgentSettings,
  marker: string,
  output: readonly [StreamTarget, StreamTarget],
  listener: WorkerListener,
): WorkerProcess {
  let child: ChildProcess;
  try {
    child = spawn(launch.node, argumentsOf(launch, settings), {
      cwd: launch.cwd,
      env: environmentOf(launch, settings, marker),
      stdio: ["ignore", ...output, "ipc"],
      // A process group of its own: the terminal's Ctrl-C reaches the supervisor only, and killing
      // the group takes the worker's children along.
      detached: true,
      serialization: "json",
      ...(launch.uid === null ? {} : { uid: launch.uid }),
      ...(launch.gid === null ? {} : { gid: launch.gid }),
    });
  } catch (error) {
    // Thrown for a bad cwd type or an environment that is too big (E2BIG).
    queueMicrotask(() => listener.spawnFailed(error as Error));
    return neverStarted();
  }
  child.on("error", (error) => {
    // A failed fork emits no `exit`. Later errors are failed sends, which `sent` hears of.
    if (child.pid === undefined) listener.spawnFailed(error);
  });
  if (child.pid === undefined) return neverStarted();
  listen(child, listener);
  return handleOf(child, child.pid);
}

function argumentsOf(launch: Launch, { hangTimeoutMs }: AgentSettings): string[] {
  const own = [...launch.nodeArgs, launch.env.NODE_OPTIONS ?? ""].join(" ");
  const isOpenable = process.features.inspector && !own.includes("--inspect");
  const isOurs = hangTimeoutMs !== null && isOpenable;
  return [
    ...(isOurs ? INSPECTOR_FLAGS : []),
    ...launch.nodeArgs,
    "--require",
    AGENT,
    launch.script,
    ...launch.args,
  ];
}

function environmentOf(launch: Launch, settings: AgentSettings, marker: string): NodeJS.ProcessEnv {
  return {
    ...launch.env,
    ...raised(launch, settings.slot),
    [launch.instanceVar]: String(settings.slot),
    // What makes the process a node:cluster worker.
    ...(launch.isClusterWorker ? { NODE_UNIQUE_ID: String(settings.worker) } : {}),
    HOLDFAST_SLOT: String(settings.slot),
    HOLDFAST_GENERATION: String(settings.generation),
    HOLDFAST_SUPERVISOR: marker,
    HOLDFAST_WORKER: String(settings.worker),
    HOLDFAST_AGENT: JSON.stringify(settings),
  };
}

/** PM2's increment_var: PORT 3000 is 3000, 3001, ... in slots 0, 1, ... */
function raised({ env, incrementVar }: Launch, slot: number): Record<string, string> {
  const base = incrementVar === null ? Number.NaN : Number(env[incrementVar]);
  if (incrementVar === null || !Number.isSafeInteger(base)) return {};
  return { [incrementVar]: String(base + slot) };
}

function listen(child: ChildProcess, listener: WorkerListener): void {
  readSafely(child, listener.fault);
  child.on("internalMessage", (message: { cmd?: string }, handle?: Handle) => {
    // Node wraps what comes with a handle in NODE_HANDLE and emits the content next.
    if (message.cmd === "NODE_HANDLE") return;
    if (message.cmd === ENVELOPE)
      return listener.message(message as unknown as AgentMessage, handle);
    handle?.close();
    if (message.cmd === "NODE_CLUSTER")
      listener.cluster(message as ClusterMessage, replierOf(child));
  });
  child.on("message", (message: unknown, handle?: unknown) => {
    // Nobody here wants sockets the app sends; an unclosed one would hang its client.
    discard(handle);
    listener.appMessage(message);
  });
  child.on("disconnect", () => listener.disconnected());
  child.on("exit", (code, signal) => {
    listener.ended();
    killGroup(child.pid);
    afterOutput(child, () => listener.exited(code, signal));
  });
}

/** A connection is destroyed; servers, datagram sockets and bare handles are closed. */
function discard(handle: unknown): void {
  const sent = (handle ?? {}) as { destroy?(): void; close?(): void };
  if (sent.destroy) sent.destroy();
  else sent.close?.();
}

/** Waits for the last output, so that it can be shown with the news of the death. */
function afterOutput(child: ChildProcess, then: () => void): void {
  let isDone = false;
  const once = (): void => {
    if (!isDone) then();
    isDone = true;
    clearTimeout(timer);
  };
  const timer = setTimeout(once, OUTPUT_WITHIN_MS);
  child.once("close", once);
}

function handleOf(child: ChildProcess, pid: number): WorkerProcess {
  const send = child.send?.bind(child) as unknown as (
    message: unknown,
    handle: Handle | undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ) => boolean;
  return {
    pid,
    stdout: child.stdout,
    stderr: child.stderr,
    send(message, handle, sent = () => {}) {
      if (child.connected) send(envelope(message), handle, undefined, sent);
      else sent(new Error("the worker's channel is closed"));
    },
    tell(message) {
      if (child.connected) send(message, undefined, undefined, () => {});
    },
    isCongested() {
      // Node queues every message behind a handle that is not acknowledged yet, without bound.
      const queue = (child as unknown as { _handleQueue: readonly unknown[] | null })._handleQueue;
      const isQueueing = (queue?.length ?? 0) > QUEUED_MESSAGES_MAX;
      return !child.connected || isQueueing || channelOf(child).writeQueueSize > QUEUED_BYTES_MAX;
    },
    signal(signal) {
      child.kill(signal);
    },
    kill() {
      if (child.exitCode === null && child.signalCode === null) killGroup(pid);
    },
  };
}

/** A worker that never was: every message fails and every signal finds nobody. */
function neverStarted(): WorkerProcess {
  return {
    pid: null,
    stdout: null,
    stderr: null,
    send: (_message, _handle, sent) => sent?.(new Error("the worker was never started")),
    tell: () => {},
    isCongested: () => true,
    signal: () => {},
    kill: () => {},
  };
}
