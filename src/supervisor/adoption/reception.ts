/**
 * Connections nobody has vouched for yet. Each says within some seconds who it is, and is welcome, refused or
 * closed; so many at once, and no more, are heard.
 */

import type net from "node:net";
import { ADOPTION_PROTOCOL, type AdoptionAnswer, type AdoptionHello } from "../../link/adoption.ts";
import { acceptIpcPipe, type IpcPipe } from "../../link/ipc-pipe.ts";
import type { Logger } from "../../logs/log.ts";
import type { IpcFault } from "../ipc.ts";
import type { Handle } from "../node-internals.ts";
import type { AdoptedProcess } from "./adopted-process.ts";
import { helloIn } from "./hello.ts";

/** From the connection to the hello. Who has said it waits to be known for as long as it likes. */
const HELLO_WITHIN_MS = 5000;
/** More workers than that come back in several turns. */
const VISITORS_MAX = 512;
/** How long a refused one may take to read why. */
const GOODBYE_MS = 1000;

/** Who it is; why it is not wanted; null where that is not known yet. */
export type Verdict = AdoptedProcess | { readonly refused: string } | null;

interface Visitor {
  readonly pipe: IpcPipe;
  hello: AdoptionHello | null;
  /** Its process, once it is known. */
  process: AdoptedProcess | null;
  timer: NodeJS.Timeout;
}

interface Desk {
  readonly version: string;
  readonly log: Logger;
  judge(hello: AdoptionHello): Verdict;
}

export class Reception {
  readonly #desk: Desk;
  /** Those that are not known yet. */
  readonly #visitors = new Set<Visitor>();
  #hasTold = false;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** A connection of which nothing has been read. */
  receive(socket: net.Socket): void {
    socket.on("error", () => {});
    if (this.#visitors.size >= VISITORS_MAX) return void socket.destroy();
    try {
      const pipe = acceptIpcPipe(socket, {
        message: (message, handle) => this.#hear(visitor, message, handle as Handle | undefined),
        closed: () => this.#closed(visitor),
        fault: (fault) => this.#fault(visitor, fault),
      });
      const timer = setTimeout(() => this.#dismiss(visitor), HELLO_WITHIN_MS);
      const visitor: Visitor = { pipe, hello: null, process: null, timer };
      this.#visitors.add(visitor);
    } catch (error) {
      socket.destroy();
      if (!this.#hasTold)
        this.#desk.log.error(`workers cannot be adopted: ${(error as Error).message}`);
      this.#hasTold = true;
    }
  }

  /** Somebody is known from now on who may be waiting here. */
  look(): void {
    for (const visitor of [...this.#visitors])
      if (visitor.hello) this.#judge(visitor, visitor.hello);
  }

  close(): void {
    for (const visitor of [...this.#visitors]) this.#dismiss(visitor);
  }

  #hear(visitor: Visitor, message: unknown, handle: Handle | undefined): void {
    const { pipe, process } = visitor;
    if (process) return process.hear(pipe, message, handle);
    handle?.close();
    if (!this.#visitors.has(visitor)) return;
    const hello = visitor.hello ? null : helloIn(message);
    // Who is not welcome yet has nothing else to say.
    if (!hello) return this.#dismiss(visitor);
    visitor.hello = hello;
    clearTimeout(visitor.timer);
    this.#judge(visitor, hello);
  }

  #judge(visitor: Visitor, hello: AdoptionHello): void {
    const verdict = this.#desk.judge(hello);
    if (verdict === null) return;
    if ("refused" in verdict) return this.#refuse(visitor, hello, verdict.refused);
    this.#visitors.delete(visitor);
    visitor.process = verdict;
    const { version } = this.#desk;
    answer(visitor.pipe, { t: "welcome", protocol: ADOPTION_PROTOCOL, pid: process.pid, version });
    verdict.link(visitor.pipe, hello);
  }

  #refuse(visitor: Visitor, { app, worker, pid }: AdoptionHello, reason: string): void {
    this.#visitors.delete(visitor);
    this.#desk.log.warn({ app, worker, pid, reason }, "a worker that came back is not wanted");
    const { pipe } = visitor;
    // It closes the connection when it has read this.
    visitor.timer = setTimeout(() => pipe.destroy(), GOODBYE_MS).unref();
    answer(pipe, { t: "refused", reason });
  }

  #dismiss(visitor: Visitor): void {
    this.#visitors.delete(visitor);
    clearTimeout(visitor.timer);
    visitor.pipe.destroy();
  }

  #closed(visitor: Visitor): void {
    this.#visitors.delete(visitor);
    clearTimeout(visitor.timer);
    visitor.process?.lost(visitor.pipe);
  }

  #fault(visitor: Visitor, fault: IpcFault): void {
    if (visitor.process) visitor.process.fault(visitor.pipe, fault);
    else this.#dismiss(visitor);
  }
}

function answer(pipe: IpcPipe, said: AdoptionAnswer): void {
  pipe.send(said);
}
