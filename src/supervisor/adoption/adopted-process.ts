/**
 * A worker that another supervisor started. It is no child of this process: it is spoken to over the link it has
 * dialed, and its end is seen in the system's list of processes.
 */

import type { AdoptionHello } from "../../link/adoption.ts";
import {
  type AgentMessage,
  ENVELOPE,
  envelope,
  type SupervisorMessage,
} from "../../link/agent-messages.ts";
import type { IpcPipe } from "../../link/ipc-pipe.ts";
import type { Logger } from "../../logs/log.ts";
import type { IpcFault } from "../ipc.ts";
import type { Replier } from "../node-cluster.ts";
import type { Handle } from "../node-internals.ts";
import type { ClusterMessage, WorkerListener, WorkerProcess } from "../processes.ts";
import type { WorkerIdentity } from "./identity.ts";
import { KnownProcess } from "./known-process.ts";
import { Outbox, type Waiting } from "./outbox.ts";
import { FAST_FOR_MS, Vigil } from "./vigil.ts";

export interface AdoptedListener extends WorkerListener {
  /** The worker has dialed, for the first time or again, and holds what it says. */
  linked(hello: AdoptionHello): void;
}

/** What an adopted process gets of the adoption around it. */
export interface Guardian {
  readonly log: Logger;
  /** So long a worker may take to dial, and to come back. */
  readonly withinMs: number;
  /** The process is gone. */
  over(): void;
}

/** True for a moment only, or with a client's connection that must not wait: said to who is linked, or not at all. */
const MOMENTARY: readonly SupervisorMessage["t"][] = ["offer", "take", "handed", "loads"];

export class AdoptedProcess implements WorkerProcess, Replier {
  readonly pid: number;
  readonly stdout = null;
  readonly stderr = null;
  readonly identity: WorkerIdentity;
  readonly #listener: AdoptedListener;
  readonly #guardian: Guardian;
  readonly #process: KnownProcess;
  readonly #outbox = new Outbox();
  readonly #vigil: Vigil;
  #pipe: IpcPipe | null = null;
  /** It was there when it was adopted. */
  #wasThere = false;
  /** It is not expected back: it was refused, its app has closed its channel, or it is late. */
  #hasLeft = false;
  #isMissed = false;
  /** What it has said that it ends with. */
  #code: number | null = null;
  #isOver = false;

  constructor(identity: WorkerIdentity, listener: AdoptedListener, guardian: Guardian) {
    this.identity = identity;
    this.pid = identity.pid;
    this.#listener = listener;
    this.#guardian = guardian;
    this.#process = new KnownProcess(identity);
    const watched = { isThere: () => this.#process.isThere(), gone: () => this.#end() };
    this.#vigil = new Vigil(watched, guardian.withinMs);
  }

  /** Waits for its link from now on. Nobody hears anything before the next turn. */
  expect(): void {
    this.#wasThere = this.#process.isThere();
    setImmediate(() => {
      if (!this.#isOver && !this.#pipe) this.#vigil.begin(0, () => this.#giveUp());
    });
  }

  send(
    message: SupervisorMessage,
    handle?: Handle,
    sent: (error: Error | null) => void = () => {},
  ): void {
    const isLinked = this.#pipe?.isOpen === true;
    if (!isLinked && MOMENTARY.includes(message.t)) sent(new Error("the worker is not linked"));
    else this.#say({ message: envelope(message), handle, sent });
  }

  tell(message: unknown): void {
    this.#say({ message, handle: undefined, sent: () => {} });
  }

  reply(message: Readonly<Record<string, unknown>>, handle?: Handle): void {
    this.#say({ message: { cmd: "NODE_CLUSTER", ...message }, handle, sent: () => {} });
  }

  isCongested(): boolean {
    return !this.#pipe?.isOpen || this.#pipe.isCongested();
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#isOver) this.#process.signal(signal);
  }

  kill(): void {
    if (!this.#isOver) this.#process.kill();
  }

  /** It has proved who it is over `pipe`: its channel from now on, whatever it had before. */
  link(pipe: IpcPipe, hello: AdoptionHello): void {
    const before = this.#pipe;
    this.#pipe = pipe;
    this.#process.prove();
    this.#isMissed = false;
    this.#vigil.end();
    // Half dead, or the worker would not have dialed again.
    before?.destroy();
    for (const waiting of this.#outbox.takeAll()) this.#say(waiting);
    this.#safely(() => this.#listener.linked(hello));
  }

  /** It has proved who it is and speaks another protocol: it is to drain by itself, and a new one takes its place. */
  refuse(): void {
    if (this.#isOver || this.#pipe) return;
    this.#process.prove();
    this.#leave();
    this.#vigil.begin(0, null);
  }

  hear(pipe: IpcPipe, message: unknown, handle: Handle | undefined): void {
    if (this.#isOver || pipe !== this.#pipe) return handle?.close();
    this.#safely(() => this.#hear(message, handle), handle);
  }

  fault(pipe: IpcPipe, fault: IpcFault): void {
    if (pipe === this.#pipe) this.#listener.fault(fault);
  }

  /** The pipe has ended: so has the process, most often. */
  lost(pipe: IpcPipe): void {
    if (this.#isOver || pipe !== this.#pipe) return;
    this.#pipe = null;
    this.#vigil.begin(FAST_FOR_MS, this.#hasLeft ? null : () => this.#leave());
  }

  /** Now and then: a link can outlive its process where another one holds it. What it said last is read first. */
  look(): void {
    if (this.#pipe === null || this.#process.isThere()) return;
    if (this.#isMissed) this.#end();
    this.#isMissed = true;
  }

  /** Leaves the process alone from now on; nobody hears of it any more. */
  abandon(): void {
    this.#isOver = true;
    this.#letGo();
  }

  /** Nothing a worker says ends the supervisor. */
  #safely(hear: () => void, handle?: Handle): void {
    try {
      hear();
    } catch {
      handle?.close();
      this.#listener.fault("hostile");
    }
  }

  #say(waiting: Waiting): void {
    const { message, handle, sent } = waiting;
    if (this.#isOver) sent(new Error("the worker is gone"));
    else if (this.#pipe?.isOpen) this.#pipe.send(message, handle, sent);
    else this.#outbox.add(waiting);
  }

  #hear(message: unknown, handle: Handle | undefined): void {
    const { cmd } = (message ?? {}) as { readonly cmd?: unknown };
    if (cmd === ENVELOPE) return this.#hearAgent(message as AgentMessage, handle);
    // Nobody here wants what the app sends; an unclosed connection would hang its client.
    handle?.close();
    if (cmd === "NODE_CLUSTER") return this.#listener.cluster(message as ClusterMessage, this);
    if (typeof cmd !== "string" || !cmd.startsWith("NODE_")) this.#listener.appMessage(message);
  }

  /** Of a child the system tells what is heard here first. */
  #hearAgent(message: AgentMessage, handle: Handle | undefined): void {
    if (message.t === "left") this.#leave();
    else if (message.t === "exiting") this.#code = codeIn(message.code);
    else return this.#listener.message(message, handle);
    handle?.close();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#listener.disconnected();
  }

  /** It never dialed: it is stopped, it hangs, or its agent is no longer at work. */
  #giveUp(): void {
    const { app, worker, pid } = this.identity;
    const isOurs = this.#process.isOurs();
    const outcome = isOurs
      ? "it is killed"
      : "whether it runs at all is not known, and it is left alone";
    const within = `within ${this.#guardian.withinMs} ms`;
    this.#guardian.log.warn({ app, worker, pid }, `worker not heard of ${within}: ${outcome}`);
    if (!isOurs) return this.#end();
    this.kill();
    this.#vigil.begin(FAST_FOR_MS, null);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#letGo();
    this.#guardian.over();
    this.#listener.ended();
    // What it has left behind. Of one that was gone before, the number may be another's group by now.
    if (this.#wasThere) this.#process.sweep();
    // More is not known: a process's end is told to its parent.
    if (this.#process.isKilled) this.#listener.exited(null, "SIGKILL");
    else this.#listener.exited(this.#code, null);
  }

  #letGo(): void {
    const pipe = this.#pipe;
    this.#pipe = null;
    this.#vigil.end();
    pipe?.destroy();
    this.#outbox.fail(new Error("the worker is gone"));
  }
}

function codeIn(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) ? value : null;
}
