/** An adoption in a home of its own, processes that dial it, and what is heard of them. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { ADOPTION_PROTOCOL, type AdoptionHello } from "../../../src/link/adoption.ts";
import type { AgentMessage } from "../../../src/link/agent-messages.ts";
import { createLog } from "../../../src/logs/log.ts";
import type { AdoptedListener } from "../../../src/supervisor/adoption/adopted-process.ts";
import { type Adoption, openAdoption } from "../../../src/supervisor/adoption/adoption.ts";
import type { WorkerIdentity } from "../../../src/supervisor/adoption/identity.ts";
import type { Replier } from "../../../src/supervisor/node-cluster.ts";
import type { Handle } from "../../../src/supervisor/node-internals.ts";
import type { WorkerProcess } from "../../../src/supervisor/processes.ts";
import { startTicks } from "../../../src/system/proc.ts";
import { fixture } from "../../support/holdfast.ts";
import { Output } from "../../support/output.ts";
import { until } from "../../support/until.ts";

export const APP = "api";
export const TOKEN = "the-worker's-own-token";

/** All that a listener is told, in order, and what came with it. */
export class Ears implements AdoptedListener {
  readonly events: string[] = [];
  readonly hellos: AdoptionHello[] = [];
  readonly messages: { message: AgentMessage; handle: Handle | undefined }[] = [];
  readonly appMessages: unknown[] = [];
  /** When `exited` was heard: performance.now(). */
  exitedAt = 0;

  linked(hello: AdoptionHello): void {
    this.hellos.push(hello);
    this.events.push("linked");
  }
  message(message: AgentMessage, handle: Handle | undefined): void {
    this.messages.push({ message, handle });
    handle?.close();
  }
  cluster(message: { readonly seq?: number }, worker: Replier): void {
    this.events.push("cluster");
    worker.reply({ ack: message.seq });
  }
  appMessage(message: unknown): void {
    this.appMessages.push(message);
  }
  disconnected(): void {
    this.events.push("disconnected");
  }
  ended(): void {
    this.events.push("ended");
  }
  exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.exitedAt = performance.now();
    this.events.push(`exited ${code} ${signal}`);
  }
  spawnFailed(): void {
    this.events.push("spawnFailed");
  }
  fault(fault: string): void {
    this.events.push(`fault ${fault}`);
  }

  async hears(event: string, times = 1): Promise<void> {
    const what = `${event}, ${times} times, after ${this.events}`;
    await until(() => this.events.filter((each) => each === event).length >= times, { what });
  }
}

/** A process that dials as it is told. */
export class Dialer {
  readonly child: ChildProcess;
  readonly output: Output;
  readonly pid: number;

  constructor() {
    const stdio = ["pipe", "pipe", "inherit"] as const;
    const program = [fixture("dials.mjs")];
    this.child = spawn(process.execPath, program, { stdio: [...stdio], detached: true });
    this.output = new Output(this.child, "the dialer");
    this.pid = Number(this.child.pid);
  }

  order(order: string, takes: object = {}): void {
    this.child.stdin?.write(`${JSON.stringify({ order, ...takes })}\n`);
  }

  /** Waits until it has told this, such as `{ closed: 0 }`. */
  async tells(news: object): Promise<void> {
    const wanted = JSON.stringify(news);
    await this.output.wait(() => this.output.stdout.find((line) => line === wanted), wanted);
  }

  /** What was said to it over a link, without welcomes. */
  heard(link = 0): { message: Record<string, unknown>; hasHandle: boolean }[] {
    return this.output.stdout
      .map((line) => JSON.parse(line))
      .filter((news) => news.link === link && news.heard && news.heard.t !== "welcome")
      .map(({ heard, hasHandle }) => ({ message: heard, hasHandle }));
  }

  identity(more: Partial<WorkerIdentity> = {}): WorkerIdentity {
    const { pid } = this;
    return { app: APP, worker: 1, pid, startTicks: startTicks(pid), token: TOKEN, ...more };
  }

  hello(more: Partial<AdoptionHello> = {}): AdoptionHello {
    return {
      ...{ t: "hello", protocol: ADOPTION_PROTOCOL, app: APP, worker: 1, pid: this.pid },
      ...{ token: TOKEN, listening: [], ...more },
    };
  }
}

export interface Stage {
  readonly adoption: Adoption;
  readonly path: string;
  /** What was logged, as text. */
  readonly log: string[];
  dialer(): Promise<Dialer>;
  /** A dialer that is linked as worker 1. */
  linked(): Promise<{ dialer: Dialer; ears: Ears; process: WorkerProcess }>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `folder`: below the home, for the socket. */
export async function stage({ withinMs = 10_000, folder = "" } = {}): Promise<Stage> {
  const home = mkdtempSync(join(tmpdir(), "hf-adopt-"));
  mkdirSync(join(home, folder), { recursive: true });
  const path = join(home, folder, "adopt.sock");
  const log: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk));
      done();
    },
  });
  const adoption = await openAdoption({
    ...{ path, version: "1.2.3", withinMs },
    log: createLog({ level: "debug", stream, pretty: false, colour: false }),
  });
  const dialers: Dialer[] = [];
  const dialer = async (): Promise<Dialer> => {
    const made = new Dialer();
    dialers.push(made);
    await made.tells({ started: true });
    return made;
  };
  return {
    ...{ adoption, path, log, dialer },
    async linked() {
      const made = await dialer();
      const ears = new Ears();
      const process = adoption.adopt(made.identity(), ears);
      made.order("dial", { path, hello: made.hello() });
      await ears.hears("linked");
      return { dialer: made, ears, process };
    },
    async [Symbol.asyncDispose]() {
      await adoption.close();
      for (const { child } of dialers) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}
