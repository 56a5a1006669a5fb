/** Who has come from another machine and has proved it, and how fast it may speak. */

import type { Socket } from "node:net";
import type { Bucket } from "../../core/bus/bucket.ts";
import type { Permissions } from "../../core/bus/permissions.ts";
import type { Pool } from "./pool.ts";

export interface Guest {
  /** Its identity, or the common name of its certificate: its name among the members. */
  readonly name: string;
  readonly permissions: Permissions;
  readonly throttle: Throttle;
  /** Of all guests. */
  readonly pool: Pool;
  /** It has said hello and was let in. */
  arrived(): void;
}

/** Stops reading while more has come than may: TCP makes the other side wait, and nothing is lost. */
export class Throttle {
  readonly #bucket: Bucket;
  readonly #socket: Pick<Socket, "pause" | "resume">;
  #timer: NodeJS.Timeout | null = null;
  #hasWaited = false;

  /** The bucket is shared by all connections of one identity. */
  constructor(bucket: Bucket, socket: Pick<Socket, "pause" | "resume">) {
    this.#bucket = bucket;
    this.#socket = socket;
  }

  get isWaiting(): boolean {
    return this.#timer !== null;
  }

  /** Whether it waits, or did since this was asked last. */
  hasWaited(): boolean {
    const hasWaited = this.#hasWaited || this.isWaiting;
    this.#hasWaited = false;
    return hasWaited;
  }

  /** A frame has come. */
  took(): void {
    const now = performance.now();
    this.#bucket.take(now);
    if (this.#timer === null) this.#wait(this.#bucket.waitMs(now));
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(waitMs: number): void {
    if (waitMs === 0) return;
    this.#hasWaited = true;
    this.#socket.pause();
    this.#timer = setTimeout(() => this.#look(), waitMs).unref();
  }

  /** Others of the same identity may have taken what came since. */
  #look(): void {
    this.#timer = null;
    this.#wait(this.#bucket.waitMs(performance.now()));
    if (this.#timer === null) this.#socket.resume();
  }
}
