/** A supervisor that is to follow on purpose: started from its own files, tried, and given every listening socket. */

import { setTimeout as after } from "node:timers/promises";
import { type ForkSettings, forkHeir, type HeirProcess } from "../heir/fork.ts";
import { type Shard, ShardFeed } from "../heir/shard-feed.ts";
import type { TrialAnswer, TrialTerms } from "./trial.ts";

export interface CandidateSettings {
  readonly fork: ForkSettings;
  readonly terms: TrialTerms;
  /** As `ShardFeed` wants them. */
  readonly shards: ReadonlyMap<string, Shard>;
  /** How long it may take until it could follow, in milliseconds. */
  readonly withinMs: number;
}

export interface Candidate {
  readonly pid: number;
  readonly version: string;
  readonly node: string;
  /** It could follow now. */
  isAlive(): boolean;
  /** It keeps the signals that come from now on, and obeys them when it follows. */
  reign(): void;
  /** It is not wanted any more. */
  dismiss(): void;
}

/** Resolves when it waits for this process's end. Rejects with an Error, half a sentence, and leaves nothing behind then. */
export async function tryCandidate(settings: CandidateSettings): Promise<Candidate> {
  const trial = new Trial(settings);
  const late = new AbortController();
  const { withinMs } = settings;
  try {
    return await Promise.race([
      trial.passed,
      after(withinMs, undefined, { signal: late.signal }).then(() => {
        throw new Error(`it was not ready within ${withinMs / 1000} seconds`);
      }),
    ]);
  } catch (error) {
    trial.dismiss();
    throw error;
  } finally {
    late.abort();
  }
}

class Trial {
  readonly passed: Promise<Candidate>;
  readonly #settings: CandidateSettings;
  readonly #process: HeirProcess;
  #isAlive = true;
  #feed: ShardFeed | null = null;
  #answer: TrialAnswer | null = null;
  #resolve: (candidate: Candidate) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(settings: CandidateSettings) {
    this.#settings = settings;
    this.passed = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#process = forkHeir(settings.fork, {
      ready: () => this.#process.send({ t: "try", terms: settings.terms }),
      tried: (answer) => this.#judge(answer),
      done: () => {
        this.#feed?.done();
        this.#look();
      },
      ended: (reason) => {
        this.#isAlive = false;
        this.#reject(new Error(reason));
      },
    });
  }

  dismiss(): void {
    // Whatever it does at the moment, it must not outlive this as an heir.
    if (this.#isAlive) this.#process.kill();
  }

  #judge(answer: TrialAnswer): void {
    if (answer.reason !== null) return this.#reject(new Error(answer.reason));
    this.#answer = answer;
    const { shards } = this.#settings;
    this.#feed = new ShardFeed(shards, (message, handle) => this.#process.send(message, handle));
    this.#feed.step();
    this.#look();
  }

  /** It has passed when it holds all there is. */
  #look(): void {
    const { pid } = this.#process;
    if (!this.#feed?.isFed || !this.#answer || pid === null) return;
    const { version, node } = this.#answer;
    const isAlive = (): boolean => this.#isAlive;
    this.#resolve({
      ...{ pid, version, node, isAlive },
      reign: () => this.#process.send({ t: "reign" }),
      dismiss: () => this.dismiss(),
    });
  }
}
