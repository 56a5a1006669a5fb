/** The supervisor's side of its heir: a process that holds every listening socket, and rules when this one dies. */

import { heirRetryMs, wasSteady } from "../../core/reigns.ts";
import { HoldfastError } from "../../errors.ts";
import type { Logger } from "../../logs/log.ts";
import { startTicks } from "../../system/proc.ts";
import { HEIR_PROGRAM, TAKEOVER_PROGRAM } from "../heir-programs.ts";
import type { Handle } from "../node-internals.ts";
import type { Priority } from "../priority.ts";
import { forkHeir, type HeirProcess } from "./fork.ts";
import { type Shard, ShardFeed } from "./shard-feed.ts";
import { shardId } from "./will.ts";

/** What the next supervisor is to be. */
export interface HeirTerms {
  /** What its command is run with. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Variables that are no longer in this process's environment: those of a service manager. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Where the log is a file: its path. */
  readonly logFile: string | null;
  /** How many supervisors before this one ruled for a short time only. */
  readonly shortReigns: number;
}

export interface HeirSettings {
  readonly terms: HeirTerms;
  readonly log: Logger;
  readonly priority: Pick<Priority, "asStarted">;
  /** Default: dist/heir.cjs. */
  readonly program?: string;
  /** Default: dist/takeover.cjs. */
  readonly takeover?: string;
}

export interface AppShard {
  readonly key: string;
  readonly shard: number;
  readonly handle: Handle;
}

export interface Heir {
  /** The heir's process; null while there is none. */
  readonly pid: number | null;
  /** Has a process from now on; what was followed before is kept for it. */
  start(): void;
  /** The shards of an app now; to be called after every change of its listeners. Told by difference. */
  follow(app: string, shards: readonly AppShard[]): void;
  forget(app: string): void;
  /** Has none any more, and nobody takes over. Resolves when the process is gone. */
  close(): Promise<void>;
}

/** A stopped heir does not hear that it is to end. */
const END_WITHIN_MS = 1000;

/** Where an heir dies or cannot be started this is logged, and another one is started later and later. Never throws. */
export function openHeir(settings: HeirSettings): Heir {
  return new HeirKeeper(settings);
}

class HeirKeeper implements Heir {
  readonly #settings: HeirSettings;
  readonly #wanted = new Map<string, Shard>();
  /** When the reign began. */
  readonly #since = performance.now();
  #isWanted = false;
  #heir: HeirProcess | null = null;
  /** Null while there is no heir that is ready. */
  #feed: ShardFeed | null = null;
  #startedAt = 0;
  #failures = 0;
  #isFaultTold = false;
  #retry: NodeJS.Timeout | null = null;
  #ending: { readonly gone: Promise<void>; done(): void } | null = null;

  constructor(settings: HeirSettings) {
    this.#settings = settings;
  }

  get pid(): number | null {
    return this.#heir?.pid ?? null;
  }

  follow(app: string, shards: readonly AppShard[]): void {
    this.#drop(app);
    for (const { key, shard, handle } of shards) {
      const name = { app, key, shard };
      this.#wanted.set(shardId(name), { name, handle });
    }
    this.#feed?.step();
  }

  forget(app: string): void {
    this.#drop(app);
    this.#feed?.step();
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    if (!this.#heir) this.#fork();
  }

  async close(): Promise<void> {
    this.#isWanted = false;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    const heir = this.#heir;
    if (heir) await (this.#ending ?? this.#end(heir)).gone;
  }

  #end(heir: HeirProcess): { readonly gone: Promise<void> } {
    let done = (): void => {};
    const gone = new Promise<void>((resolve) => {
      done = resolve;
    });
    const timer = setTimeout(() => heir.kill(), END_WITHIN_MS);
    this.#ending = { gone: gone.finally(() => clearTimeout(timer)), done };
    heir.send({ t: "end" });
    return this.#ending;
  }

  #fork(): void {
    const { log, priority } = this.#settings;
    this.#startedAt = performance.now();
    const heir = priority.asStarted(() =>
      forkHeir(this.#forkSettings(), {
        ready: () => {
          log.info({ pid: heir.pid }, "heir ready");
          this.#isFaultTold = false;
          this.#feed = new ShardFeed(this.#wanted, (message, handle) => heir.send(message, handle));
          this.#feed.step();
        },
        done: () => this.#feed?.done(),
        ended: (reason) => this.#ended(reason),
      }),
    );
    this.#heir = heir;
  }

  #forkSettings(): Parameters<typeof forkHeir>[0] {
    const { terms, program = HEIR_PROGRAM, takeover = TAKEOVER_PROGRAM } = this.#settings;
    const { flags, variables, logFile, shortReigns } = terms;
    const { pid } = process;
    return {
      program,
      logFile,
      env: { ...process.env, ...variables },
      will: {
        ...{ takeover, flags, shortReigns },
        supervisor: { pid, startTicks: startTicks(pid) },
        ruledMs: performance.now() - this.#since,
      },
    };
  }

  #ended(reason: string): void {
    const wasReady = this.#feed !== null;
    const ending = this.#ending;
    const { pid } = this;
    this.#heir = null;
    this.#feed = null;
    this.#ending = null;
    ending?.done();
    if (!this.#isWanted) return;
    if (ending) return this.#fork();
    const livedMs = performance.now() - this.#startedAt;
    this.#failures = wasReady && wasSteady(livedMs) ? 1 : this.#failures + 1;
    const retryInMs = heirRetryMs(this.#failures);
    this.#tell(reason, { pid, retryInMs }, wasReady);
    this.#retry = setTimeout(() => this.#fork(), retryInMs).unref();
  }

  #tell(reason: string, facts: { pid: number | null; retryInMs: number }, wasReady: boolean): void {
    const { log } = this.#settings;
    if (wasReady) return log.warn(facts, `the heir is gone, another one follows: ${reason}`);
    if (this.#isFaultTold) return;
    this.#isFaultTold = true;
    const { code, message, remedy } = new HoldfastError("HF_HEIR_FAILED", { reason });
    log.error({ ...facts, code, remedy }, message);
  }

  #drop(app: string): void {
    for (const [id, { name }] of this.#wanted) if (name.app === app) this.#wanted.delete(id);
  }
}
