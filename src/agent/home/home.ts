/**
 * The worker outlives its supervisor: when the channel to it breaks, the worker serves on and dials the home's adoption
 * socket until somebody welcomes it there. From then on that link is its channel, for the agent, for Node's cluster
 * module and for the app, none of which is told of the change; and it may break again.
 */

import {
  ADOPTION_PROTOCOL,
  type AdoptionAnswer,
  type AdoptionHello,
  type HomeSettings,
  type ListeningAt,
} from "../../link/adoption.ts";
import { envelope } from "../../link/agent-messages.ts";
import { dialIpcPipe } from "../../link/ipc-dial.ts";
import { ipcInternals } from "../../link/ipc-internals.ts";
import type { Handle, IpcPipe } from "../../link/ipc-pipe.ts";
import { ClusterAsks } from "./cluster-asks.ts";
import { isKept } from "./kept.ts";
import { Outbox } from "./outbox.ts";
import { isNodeMessage, outliveChannel, type Sent } from "./own-channel.ts";

/** The next supervisor may be there at once. Milliseconds. */
const FIRST_WAIT_MS = 10;
const LONGEST_WAIT_MS = 250;
/** A supervisor that does not say by then whether it wants this worker is dialed anew. */
const ANSWER_WITHIN_MS = 5000;

export interface HomeEvents {
  /** What this worker listens at. */
  listening(): readonly ListeningAt[];
  /** There is no supervisor now. */
  lost(): void;
  /** There is one again; `isNew`: another than before, which knows nothing yet. */
  linked(isNew: boolean): void;
  /** Nobody wants this worker any more. */
  refused(): void;
}

/** What an app says that is ready when it says so (`ready: "message"`). */
const READY = "ready";

/** `own`: Node's channel; `greeting`: dialing, or waiting for an answer; `over`: for good. */
type State = "own" | "seeking" | "greeting" | "linked" | "over";

export class Home {
  readonly #settings: HomeSettings;
  readonly #worker: number;
  readonly #events: HomeEvents;
  readonly #outbox = new Outbox();
  readonly #asks = new ClusterAsks();
  #state: State = "own";
  #supervisor = process.ppid;
  #pipe: IpcPipe | null = null;
  #timer: NodeJS.Timeout | null = null;
  #waitMs = FIRST_WAIT_MS;
  /** The process is to stay for the channel, although it is not there. */
  #isHeld = false;
  /** The app has closed the channel: the next supervisor is told so, and that is all. */
  #hasLeft = false;
  /** The app has said so to a supervisor. */
  #isReady = false;
  /** Looked for once, and not before they are needed: a start is to be fast. */
  #internals: ReturnType<typeof ipcInternals> | undefined;

  constructor(settings: HomeSettings, worker: number, events: HomeEvents) {
    this.#settings = settings;
    this.#worker = worker;
    this.#events = events;
    const canOutlive = outliveChannel({
      said: (message) => this.#said(message),
      lost: () => this.#lost(),
      send: (message, sent) => this.#say(message, sent),
      hold: (isHeld) => this.#hold(isHeld),
      close: () => this.#leave(),
    });
    if (!canOutlive) return;
    process.on("internalMessage" as never, (message: unknown) => this.#asks.heard(message));
  }

  /** Node's own channel has broken at some time: what there is now goes through here. */
  get hasReplaced(): boolean {
    return this.#state !== "own";
  }

  get isLinked(): boolean {
    return this.#state === "linked" && !this.#hasLeft;
  }

  /** Over the link; not without. */
  send(message: object, handle: unknown, sent: (error: unknown) => void): void {
    if (this.#pipe && this.isLinked) this.#pipe.send(message, handle, sent);
    else sent(new Error("the supervisor is gone"));
  }

  #lost(): void {
    this.#state = "seeking";
    this.#waitMs = FIRST_WAIT_MS;
    this.#events.lost();
    process.nextTick(() => this.#asks.excuse());
    this.#dialSoon();
  }

  #said(message: unknown): void {
    if (message === READY) this.#isReady = true;
    else this.#asks.said(message);
  }

  /** What the app or Node's cluster module would have sent over Node's channel. */
  #say(message: unknown, sent: Sent | undefined): void {
    if (this.isLinked) {
      this.#said(message);
      this.#pipe?.send(message, undefined, sent);
    } else if (!isNodeMessage(message)) this.#outbox.add(message, sent);
    else {
      if (this.#asks.said(message)) process.nextTick(() => this.#asks.excuse());
      if (sent) process.nextTick(sent, null);
    }
  }

  #hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    const keepers = [this.#timer, this.#pipe];
    for (const keeper of keepers) isHeld ? keeper?.ref() : keeper?.unref();
  }

  /** All workers of a machine lose their supervisor at once: they do not come back at once. */
  #dialSoon(): void {
    const wait = this.#waitMs * (0.5 + Math.random() / 2);
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
    this.#setTimer(wait, () => this.#dial());
  }

  #setTimer(afterMs: number, then: () => void): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(then, afterMs);
    this.#hold(this.#isHeld);
  }

  #dial(): void {
    if (!isKept(this.#settings)) return this.#dialSoon();
    this.#state = "greeting";
    this.#internals ??= ipcInternals();
    const events = {
      connected: () => pipe.send(this.#hello()),
      message: (message: unknown, handle: Handle | undefined) => this.#hear(message, handle),
      closed: () => this.#closed(),
    };
    const pipe: IpcPipe = dialIpcPipe(this.#settings.socket, events, this.#internals);
    this.#pipe = pipe;
    this.#setTimer(ANSWER_WITHIN_MS, () => pipe.destroy());
  }

  #hello(): AdoptionHello {
    return {
      ...{ t: "hello", protocol: ADOPTION_PROTOCOL },
      ...{ app: this.#settings.app, token: this.#settings.token },
      ...{ worker: this.#worker, pid: process.pid, listening: this.#events.listening() },
    };
  }

  #closed(): void {
    this.#pipe = null;
    if (this.#state === "over") return;
    if (this.#state === "linked") return this.#lost();
    this.#state = "seeking";
    this.#dialSoon();
  }

  #hear(message: unknown, handle: Handle | undefined): void {
    if (this.#state === "linked") return deliver(message, handle);
    handle?.close();
    if (this.#state !== "greeting") return;
    const answer = message as AdoptionAnswer;
    if (answer.t === "welcome") this.#welcomed(answer.pid);
    else if (answer.t === "refused") this.#end(() => this.#events.refused());
  }

  #welcomed(supervisor: number): void {
    this.#state = "linked";
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#hasLeft) return this.#bid();
    const isNew = supervisor !== this.#supervisor;
    this.#supervisor = supervisor;
    this.#events.linked(isNew);
    if (isNew && this.#isReady) this.#pipe?.send(READY);
    for (const message of this.#asks.open()) this.#pipe?.send(message);
    this.#outbox.flush((message, sent) => this.#say(message, sent));
  }

  /** The app has closed the channel. */
  #leave(): void {
    this.#hasLeft = true;
    this.#hold(false);
    if (this.#state === "linked") this.#bid();
  }

  #bid(): void {
    this.#pipe?.send(envelope({ t: "left" }), undefined, () => this.#end(() => {}));
  }

  #end(then: () => void): void {
    this.#state = "over";
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pipe?.destroy();
    then();
  }
}

/** As Node's own channel would. */
function deliver(message: unknown, handle: Handle | undefined): void {
  const emitter = process as unknown as NodeJS.EventEmitter;
  if (isNodeMessage(message)) emitter.emit("internalMessage", message, handle);
  else {
    handle?.close();
    emitter.emit("message", message, undefined);
  }
}
