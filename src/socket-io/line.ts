/** The connection of a cluster's member to the bus: its subjects, and what happens when it is lost and comes again. */

import type { Bus, BusSubscription, PublishOptions, Sender } from "../bus/api.ts";
import type { Entry } from "../core/socket-io/terms.ts";
import { Assembler } from "./wire.ts";

/** What waits in the supervisor for a worker that is stuck: then the oldest goes, and is fetched from others. */
const WAITS = "32M";
const WHO_WITHIN_MS = 1000;

export interface LinePort {
  readonly me: string;
  readonly name: string | null;
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

/** What another member answers that is ready. */
interface Who {
  readonly me: string;
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
    await this.#keep(this.#bus.reply(`${this.#subject}.who`, (): Who => ({ me })));
    const asked = `${this.#subject}.who`;
    const { results } = await this.#bus.gather<Who>(asked, null, { timeout: WHO_WITHIN_MS });
    this.#ends.push(this.#bus.on("up", () => this.#port.up()));
    this.#ends.push(this.#bus.on("down", () => this.#port.down()));
    return results.map(({ data }) => data.me).filter((member) => member !== me);
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

  /** A message to oneself says who one is. */
  async #introduce(): Promise<Pick<Sender, "app" | "worker">> {
    const subject = `socketio.to.${this.#port.me}`;
    let known = (_from: Sender): void => {};
    const from = new Promise<Sender>((resolve) => {
      known = resolve;
    });
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
  return Buffer.from(name)
    .toString("latin1")
    .replace(/[^A-Za-z0-9_-]/g, (character) => `:${character.charCodeAt(0).toString(16)}:`);
}
