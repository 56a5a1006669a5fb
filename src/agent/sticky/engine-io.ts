/**
 * engine.io, the transport of Socket.IO, as far as it is loaded: its session ids begin with this worker's tag,
 * so that every worker knows whose session it is without asking anybody.
 */

import { randomBytes } from "node:crypto";
import { sep } from "node:path";

const PACKAGE = ["", "node_modules", "engine.io", ""].join(sep);
/** As many characters as engine.io's own ids have with the tag before them: others check it. */
const RANDOM_BYTES = 12;
const SWEEP_EVERY_MS = 50;
const SPREAD_MS_PER_SESSION = 10;
/** A client that polls comes again at once; one that has gone is not waited for. */
const HEARS_WITHIN_MS = 1000;
/** On a function that makes ids: it is ours. */
const TAGGED = Symbol("holdfast.tagged");

type GenerateId = ((this: Engine, request: unknown) => unknown) & { [TAGGED]?: boolean };

interface Client {
  readonly transport?: { readonly name?: string };
  readonly readyState?: string;
  close(discard?: boolean): void;
}

/** engine.io's server, 3 to 6. */
interface Engine {
  generateId: GenerateId;
  readonly clients?: Readonly<Record<string, Client>>;
}

interface EnginePrototype extends Engine {
  handshake(this: Engine, ...values: unknown[]): unknown;
}

export class EngineIo {
  readonly #tag: string;
  readonly #engines = new Set<Engine>();
  readonly #patched = new WeakSet<object>();
  /** Told to end, and until when each is waited for. */
  readonly #told = new Map<Client, number>();
  #modules = 0;

  constructor(tag: string) {
    this.#tag = tag;
  }

  /** A handshake is about to come: whatever has been loaded by now is found. */
  look(): void {
    const files = Object.keys(require.cache);
    if (files.length === this.#modules) return;
    this.#modules = files.length;
    for (const file of files) if (file.includes(PACKAGE)) this.#patch(require.cache[file]?.exports);
  }

  /** Sessions that poll, and have not been told to end: no connection stands for them. */
  polling(): readonly Client[] {
    return [...this.#engines].flatMap(({ clients }) =>
      Object.values(clients ?? {}).filter(
        (client) => client.transport?.name === "polling" && !this.#told.has(client),
      ),
    );
  }

  /** Somebody polls, or may still come for the word that it is over: between two polls it cannot be told. */
  isAwaited(): boolean {
    const now = Date.now();
    const isHearing = [...this.#told].some(
      ([client, until]) => client.readyState !== "closed" && now < until,
    );
    return isHearing || this.polling().length > 0;
  }

  /** Ends the sessions that poll, one by one, so that their clients do not all shake hands at once. */
  leave(withinMs: number): void {
    const timer = setInterval(() => {
      const open = this.polling();
      if (open.length === 0) return clearInterval(timer);
      const left = Math.max(1, (until - Date.now()) / SWEEP_EVERY_MS);
      for (const client of open.slice(0, Math.ceil(open.length / left))) {
        this.#told.set(client, Date.now() + HEARS_WITHIN_MS);
        client.close();
      }
    }, SWEEP_EVERY_MS).unref();
    const until =
      Date.now() + Math.min(withinMs / 2, this.polling().length * SPREAD_MS_PER_SESSION);
  }

  /** Patches the class that shakes hands, wherever it is exported. */
  #patch(exports: unknown): void {
    const { Server, BaseServer } = (exports ?? {}) as Record<string, { prototype?: object }>;
    for (const found of [BaseServer, Server]) {
      let prototype: object | null = found?.prototype ?? null;
      while (prototype && !Object.hasOwn(prototype, "handshake")) {
        prototype = Object.getPrototypeOf(prototype);
      }
      if (!prototype || this.#patched.has(prototype)) continue;
      this.#patched.add(prototype);
      this.#watch(prototype as EnginePrototype);
    }
  }

  #watch(prototype: EnginePrototype): void {
    const { handshake, generateId } = prototype;
    const adopt = (engine: Engine): void => this.#adopt(engine, generateId);
    prototype.handshake = function (...values) {
      adopt(this);
      return handshake.apply(this, values);
    };
  }

  /** At every handshake: an app may set a generateId of its own at any time. */
  #adopt(engine: Engine, standard: GenerateId): void {
    this.#engines.add(engine);
    const original = engine.generateId;
    if (original[TAGGED]) return;
    const tag = this.#tag;
    const generate: GenerateId =
      original === standard
        ? () => tag + randomBytes(RANDOM_BYTES).toString("base64url")
        : function (request) {
            const id = original.call(this, request);
            return id instanceof Promise ? id.then((text) => tag + text) : `${tag}${id}`;
          };
    generate[TAGGED] = true;
    engine.generateId = generate;
  }
}
