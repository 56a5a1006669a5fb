/** One worker whose supervisor is the test itself: it hears every word of the agent. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { HEALTH_DEFAULTS } from "../../src/config/health.ts";
import { METRICS_DEFAULTS } from "../../src/config/observe.ts";
import type { WorkerStats } from "../../src/core/stats.ts";
import {
  type AgentMessage,
  type AgentSettings,
  ENVELOPE,
  envelope,
  type ListenRequest,
  type SupervisorMessage,
} from "../../src/link/agent-messages.ts";
import { bindHandle, type Handle } from "../../src/supervisor/node-internals.ts";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";

const AGENT = join(projectRoot, "dist/agent.cjs");

export type Told<T extends AgentMessage["t"]> = Extract<AgentMessage, { readonly t: T }>;

export interface AloneOptions {
  readonly settings?: Partial<AgentSettings>;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

function closed(stream: Readable | null): Promise<unknown[]> {
  return stream ? once(stream, "close") : Promise.resolve([]);
}

/** What an agent is told, where nothing else is said. */
export function settingsOf(settings: Partial<AgentSettings>): AgentSettings {
  return {
    ...{ worker: 1, slot: 0, generation: 0, probe: null, shutdownMessage: false },
    ...{ health: HEALTH_DEFAULTS, hangTimeoutMs: null, sticky: null, bus: null, home: null },
    countRequests: true,
    metrics: { ...METRICS_DEFAULTS, collect: true },
    ...settings,
  };
}

export class Alone implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown[]>;
  stdout = "";
  stderr = "";
  /** The first port it listens on. */
  port = 0;
  /** With every message that brings a handle. */
  onHandle: (message: AgentMessage, handle: Handle) => void = (_message, handle) => handle.close();
  readonly #told: AgentMessage[] = [];
  readonly #handles: Handle[] = [];

  /** Runs a fixture app. */
  constructor(app: string, { settings = {}, env = {}, nodeArgs = [] }: AloneOptions = {}) {
    const all = settingsOf(settings);
    this.child = spawn(process.execPath, [...nodeArgs, "--require", AGENT, fixture(app)], {
      env: {
        ...{ PATH: process.env.PATH, NODE_UNIQUE_ID: "1", HOLDFAST_AGENT: JSON.stringify(all) },
        ...{ PORT: "0", [MARKER_VARIABLE]: `${process.pid}-alone` },
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "json",
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text) => (this.stdout += text));
    this.child.stderr?.setEncoding("utf8").on("data", (text) => (this.stderr += text));
    this.child.on(
      "internalMessage",
      (message: AgentMessage & { cmd?: string }, handle?: Handle) => {
        if (message.cmd !== ENVELOPE) return;
        this.#told.push(message);
        if (handle) this.onHandle(message, handle);
        if (message.t === "listen") this.#bind(message.seq, message.request);
        if (message.t === "listening") this.send({ t: "activate" });
      },
    );
    const { child } = this;
    // Not its "close": that one never comes once this process has closed the channel.
    const over = [once(child, "exit"), ...[child.stdout, child.stderr].map(closed)];
    this.exited = Promise.all(over).then(([exit]) => exit as unknown[]);
  }

  /** Waits until it serves. */
  static async serving(app: string, options?: AloneOptions): Promise<Alone> {
    const alone = new Alone(app, options);
    await until(() => alone.#told.some(({ t }) => t === "listening"), { what: `${app} to listen` });
    return alone;
  }

  send(message: SupervisorMessage, handle?: Handle): void {
    this.child.send(envelope(message), handle as never);
  }

  /** All it has told of this kind, oldest first. */
  told<T extends AgentMessage["t"]>(kind: T): readonly Told<T>[] {
    return this.#told.filter((message): message is Told<T> => message.t === kind);
  }

  /** What the last beat says; zeros before the first. */
  get stats(): WorkerStats | undefined {
    return this.told("beat").at(-1)?.stats;
  }

  /** Waits for a beat that fits. */
  async beat(what: string, fits: (stats: WorkerStats) => boolean): Promise<WorkerStats> {
    try {
      return await until(() => this.stats && fits(this.stats) && this.stats, { what });
    } catch (error) {
      throw new Error(`${what}: ${JSON.stringify(this.stats)}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
    await this.exited;
    for (const handle of this.#handles) handle.close();
  }

  #bind(seq: number, request: ListenRequest): void {
    const { address, port, addressType, flags, key, data } = request;
    const handle = bindHandle(address, port, addressType, flags & 1);
    if (typeof handle === "number") throw new Error(`cannot bind ${address}:${port}: ${handle}`);
    this.#handles.push(handle);
    const sockname: { port?: number } = {};
    handle.getsockname?.(sockname);
    this.port ||= sockname.port ?? 0;
    this.send({ t: "attach", key, shard: 0 }, handle);
    this.send({ t: "bound", seq, errno: 0, sockname, data });
  }
}
