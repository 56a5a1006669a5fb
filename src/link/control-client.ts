/** The asking side of the control protocol: one connection, one question after the other or at once. */

import net from "node:net";
import { type Explained, HoldfastError } from "../errors.ts";
import { GOODBYE_ID, type Hello, PROTOCOL, type Verb, type Verbs } from "./control.ts";
import { encodeFrame, type Frame, FrameReader, KIND } from "./frames.ts";

/** A supervisor that lives says so every two seconds; one that is silent for this long is stopped or hung. */
const SILENT_AFTER_MS = 10_000;

export interface CallOptions {
  /** How long the answer may take; the work goes on. Default: as long as the supervisor shows that it lives. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What happens meanwhile: an event's name and its data. */
  readonly onEvent?: (name: string, data: unknown) => void;
}

export interface ControlClient {
  readonly supervisor: Hello;
  /**
   * Asks and waits. Rejects with the supervisor's error, HF_TIMEOUT, HF_SUPERVISOR_SILENT,
   * HF_SHUTTING_DOWN when it ends in order, HF_SUPERVISOR_LOST when the connection ends first, or HF_ABORTED.
   */
  call<V extends Verb>(
    verb: V,
    takes: Verbs[V]["takes"],
    options?: CallOptions,
  ): Promise<Verbs[V]["gives"]>;
  close(): void;
}

interface Pending {
  readonly onEvent: ((name: string, data: unknown) => void) | undefined;
  heard(): void;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * Connects to the socket; null where nobody listens. Rejects with HF_PROTOCOL when the two do not
 * understand each other, HF_SUPERVISOR_SILENT, what the system says, or the signal's reason.
 */
export async function connectControl(
  path: string,
  version: string,
  signal?: AbortSignal,
): Promise<ControlClient | null> {
  signal?.throwIfAborted();
  const socket = await dial(path);
  if (!socket) return null;
  const client = new Client(socket);
  socket.write(
    encodeFrame(KIND.hello, { protocol: PROTOCOL, version, pid: process.pid } satisfies Hello),
  );
  const giveUp = (): void => client.giveUp(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  if (signal?.aborted) giveUp();
  try {
    await client.greeted;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
  return client;
}

function dial(path: string): Promise<net.Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      // Nobody is there: no file, no folder for it, or one that a dead supervisor has left.
      if (["ENOENT", "ENOTDIR", "ECONNREFUSED"].includes(error.code ?? "")) resolve(null);
      else if (error.code === "EACCES" || error.code === "EPERM") {
        reject(new HoldfastError("HF_CONTROL_DENIED", { socket: path }, { cause: error }));
      } else reject(error);
    });
  });
}

class Client implements ControlClient {
  readonly greeted: Promise<void>;
  readonly #socket: net.Socket;
  readonly #reader = new FrameReader();
  readonly #pending = new Map<number, Pending>();
  #hello: Hello | null = null;
  #welcome: () => void = () => {};
  #refuse: (error: Error) => void = () => {};
  #seq = 0;
  /** Why nothing can be asked any more. */
  #ended: Error | null = null;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.greeted = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(silent(SILENT_AFTER_MS)), SILENT_AFTER_MS);
      this.#welcome = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#refuse = (error) => {
        clearTimeout(timer);
        reject(error);
      };
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("close", () => this.#fail(new HoldfastError("HF_SUPERVISOR_LOST", {})));
  }

  get supervisor(): Hello {
    return this.#hello ?? { protocol: 0, version: "unknown", pid: 0 };
  }

  call<V extends Verb>(
    verb: V,
    takes: Verbs[V]["takes"],
    { timeoutMs, signal, onEvent }: CallOptions = {},
  ): Promise<Verbs[V]["gives"]> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#seq += 1;
    const id = this.#seq;
    return new Promise<Verbs[V]["gives"]>((resolve, reject) => {
      const cancel = (error: Error): void => {
        if (this.#pending.has(id)) this.#socket.write(encodeFrame(KIND.cancel, { id }));
        settle(() => reject(error));
      };
      const quiet = new Timer(SILENT_AFTER_MS, () => cancel(silent(SILENT_AFTER_MS)));
      const whole = new Timer(timeoutMs ?? null, () =>
        cancel(new HoldfastError("HF_TIMEOUT", { action: verb, afterMs: timeoutMs ?? 0 })),
      );
      const abort = (): void => cancel(new HoldfastError("HF_ABORTED", { action: verb }));
      const settle = (then: () => void): void => {
        quiet.stop();
        whole.stop();
        signal?.removeEventListener("abort", abort);
        this.#pending.delete(id);
        then();
      };
      this.#pending.set(id, {
        onEvent,
        heard: () => quiet.restart(),
        resolve: (value) => settle(() => resolve(value as Verbs[V]["gives"])),
        reject: (error) => settle(() => reject(error)),
      });
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      this.#socket.write(encodeFrame(KIND.request, { id, verb, takes }));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Before it has been greeted. */
  giveUp(reason: Error): void {
    this.#fail(reason);
  }

  #read(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#hear(frame);
    } catch (error) {
      // Whoever listens there speaks something else.
      this.#fail(new HoldfastError("HF_PROTOCOL", { said: (error as Error).message }));
    }
  }

  #hear({ kind, header }: Frame): void {
    if (kind === KIND.hello) return this.#greet(header as unknown as Hello);
    if (kind === KIND.failure && header.id === GOODBYE_ID) {
      return this.#fail(new RemoteError(header.error as Explained));
    }
    const pending = this.#pending.get(Number(header.id));
    if (!pending) return;
    pending.heard();
    if (kind === KIND.event) pending.onEvent?.(String(header.name), header.data);
    else if (kind === KIND.reply) pending.resolve(header.value);
    else if (kind === KIND.failure) pending.reject(new RemoteError(header.error as Explained));
  }

  #greet(hello: Hello): void {
    this.#hello = hello;
    if (hello.protocol === PROTOCOL) return this.#welcome();
    const said = `the supervisor (${hello.version}, pid ${hello.pid}) speaks protocol ${hello.protocol}, this command protocol ${PROTOCOL}`;
    this.#fail(new HoldfastError("HF_PROTOCOL", { said }));
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    this.#refuse(error);
    for (const pending of [...this.#pending.values()]) pending.reject(error);
    this.#socket.destroy();
  }
}

/** One timer that can be put off; none at all for null. */
class Timer {
  readonly #ms: number | null;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(ms: number | null, ring: () => void) {
    this.#ms = ms;
    this.#ring = ring;
    this.restart();
  }

  restart(): void {
    this.stop();
    if (this.#ms !== null) this.#timer = setTimeout(this.#ring, this.#ms);
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }
}

/** An error of the supervisor, told here as it was there, even one that only it knows. */
export class RemoteError extends Error implements Explained {
  override readonly name = "RemoteError";
  readonly code: string;
  readonly remedy: string;
  readonly exitStatus: number;

  constructor({ code, message, remedy, exitStatus }: Explained) {
    super(message);
    this.code = code;
    this.remedy = remedy;
    this.exitStatus = exitStatus;
  }
}

function silent(afterMs: number): HoldfastError {
  return new HoldfastError("HF_SUPERVISOR_SILENT", { afterMs });
}
