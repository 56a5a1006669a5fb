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
}

interface Line {
  readonly letters: Letter[];
  n: number;
  isBusy: boolean;
}

export class Posts {
  readonly #port: PostsPort;
  readonly #lines = new Map<string, Line>();
  readonly #heard = new Map<string, number>();

  constructor(port: PostsPort) {
    this.#port = port;
  }

  send(to: string, kind: string, value: unknown): void {
    const line = this.#lines.get(to) ?? { letters: [], n: 0, isBusy: false };
    this.#lines.set(to, line);
    line.letters.push([kind, value]);
    if (!line.isBusy) void this.#pump(to, line);
  }

  take(entry: Entry): void {
    const { from, n } = entry;
    if (n <= (this.#heard.get(from) ?? 0)) return;
    this.#heard.set(from, n);
    for (const [kind, value] of unpack(entry.body) as Letter[]) this.#port.heard(from, kind, value);
  }

  forget(member: string): void {
    this.#lines.delete(member);
    this.#heard.delete(member);
  }

  async #pump(to: string, line: Line): Promise<void> {
    line.isBusy = true;
    // What is said in the same turn goes together.
    await null;
    while (line.letters.length > 0 && this.#lines.get(to) === line) {
      const letters = line.letters.splice(0, MOST_AT_ONCE);
      line.n += 1;
      try {
        const body = pack(letters);
        const { me: from } = this.#port;
        const entry = { from, n: line.n, at: Date.now(), kind: "post", meta: null, body };
        for (const piece of piecesOf(entry)) await this.#post(to, piece);
      } catch (error) {
        this.#port.refused(error);
      }
    }
    line.isBusy = false;
  }

  async #post(to: string, piece: Buffer): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        const options = tries === 1 ? { confirm: true } : { hold: HELD_MS };
        return await this.#port.publish(to, piece, options);
      } catch (error) {
        if (tries === TRIES || !this.#lines.has(to) || !this.#port.refused(error)) return;
        await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_AFTER_MS).unref());
      }
    }
  }
}
