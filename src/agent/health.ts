/**
 * Asks this worker how it is, again and again while it serves: its own server, past the port that it
 * shares with the others, and the function the app may have registered. Several failures in a row are
 * told to the supervisor, and so is the first success after them.
 */

import type { HealthSettings } from "../link/agent-messages.ts";
import type { HealthCheck } from "./hooks.ts";
import type { InternalServer } from "./node-internals.ts";
import { probe } from "./probe.ts";

export interface HealthSources {
  /** Servers that listen, or did. */
  readonly servers: Iterable<InternalServer>;
  /** The function the app has registered. */
  check(): HealthCheck | null;
  /** What is wrong; null: it is well again. */
  tell(fault: string | null): void;
}

export class Health {
  readonly #settings: HealthSettings;
  readonly #sources: HealthSources;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;
  #failures = 0;
  /** A call of the app's function that has not settled: another one would not either. */
  #isChecking = false;

  constructor(settings: HealthSettings, sources: HealthSources) {
    this.#settings = settings;
    this.#sources = sources;
  }

  /** From now on, first after one interval. */
  start(): void {
    if (this.#timer || this.#isOver) return;
    this.#next();
  }

  /** A worker that leaves owes nobody an answer. */
  stop(): void {
    this.#isOver = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#isOver) return;
    this.#timer = setTimeout(() => void this.#ask(), this.#settings.intervalMs).unref();
  }

  async #ask(): Promise<void> {
    const faults = await Promise.all([this.#path(), this.#function()]);
    if (this.#isOver) return;
    this.#heard(faults.find((fault) => fault !== null) ?? null);
    this.#next();
  }

  #heard(fault: string | null): void {
    const { failures } = this.#settings;
    const wasUnwell = this.#failures >= failures;
    this.#failures = fault === null ? 0 : this.#failures + 1;
    if (fault === null ? wasUnwell : this.#failures === failures) this.#sources.tell(fault);
  }

  #path(): Promise<string | null> {
    const { path, timeoutMs } = this.#settings;
    if (path === null) return Promise.resolve(null);
    const listening = [...this.#sources.servers].filter((server) => server.listening);
    const server = listening.find((each) => each.listenerCount("request") > 0) ?? listening[0];
    if (!server) return Promise.resolve(`nothing listens that could answer ${path}`);
    const asked = new Promise<string | null>((done) => probe(server, path, timeoutMs, done));
    // An app's listener may throw at what it is given; that is an answer, too.
    return asked.catch((error: unknown) => `${path} failed: ${textOf(error)}`);
  }

  async #function(): Promise<string | null> {
    const check = this.#sources.check();
    if (!check) return null;
    const { timeoutMs } = this.#settings;
    if (this.#isChecking) return `the health check has not answered for more than ${timeoutMs} ms`;
    this.#isChecking = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      const text = `the health check did not answer within ${timeoutMs} ms`;
      timer = setTimeout(() => resolve(text), timeoutMs).unref();
    });
    const answer = call(check).finally(() => {
      this.#isChecking = false;
      clearTimeout(timer);
    });
    return Promise.race([answer, late]);
  }
}

async function call(check: HealthCheck): Promise<string | null> {
  try {
    return (await check()) === false ? "the health check returned false" : null;
  } catch (error) {
    return `the health check failed: ${textOf(error)}`;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
