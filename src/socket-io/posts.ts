/** What one member says to another: answers, and what it has missed. Each comes once, in its order, while both live. */

import type { PublishOptions } from "../bus/api.ts";
import type { Entry } from "../core/socket-io/terms.ts";
import { pack, piecesOf, unpack } from "./wire.ts";

/** So much goes in one message. */
const MOST_AT_ONCE = 20;
const TRIES = 20;
const TRY_AGAIN_AFTER_MS = 100;
/** After a lost connection the other one may come back a little later. */
const HELD_MS = 3000;

/** A kind and what it says. */
export type Letter = readonly [kind: string, value: unknown];

export interface PostsPort {
  readonly me: string;
  publish(to: string, piece: Buffer, options: PublishOptions): Promise<void>;
  heard(from: string, kind: string, value: unknown): void;
  /** What could not be published: true where it is to be tried again. */
  refused(error: unknown): boolean;
  /** One letter cannot be written down. */
  unwritable(error: unknown): void;
}

export class Posts {
  readonly #port: PostsPort;
  /** Of those to whom something is on its way: what waits. */
  readonly #waiting = new Map<string, Letter[]>();
  readonly #heard = new Map<string, number>();
  /** One for all: who was taken for gone has not forgotten the last it got, and drops what is not above that. */
  #n = 0;

  constructor(port: PostsPort) {
    this.#port = port;
  }

  send(to: string, kind: string, value: unknown): void {
    const waiting = this.#waiting.get(to);
    if (waiting) return void waiting.push([kind, value]);
    const letters: Letter[] = [[kind, value]];
    this.#waiting.set(to, letters);
    void this.#pump(to, letters);
  }

  take(entry: Entry): void {
    const { from, n } = entry;
    if (n <= (this.#heard.get(from) ?? 0)) return;
    this.#heard.set(from, n);
    for (const [kind, value] of unpack(entry.body) as Letter[]) this.#port.heard(from, kind, value);
  }

  forget(member: string): void {
    this.#waiting.delete(member);
    this.#heard.delete(member);
  }

  async #pump(to: string, letters: Letter[]): Promise<void> {
    // What is said in the same turn goes together.
    await null;
    while (letters.length > 0 && this.#waiting.get(to) === letters) {
      for (const piece of this.#written(letters.splice(0, MOST_AT_ONCE))) {
        await this.#post(to, letters, piece);
      }
    }
    if (this.#waiting.get(to) === letters) this.#waiting.delete(to);
  }

  /** One that cannot be written does not take the others along. */
  #written(letters: readonly Letter[]): readonly Buffer[] {
    this.#n += 1;
    const { me: from } = this.#port;
    const entry = { from, n: this.#n, at: Date.now(), kind: "post", meta: null };
    try {
      return piecesOf({ ...entry, body: pack(letters) });
    } catch (error) {
      if (letters.length > 1) return letters.flatMap((letter) => this.#written([letter]));
      this.#port.unwritable(error);
      return [];
    }
  }

  async #post(to: string, letters: Letter[], piece: Buffer): Promise<void> {
    for (let tries = 1; this.#waiting.get(to) === letters; tries += 1) {
      try {
        return await this.#port.publish(to, piece, { hold: HELD_MS });
      } catch (error) {
        if (!this.#port.refused(error) || tries === TRIES) return;
        await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_AFTER_MS).unref());
      }
    }
  }
}
