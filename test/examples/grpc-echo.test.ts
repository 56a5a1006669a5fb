/** examples/grpc-echo: no unary call fails in a reload, streams go on with the next number, and a kill costs what was in flight. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { FAULTLESS, judge, numbers } from "../support/examples/judge.ts";
import { projectRoot } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

const ROUNDS = 5;
const CALLERS = 6;
const STREAMS = 4;

interface Channel {
  close(): void;
}

interface CountOptions {
  readonly signal: AbortSignal;
  readonly onEnd: (code: number) => void;
}

/** What examples/grpc-echo/client.mjs has. */
interface Client {
  readonly RETRIES: object;
  connect(address: string, options: Readonly<Record<string, unknown>>): Channel;
  say(channel: Channel, text: string): Promise<{ text: string; slot: number }>;
  count(
    channel: Channel,
    from: number,
    options: CountOptions,
  ): AsyncGenerator<{ number: number; slot: number }>;
}

const file = join(projectRoot, "examples/grpc-echo/client.mjs");
const client = (await import(pathToFileURL(file).href)) as Client;

/** Channels of one process share their connections otherwise, and would all be with one worker. */
const OWN_CONNECTION = { "grpc.use_local_subchannel_pool": 1 };

/** Asks one question after the other on a channel of its own. */
class Caller {
  answered = 0;
  /** Of the last answer. */
  slot = -1;
  /** Of all answers. */
  readonly slots = new Set<number>();
  /** The status codes of calls that failed. */
  readonly failed: number[] = [];
  readonly faults: string[] = [];
  readonly #channel: Channel;
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(address: string, options: Readonly<Record<string, unknown>> = {}) {
    this.#channel = client.connect(address, { ...OWN_CONNECTION, ...options });
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    for (let nth = 0; !this.#isOver; nth += 1) {
      try {
        const { text, slot } = await client.say(this.#channel, `words ${nth}`);
        if (text !== `words ${nth}`) this.faults.push(`words ${nth}: ${text}`);
        this.answered += 1;
        this.slot = slot;
        this.slots.add(slot);
      } catch (error) {
        const { code, message } = error as { code: number; message: string };
        this.failed.push(code);
        if (code !== status.UNAVAILABLE) this.faults.push(message);
      }
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.#channel.close();
  }
}

/** Follows the stream of numbers on a channel of its own. */
class Follower {
  readonly numbers: number[] = [];
  /** How its streams ended. */
  readonly ends: number[] = [];
  readonly #channel: Channel;
  readonly #over = new AbortController();
  readonly #done: Promise<void>;

  constructor(address: string) {
    this.#channel = client.connect(address, OWN_CONNECTION);
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    const options = { signal: this.#over.signal, onEnd: (code: number) => this.ends.push(code) };
    for await (const { number } of client.count(this.#channel, 1, options)) {
      this.numbers.push(number);
    }
  }

  endsWith(code: number): number {
    return this.ends.filter((end) => end === code).length;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#done;
    this.#channel.close();
  }
}

it("answers every call over reloads, and goes on with every stream; a kill costs what was in flight", async () => {
  await using example = await Example.start("grpc-echo");
  const address = await example.address();
  const callers = Array.from({ length: CALLERS }, () => new Caller(address));
  const retries = { "grpc.service_config": JSON.stringify(client.RETRIES) };
  const retrying = Array.from({ length: 2 }, () => new Caller(address, retries));
  const followers = Array.from({ length: STREAMS }, () => new Follower(address));
  const all = [...callers, ...retrying];
  const more = async (): Promise<void> => {
    const before = all.map(({ answered }) => answered);
    const had = followers.map((follower) => follower.numbers.length);
    await until(
      () =>
        all.every(({ answered }, nth) => answered >= (before[nth] ?? 0) + 10) &&
        followers.every((follower, nth) => follower.numbers.length >= (had[nth] ?? 0) + 10),
      { what: "more answers and numbers" },
    );
  };
  const failed = (): number => callers.reduce((sum, caller) => sum + caller.failed.length, 0);
  const broken = (): number =>
    followers.reduce((sum, follower) => sum + follower.endsWith(status.UNAVAILABLE), 0);
  const reloads: object[] = [];
  const kills: number[] = [];
  try {
    await more();
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = { failed: failed(), broken: broken() };
      await example.reload();
      await more();
      reloads.push({ failed: failed() - before.failed, broken: broken() - before.broken });
      const slot = callers[round]?.slot ?? 0;
      await example.kill("echo", slot);
      await more();
      kills.push(failed() - before.failed);
    }
  } finally {
    await Promise.all([...all, ...followers].map((one) => one.stop()));
  }
  expect(reloads).toEqual(reloads.map(() => ({ failed: 0, broken: 0 })));
  expect(all.flatMap(({ faults }) => faults)).toEqual([]);
  // Each caller has one call under way: a kill breaks at most that.
  expect(Math.max(...kills)).toBeLessThanOrEqual(CALLERS);
  expect(failed()).toBeGreaterThan(0);
  expect(retrying.flatMap((caller) => caller.failed)).toEqual([]);
  const verdicts = followers.map((follower) =>
    judge(numbers(1, follower.numbers.at(-1) ?? 0), follower.numbers),
  );
  expect(verdicts).toEqual(followers.map(() => FAULTLESS));
  // Every worker was replaced each time, and every stream with it.
  const moves = followers.map((follower) => follower.endsWith(status.OK));
  expect(Math.min(...moves)).toBeGreaterThanOrEqual(ROUNDS);
}, 240_000);

it("spreads the calls of a channel anew with max_connection_age, and fails none", async () => {
  await using example = await Example.start("grpc-echo", { env: { MAX_CONNECTION_AGE_MS: "300" } });
  const address = await example.address();
  const callers = Array.from({ length: CALLERS }, () => new Caller(address));
  try {
    await until(() => callers.every(({ slots }) => slots.size >= 3), {
      what: "every channel to have met three workers",
      timeoutMs: 30_000,
    });
  } finally {
    await Promise.all(callers.map((caller) => caller.stop()));
  }
  expect(callers.flatMap(({ failed, faults }) => [...failed, ...faults])).toEqual([]);
});
