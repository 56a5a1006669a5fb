/** The connection of a cluster's member to the bus: its subjects, and what happens when it is lost and comes again. */

import { createHash } from "node:crypto";
import type { Bus, BusSubscription, PublishOptions, Sender } from "../bus/api.ts";
import type { Entry } from "../core/socket-io/terms.ts";
import { HoldfastError } from "../errors.ts";
import { Assembler } from "./wire.ts";

/** What waits in the supervisor for a worker that is stuck: then the oldest goes, and is fetched from others. */
const WAITS = "32M";
const WHO_WITHIN_MS = 1000;
/** Who was too busy to be asked is asked again, for so long. */
const WHO_UNTIL_MS = 3000;
const WHO_AGAIN_AFTER_MS = 100;
const INTRODUCED_WITHIN_MS = 5000;
/** A subject takes 255 characters. */
const LONGEST_WORD = 200;

export interface LinePort {
  readonly me: string;
  readonly name: string | null;
  /** This member knows what was before, and takes part. */
  isTeller(): boolean;
  /** Something said to all, this one among them. */
  toAll(entry: Entry): void;
  /** Something said to this one alone. */
  toMe(entry: Entry): void;
  /** A worker's process is gone. */
  exit(app: string, worker: number): void;
  up(): void;
  down(): void;
  failed(error: unknown): void;
}

/** What another member answers; null: it has nothing to tell yet. */
interface Who {
  readonly me: string | null;
}

export class Line {
  readonly #bus: Bus;
  readonly #port: LinePort;
  readonly #ends: (() => unknown)[] = [];
  readonly #fromAll = new Assembler();
  readonly #forMe = new Assembler();
  #subject = "";
  /** Who this process is on the bus. */
  self: Pick<Sender, "app" | "worker"> = { app: null, worker: null };
  /** Nobody has said to be ready, and some were too busy to be asked. */
  isUnsure = false;

  constructor(bus: Bus, port: LinePort) {
    this.#bus = bus;
    this.#port = port;
  }

  /** Resolves with the members that are ready, once all that is said from now on comes here. */
  async open(): Promise<readonly string[]> {
    const { me, name } = this.#port;
    this.self = await this.#introduce();
    this.#subject = `socketio.${wordOf(name ?? this.self.app ?? "app")}`;
    await this.#subscribe("sys.worker.*.*.exit", (data) => {
      const { app, worker } = data as { app: string; worker: number };
      this.#port.exit(app, worker);
    });
    await this.#subscribe(`${this.#subject}.all`, (piece) => {
      const entry = this.#fromAll.take(piece as Buffer);
      if (entry) this.#port.toAll(entry);
    });
    const who = (): Who => ({ me: this.#port.isTeller() ? me : null });
    await this.#keep(this.#bus.reply(`${this.#subject}.who`, who));
    const ready = await this.#ready();
    this.#ends.push(this.#bus.on("up", () => this.#port.up()));
    this.#ends.push(this.#bus.on("down", () => this.#port.down()));
    return ready.filter((member) => member !== me);
  }

  toAll(piece: Buffer): Promise<void> {
    return this.#bus.publish(`${this.#subject}.all`, piece);
  }

  to(member: string, piece: Buffer, options: PublishOptions): Promise<void> {
    return this.#bus.publish(`socketio.to.${member}`, piece, options);
  }

  forget(member: string): void {
    this.#fromAll.forget(member);
    this.#forMe.forget(member);
  }

  async close(): Promise<void> {
    await Promise.all(this.#ends.splice(0).map((end) => end()));
  }

  /** The members that can tell what was before. */
  async #ready(): Promise<readonly string[]> {
    const asked = `${this.#subject}.who`;
    const end = performance.now() + WHO_UNTIL_MS;
    for (;;) {
      const answers = await this.#bus.gather<Who>(asked, null, { timeout: WHO_WITHIN_MS });
      const ready = answers.results.flatMap(({ data }) => data.me ?? []);
      const isAll = answers.errors.length === 0 && answers.missing.length === 0;
      this.isUnsure = ready.length === 0 && !isAll;
      if (!this.isUnsure || performance.now() >= end) return ready;
      await new Promise((resolve) => setTimeout(resolve, WHO_AGAIN_AFTER_MS).unref());
    }
  }

  /** A message to oneself says who one is. It may be lost with the connection: HF_BUS_CONNECTION_LOST. */
  async #introduce(): Promise<Pick<Sender, "app" | "worker">> {
    const subject = `socketio.to.${this.#port.me}`;
    let known = (_from: Sender): void => {};
    const from = new Promise<Sender>((resolve, reject) => {
      known = resolve;
      const lost = new HoldfastError("HF_BUS_CONNECTION_LOST", { action: "the introduction" });
      setTimeout(() => reject(lost), INTRODUCED_WITHIN_MS).unref();
    });
    // What fails before it fails first.
    from.catch(() => {});
    await this.#subscribe(subject, (piece, sender) => {
      if (piece === undefined) return known(sender);
      const entry = this.#forMe.take(piece as Buffer);
      if (entry) this.#port.toMe(entry);
    });
    await this.#bus.publish(subject, undefined, { confirm: true });
    const { app, worker } = await from;
    return { app, worker };
  }

  async #subscribe(pattern: string, handler: (data: unknown, from: Sender) => void): Promise<void> {
    const heard = (data: unknown, { from }: { readonly from: Sender }): void => {
      try {
        handler(data, from);
      } catch (error) {
        this.#port.failed(error);
      }
    };
    await this.#keep(this.#bus.subscribe(pattern, heard, { maxBytes: WAITS }));
  }

  async #keep(made: Promise<BusSubscription>): Promise<void> {
    const subscription = await made;
    this.#ends.push(() => subscription.unsubscribe());
  }
}

/** Whatever a name is made of, as a word of a subject: other names are other words. */
function wordOf(name: string): string {
  const word = Buffer.from(name)
    .toString("latin1")
    .replace(/[^A-Za-z0-9_-]/g, (character) => `:${character.charCodeAt(0).toString(16)}:`);
  if (word.length <= LONGEST_WORD) return word;
  return `$${createHash("sha256").update(name).digest("base64url")}`;
}
