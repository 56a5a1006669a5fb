/**
 * Hands a client's socket to the worker its session belongs to. It goes through the supervisor, which may be
 * busy or die at any time: a duplicate stays here until the other worker says that it has it, or that it
 * never will.
 */

import { randomBytes } from "node:crypto";
import net from "node:net";
import type { Readable } from "node:stream";
import type { Channel } from "../channel.ts";
import type { Handle, InternalSocket } from "../node-internals.ts";
import type { Address, PeerLinks } from "./links.ts";

/** A hand-over takes under a millisecond; then the other worker is asked. */
const CONFIRM_WITHIN_MS = 1000;
/** It has not answered that either: it hangs, and nobody knows. */
const ANSWER_WITHIN_MS = 5000;
/** Sent to one worker and not confirmed: more would only wait in the supervisor, which drops what piles up. */
const WINDOW = 4;
/** How long a socket may still come that was called void. */
const VOID_FOR_MS = 60_000;

export interface Handed {
  readonly to: Address & { readonly worker: number };
  readonly key: string;
  /** All that has been read of it. */
  readonly bytes: Buffer;
}

interface Pending extends Handed {
  readonly id: string;
  readonly handle: Handle;
  timer: NodeJS.Timeout;
  isSent: boolean;
}

/** What is on its way to one worker. */
interface Lane {
  /** Not confirmed. */
  sent: number;
  readonly waiting: Set<Pending>;
}

export class HandOver {
  readonly #self: string;
  readonly #channel: Channel;
  readonly #links: PeerLinks;
  readonly #back: (handle: Handle, key: string, bytes: Buffer) => void;
  readonly #pending = new Map<string, Pending>();
  readonly #lanes = new Map<number, Lane>();
  readonly #taken = new Set<string>();
  readonly #void = new Set<string>();

  /** `self` is this worker's tag; `back`: it stays here after all. */
  constructor(
    self: string,
    channel: Channel,
    links: PeerLinks,
    back: (handle: Handle, key: string, bytes: Buffer) => void,
  ) {
    this.#self = self;
    this.#channel = channel;
    this.#links = links;
    this.#back = back;
  }

  /** Sockets that are on their way. */
  get underWay(): number {
    return this.#pending.size;
  }

  /** False: this one cannot be handed over, and is untouched. */
  give(socket: InternalSocket, handed: Handed): boolean {
    const isPlain = socket instanceof net.Socket && !socket.encrypted && socket._handle;
    if (!isPlain || !this.#channel.isOpen()) return false;
    const handle = detach(socket);
    if (!handle) return false;
    const bytes = Buffer.concat([handed.bytes, ...buffered(socket)]);
    socket.destroy();
    const id = this.#self + randomBytes(9).toString("base64url");
    const timer = setTimeout(() => this.#ask(id), CONFIRM_WITHIN_MS);
    const pending = { ...handed, bytes, id, handle, timer, isSent: false };
    this.#pending.set(id, pending);
    const { worker } = handed.to;
    const lane = this.#lanes.get(worker) ?? { sent: 0, waiting: new Set() };
    this.#lanes.set(worker, lane);
    lane.waiting.add(pending);
    this.#send(lane);
    return true;
  }

  /** Sends what waits, as far as the window allows. */
  #send(lane: Lane): void {
    for (const pending of lane.waiting) {
      if (lane.sent >= WINDOW) return;
      lane.waiting.delete(pending);
      lane.sent += 1;
      pending.isSent = true;
      const { id, to, key, handle, bytes } = pending;
      const head = bytes.toString("base64");
      const message = { t: "hand" as const, id, to: to.worker, key, head };
      this.#channel.send(message, handle, (error) => {
        // Not within this call: all that waits may follow, one inside the other.
        if (error) process.nextTick(() => this.#return(id));
      });
    }
  }

  /** One has come here, from the worker of that address. False: it is not wanted any more. */
  came(id: string, from: Address | undefined): boolean {
    if (this.#void.delete(id)) return false;
    remember(this.#taken, id);
    if (from) this.#links.send(from, { t: "took", id });
    return true;
  }

  /** The other worker has it. */
  took(id: string): void {
    this.#settle(id)?.handle.close();
  }

  /** Another worker asks whether one has come here. */
  isTaken(id: string): boolean {
    if (this.#taken.has(id)) return true;
    remember(this.#void, id);
    return false;
  }

  /** And its answer. */
  voided(id: string, isTaken: boolean): void {
    if (isTaken) this.took(id);
    else this.#return(id);
  }

  /** The supervisor is gone, and may have had some of them in its hands: the other workers know. */
  lost(): void {
    for (const { id, timer } of [...this.#pending.values()]) {
      clearTimeout(timer);
      this.#ask(id);
    }
  }

  #ask(id: string): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    if (!pending.isSent) return this.#return(id);
    // Nobody there to have it.
    this.#links.send(pending.to, { t: "void", id }, () => this.#return(id));
    // A worker that hangs may have it in its queue: a client must not be served twice.
    pending.timer = setTimeout(() => this.took(id), ANSWER_WITHIN_MS);
  }

  #return(id: string): void {
    const pending = this.#settle(id);
    if (pending) this.#back(pending.handle, pending.key, pending.bytes);
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    clearTimeout(pending.timer);
    this.#pending.delete(id);
    this.#leave(pending);
    return pending;
  }

  #leave(pending: Pending): void {
    const { worker } = pending.to;
    const lane = this.#lanes.get(worker);
    if (!lane) return;
    if (pending.isSent) lane.sent -= 1;
    else lane.waiting.delete(pending);
    this.#send(lane);
    if (lane.sent === 0 && lane.waiting.size === 0) this.#lanes.delete(worker);
  }
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id);
  setTimeout(() => ids.delete(id), VOID_FOR_MS).unref();
}

/** Takes the handle from a socket, which reads nothing from it any more. */
function detach(socket: InternalSocket): Handle | null {
  const handle = socket._handle as (Handle & { onread?: unknown; reading?: boolean }) | null;
  if (!handle?.readStop) return null;
  handle.readStop();
  handle.onread = (): void => {};
  // What lib/net.js goes by: it may come back.
  handle.reading = false;
  socket._handle = null;
  return handle;
}

/** What has been read of a stream and not been taken: from Node 26 on, read() gives one piece of it at a time. */
export function buffered(socket: Readable): Buffer[] {
  const pieces: Buffer[] = [];
  for (let piece = socket.read(); piece !== null; piece = socket.read()) pieces.push(piece);
  return pieces;
}
