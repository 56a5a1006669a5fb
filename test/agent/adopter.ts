/** A supervisor that finds workers of another: the test itself, on an adoption socket of its own. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ADOPTION_PROTOCOL,
  type AdoptionHello,
  type HomeSettings,
} from "../../src/link/adoption.ts";
import {
  type AgentMessage,
  ENVELOPE,
  envelope,
  type SupervisorMessage,
} from "../../src/link/agent-messages.ts";
import { acceptIpcPipe, type IpcPipe } from "../../src/link/ipc-pipe.ts";
import { bindHandle, type Handle } from "../../src/supervisor/node-internals.ts";
import { until } from "../support/until.ts";
import type { Told } from "./alone.ts";

export class Adopter implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "adopter-"));
  readonly home: HomeSettings = {
    socket: join(this.folder, "adopt.sock"),
    token: "a token",
    app: "app",
  };
  readonly hellos: AdoptionHello[] = [];
  /** What is neither the agent's nor Node's. */
  readonly appMessages: unknown[] = [];
  readonly clusterMessages: Record<string, unknown>[] = [];
  readonly handles = new Map<AgentMessage, Handle>();
  /** How often a link has ended. */
  closed = 0;
  /** What it says to a worker that says hello; null: nothing. It is not the process the worker comes from. */
  answer: object | null = {
    t: "welcome",
    protocol: ADOPTION_PROTOCOL,
    pid: 1,
    version: "1",
  };
  /** Binds what is asked for. */
  binds = true;
  pipe: IpcPipe | null = null;
  readonly #told: AgentMessage[] = [];
  readonly #bound: Handle[] = [];
  #server: net.Server | null = null;

  /** Workers find it from now on. */
  async open(): Promise<void> {
    this.#server = net.createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
    this.#server.listen(this.home.socket);
    await once(this.#server, "listening");
  }

  /** It is gone, as after a SIGKILL. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const isClosed = server && once(server, "close");
    server?.close();
    this.pipe?.destroy();
    this.pipe = null;
    await isClosed;
  }

  /** Waits until a worker is linked, and so many hellos have been said. */
  async linked(times = 1): Promise<AdoptionHello> {
    await until(() => this.hellos.length >= times && this.pipe?.isOpen, {
      what: `hello ${times}`,
      intervalMs: 2,
    });
    return this.hellos.at(-1) as AdoptionHello;
  }

  send(message: SupervisorMessage, handle?: Handle): void {
    this.pipe?.send(envelope(message), handle);
  }

  told<T extends AgentMessage["t"]>(kind: T): readonly Told<T>[] {
    return this.#told.filter((message): message is Told<T> => message.t === kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    for (const handle of [...this.#bound, ...this.handles.values()]) handle.close();
    rmSync(this.folder, { recursive: true });
  }

  #accept(socket: net.Socket): void {
    const pipe = acceptIpcPipe(socket, {
      message: (message, handle) => this.#hear(pipe, message, handle),
      closed: () => {
        if (this.pipe === pipe) this.closed++;
      },
    });
  }

  #hear(pipe: IpcPipe, message: unknown, handle: Handle | undefined): void {
    if (this.pipe !== pipe) {
      this.hellos.push(message as AdoptionHello);
      if (this.answer) pipe.send(this.answer);
      this.pipe = pipe;
      return;
    }
    const { cmd } = (message ?? {}) as { cmd?: string };
    if (cmd === ENVELOPE) this.#hearAgent(message as AgentMessage, handle);
    else if (cmd === "NODE_CLUSTER") {
      const said = message as Record<string, unknown>;
      this.clusterMessages.push(said);
      if (said.act === "exitedAfterDisconnect") pipe.send({ cmd, ack: said.seq });
    } else this.appMessages.push(message);
  }

  #hearAgent(message: AgentMessage, handle: Handle | undefined): void {
    this.#told.push(message);
    if (handle) this.handles.set(message, handle);
    if (message.t !== "listen" || !this.binds) return;
    const { address, port, addressType, flags, key, data } = message.request;
    const bound = bindHandle(address, port, addressType, flags & 1);
    if (typeof bound === "number") throw new Error(`cannot bind ${address}:${port}: ${bound}`);
    this.#bound.push(bound);
    const sockname = {};
    bound.getsockname?.(sockname);
    this.send({ t: "attach", key, shard: 0 }, bound);
    this.send({ t: "bound", seq: message.seq, errno: 0, sockname, data });
  }
}
