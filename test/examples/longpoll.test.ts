/** examples/longpoll: what is said is heard by every poller once and in one order, over reloads and kills. */

import { describe, expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { FAULTLESS, judge, numbers } from "../support/examples/judge.ts";
import { Repeater } from "../support/examples/repeater.ts";
import { connectionsOf } from "../support/processes.ts";
import { until } from "../support/until.ts";

const POLLERS = 8;
const SPEAKERS = 3;
const ROUNDS = 5;

interface Polled {
  readonly messages: readonly { readonly id: number; readonly text: string }[];
  readonly cursor: number;
  readonly missed: boolean;
}

/** Polls for ever, from where it was. */
class Poller {
  readonly heard: number[] = [];
  readonly faults: string[] = [];
  /** Answers without a message: a drain's, as the test is over before a poll has waited in vain. */
  empty = 0;
  readonly client: Repeater;
  readonly #over = new AbortController();
  readonly running: Promise<void>;

  constructor(address: string) {
    this.client = new Repeater(address);
    this.running = this.#poll();
  }

  stop(): void {
    this.#over.abort();
    this.client.close();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#over;
    let cursor = 0;
    while (!signal.aborted) {
      try {
        const { status, text } = await this.client.ask(`/messages?after=${cursor}`, { signal });
        const answer: Polled = JSON.parse(text);
        if (status !== 200 || answer.missed) this.faults.push(`${status} ${text}`);
        cursor = answer.cursor;
        if (answer.messages.length === 0) this.empty += 1;
        for (const message of answer.messages) this.heard.push(Number(message.text));
      } catch (error) {
        if (!signal.aborted) this.faults.push(String(error));
      }
    }
  }
}

/** Says one number after the other, each until it is taken, and the next when somebody has heard it. */
function startSpeaking(address: string, hasHeard: (number: number) => boolean) {
  const clients = Array.from({ length: SPEAKERS }, () => new Repeater(address));
  const said: number[] = [];
  const faults: string[] = [];
  let isOver = false;
  let number = 0;
  const running = clients.map(async (client) => {
    while (!isOver) {
      const next = number++;
      const body = JSON.stringify({ key: `test-${next}`, text: String(next) });
      const { status, text } = await client.ask("/messages", { method: "POST", body });
      said.push(next);
      if (status !== 201) faults.push(`${next}: ${status} ${text}`);
      else await until(() => hasHeard(next), { what: `${next} to be heard` });
    }
  });
  for (const each of running) each.catch((error: unknown) => faults.push(String(error)));
  return {
    ...{ said, faults },
    async stop() {
      isOver = true;
      await Promise.allSettled(running);
      for (const client of clients) client.close();
    },
  };
}

describe("longpoll", () => {
  it("loses and repeats nothing over five reloads and kills", async () => {
    await using example = await Example.start("longpoll");
    const address = await example.address();
    const pollers = Array.from({ length: POLLERS }, () => new Poller(address));
    const heard = new Set<number>();
    const speaking = startSpeaking(address, (number) => {
      for (const each of pollers[0]?.heard.slice(-20) ?? []) heard.add(each);
      return heard.has(number);
    });
    const between = async (): Promise<void> => {
      const before = pollers.map((poller) => poller.heard.length);
      await until(() => pollers.every((each, n) => each.heard.length >= (before[n] ?? 0) + 20), {
        what: `more messages, faults so far: ${speaking.faults}`,
        timeoutMs: 20_000,
      });
    };
    try {
      await example.pound({ reloads: ROUNDS, between });
    } finally {
      await speaking.stop();
    }
    const complete = () => pollers.every((each) => each.heard.length >= speaking.said.length);
    await until(complete, { what: "all to be heard", timeoutMs: 5000 }).catch(() => {});
    for (const poller of pollers) poller.stop();
    await Promise.all(pollers.map(({ running }) => running));

    expect(speaking.faults).toEqual([]);
    for (const poller of pollers) {
      expect(poller.faults).toEqual([]);
      // Three speak at the same time: the order is the one in which they were taken, and the same for all.
      expect({ ...judge(speaking.said, poller.heard), late: [] }).toEqual(FAULTLESS);
      expect(poller.heard).toEqual(pollers[0]?.heard);
    }
    expect(speaking.said.length).toBeGreaterThan(20 * 2 * ROUNDS);
    // Drains have answered polls that waited.
    expect(pollers.reduce((sum, { empty }) => sum + empty, 0)).toBeGreaterThan(0);
  }, 240_000);

  it("answers all polls that wait when the worker drains, and a cursor is good in any worker", async () => {
    await using example = await Example.start("longpoll");
    const address = await example.address();
    const client = new Repeater(address);
    const say = (n: number) => {
      const body = JSON.stringify({ key: `key-${n}`, text: String(n) });
      return client.ask("/messages", { method: "POST", body });
    };
    const ids: number[] = [];
    for (const n of numbers(0, 9)) ids.push(JSON.parse((await say(n)).text).id);
    // The same again is not said again, whichever worker is asked.
    expect(JSON.parse((await say(3)).text).id).toBe(ids[3]);
    client.close();
    const cursor = ids[4] ?? 0;
    for (let nth = 0; nth < 8; nth += 1) {
      const response = await fetch(`http://${address}/messages?after=${cursor}`, {
        headers: { connection: "close" },
      });
      const { messages }: Polled = (await response.json()) as Polled;
      expect(messages.map(({ text }) => Number(text))).toEqual(numbers(5, 9));
    }

    // Polls that would wait for 25 s: the reload does not wait for them, they are answered.
    const newest = ids.at(-1) ?? 0;
    const waiting = Array.from({ length: 20 }, async () => {
      try {
        const response = await fetch(`http://${address}/messages?after=${newest}`);
        return [response.headers.get("connection"), await response.json()];
      } catch (error) {
        return [String(error), (error as Error).cause];
      }
    });
    const pids = (await example.workers()).flatMap(({ pid }) => pid ?? []);
    const open = () => [...connectionsOf(pids, Number(address.split(":")[1])).values()];
    await until(() => open().reduce((a, b) => a + b) === waiting.length, {
      what: "all polls to wait",
    });
    const startedAt = performance.now();
    await example.reload();
    const reloadMs = performance.now() - startedAt;
    const answer = { messages: [], cursor: newest, missed: false };
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => ["close", answer]));
    expect(reloadMs).toBeLessThan(20_000);
  }, 120_000);

  it("refuses what is no message", async () => {
    await using example = await Example.start("longpoll", { instances: 1 });
    const client = new Repeater(await example.address());
    const said = async (body: string) =>
      (await client.ask("/messages", { method: "POST", body })).status;
    expect(await said("nonsense")).toBe(400);
    expect(await said("null")).toBe(400);
    expect(await said('{"text":"no key"}')).toBe(400);
    expect(await said(JSON.stringify({ key: "long", text: "x".repeat(20_000) }))).toBe(413);
    expect((await client.ask("/elsewhere")).status).toBe(404);
    client.close();
  }, 120_000);
});
