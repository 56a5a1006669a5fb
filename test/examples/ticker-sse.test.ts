/** examples/ticker-sse: EventSource clients miss no tick and see none twice, over reloads and kills. */

import { EventSource } from "eventsource";
import { describe, expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { FAULTLESS, judge, numbers } from "../support/examples/judge.ts";
import { startSseClients } from "../support/load.ts";
import { until } from "../support/until.ts";

const CLIENTS = 12;
const ROUNDS = 5;
const KEPT = 300;
const FAST = { env: { TICK_MS: "20", RETRY_MS: "100" } };

interface Tick {
  readonly id: number;
  readonly data: string;
}

/** A client as a browser has it: it comes back by itself, with its Last-Event-ID. */
class Listener {
  readonly ticks: Tick[] = [];
  /** Events that say that something is not kept any more. */
  missed = 0;
  /** How often its stream ended, cleanly or not. */
  ends = 0;
  /** What made it give up for good. */
  readonly faults: string[] = [];
  readonly #source: EventSource;

  constructor(address: string) {
    this.#source = new EventSource(`http://${address}/ticks`);
    this.#source.addEventListener("message", ({ lastEventId, data }) => {
      this.ticks.push({ id: Number(lastEventId), data });
    });
    this.#source.addEventListener("missed", () => (this.missed += 1));
    this.#source.addEventListener("error", ({ message }) => {
      this.ends += 1;
      if (this.#source.readyState === EventSource.CLOSED) this.faults.push(String(message));
    });
  }

  get last(): number {
    return this.ticks.at(-1)?.id ?? 0;
  }

  close(): void {
    this.#source.close();
  }
}

function listenAll(address: string) {
  const listeners = Array.from({ length: CLIENTS }, () => new Listener(address));
  return {
    listeners,
    /** Each has ticks that are newer than the newest any of them has now. */
    async more(): Promise<void> {
      const newest = Math.max(...listeners.map(({ last }) => last));
      await until(() => listeners.every(({ last }) => last > newest + 5), {
        what: `ticks after ${newest} for each of ${listeners.map(({ last }) => last)}`,
        timeoutMs: 20_000,
      });
    },
    close: () => {
      for (const listener of listeners) listener.close();
    },
  };
}

function expectNoGap(listeners: readonly Listener[]): void {
  const texts = new Map<number, string>();
  const differing: string[] = [];
  for (const { ticks, missed, faults } of listeners) {
    const ids = ticks.map(({ id }) => id);
    expect(judge(numbers(ids[0] ?? 0, ids.at(-1) ?? 0), ids)).toEqual(FAULTLESS);
    expect({ missed, faults }).toEqual({ missed: 0, faults: [] });
    for (const { id, data } of ticks) {
      const known = texts.get(id) ?? data;
      if (known !== data) differing.push(`${id}: ${known} and ${data}`);
      texts.set(id, known);
    }
  }
  // One number is one tick, whichever worker has sent it.
  expect(differing).toEqual([]);
}

/** The slot of the worker that makes the ticks. */
function leaderOf({ listeners }: { listeners: readonly Listener[] }): number {
  const newest = listeners.flatMap(({ ticks }) => ticks.slice(-1)).toSorted((a, b) => b.id - a.id);
  return JSON.parse(newest[0]?.data ?? "{}").slot;
}

/** The ids of a stream's events, until there are so many. */
async function read(address: string, lastId: number, count: number): Promise<string> {
  const over = new AbortController();
  const headers = { "last-event-id": String(lastId) };
  const response = await fetch(`http://${address}/ticks`, { headers, signal: over.signal });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if ((text.match(/^id: /gm)?.length ?? 0) >= count) break;
  }
  over.abort();
  return text;
}

describe("ticker-sse", () => {
  it("leaves no gap and repeats nothing over five reloads and kills, the leader's among them", async () => {
    await using example = await Example.start("ticker-sse", FAST);
    const address = await example.address();
    const streams = startSseClients({ port: Number(address.split(":")[1]), path: "/ticks" });
    const all = listenAll(address);
    const cutInReloads: number[] = [];
    try {
      await all.more();
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = streams.counts.cut;
        await example.reload();
        await all.more();
        cutInReloads.push(streams.counts.cut - before);
        // By turns the worker that makes the ticks, and the one of a slot.
        await example.kill(undefined, round % 2 === 0 ? leaderOf(all) : round % 4);
        await all.more();
      }
    } finally {
      all.close();
    }
    const { counts } = await streams.stop();
    expectNoGap(all.listeners);
    // Every reload ended every stream, and ended it cleanly.
    expect(cutInReloads).toEqual([0, 0, 0, 0, 0]);
    expect(counts.endedCleanly).toBeGreaterThanOrEqual(4 * ROUNDS);
    for (const { ends } of all.listeners) expect(ends).toBeGreaterThanOrEqual(ROUNDS);
  }, 240_000);

  it("goes on behind the last number when the supervisor is killed", async () => {
    await using example = await Example.start("ticker-sse", FAST);
    const all = listenAll(await example.address());
    try {
      await all.more();
      const { supervisor } = await example.house.overview();
      process.kill(supervisor.pid, "SIGKILL");
      await until(async () => (await example.house.overview()).supervisor.takeovers === 1, {
        what: "another supervisor",
        timeoutMs: 20_000,
      });
      await all.more();
      await example.reload();
      await all.more();
    } finally {
      all.close();
    }
    expectNoGap(all.listeners);
  }, 120_000);

  it("gives any client of any worker what it has missed, and says so where it is not kept", async () => {
    await using example = await Example.start("ticker-sse", FAST);
    const address = await example.address();
    const all = listenAll(address);
    await until(() => all.listeners.every(({ ticks }) => ticks.length > KEPT + 50), {
      what: `more than ${KEPT} ticks`,
      timeoutMs: 20_000,
    }).finally(all.close);
    const first = all.listeners[0]?.ticks[0]?.id ?? 0;
    const recent = all.listeners[0]?.last ?? 0;
    // More than there are workers: new connections go to one after the other.
    for (let nth = 0; nth < 8; nth += 1) {
      const text = await read(address, recent - 100, 100);
      const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
      expect(ids.slice(0, 100)).toEqual(numbers(recent - 99, recent));
      expect(text).not.toContain("event: missed");
    }
    const late = await read(address, first, 1);
    expect(late.replace(/^retry: \d+\n\n/, "")).toMatch(
      /^event: missed\ndata: [^\n]+\n\nid: \d+\n/,
    );
    expect(late).toMatch(/^retry: (?:[5-9]\d|1[0-4]\d|150)\n\n/);
  }, 120_000);
});
