/** examples/redis-pubsub: two supervisors and one Redis; every client of both gets every message once, whatever is reloaded or killed. */

import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { EventSource } from "eventsource";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { FAULTLESS, judge, numbers } from "../support/examples/judge.ts";
import { hasRedis, Redis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const CLIENTS_EACH = 3;
const POST_EVERY_MS = 10;
const ROUNDS = 5;
const LAST = "the last one";
/** Of the app that a test is not about. */
const IDLE = { instances: 1 };
/** What ends a connection without an answer. */
const ENDED = ["ECONNRESET", "EPIPE"];

/** A client of the event stream, as a browser is one: it comes back by itself, with the last number it has. */
class Listener {
  readonly numbers: number[] = [];
  readonly texts: string[] = [];
  readonly failures: string[] = [];
  joins = 0;
  lost = 0;
  /** The first number that is to come. */
  first = 0;
  readonly #source: EventSource;

  constructor(address: string) {
    this.#source = new EventSource(`http://${address}/events`);
    this.#source.addEventListener("joined", ({ lastEventId }) => {
      if (this.joins === 0) this.first = Number(lastEventId) + 1;
      this.joins += 1;
    });
    this.#source.addEventListener("lost", ({ data }) => (this.lost += Number(data)));
    this.#source.addEventListener("message", ({ data, lastEventId }) => {
      this.numbers.push(Number(lastEventId));
      this.texts.push(JSON.parse(data));
    });
    // With a status it is an answer that ends it for good.
    this.#source.addEventListener("error", ({ code, message }) => {
      if (code !== undefined) this.failures.push(`${code} ${message}`);
    });
  }

  close(): void {
    this.#source.close();
  }
}

/** Posts one message after the other, on one connection while that lives. */
class Poster {
  readonly answered = new Map<string, number>();
  /** Nobody knows whether these were posted: they are not posted again. */
  readonly unanswered: string[] = [];
  readonly failures: string[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #address: string;
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(address: string, name: string) {
    this.#address = address;
    this.#done = this.#run(name);
  }

  async #run(name: string): Promise<void> {
    for (let nth = 0; !this.#isOver; nth += 1) {
      const text = `${name} ${nth}`;
      try {
        this.answered.set(text, await post(this.#address, text, this.#agent));
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (ENDED.includes(code ?? "")) this.unanswered.push(text);
        else this.failures.push(`${text}: ${message}`);
      }
      await pause(POST_EVERY_MS);
    }
  }

  async more(): Promise<void> {
    const before = this.answered.size;
    await until(() => this.answered.size >= before + 20, { what: "more messages" });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.#agent.destroy();
  }
}

/** Resolves with the message's number. */
function post(address: string, text: string, agent?: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const terms = { method: "POST", timeout: 15_000, ...(agent ? { agent } : {}) };
    const request = http.request(`http://${address}/messages`, terms, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk) => (body += chunk));
      response.once("error", reject);
      response.once("end", () => {
        if (response.statusCode === 201) resolve(JSON.parse(body).number);
        else reject(new Error(`${response.statusCode} ${body}`));
      });
    });
    request.once("timeout", () => request.destroy(new Error("no answer in time")));
    request.once("error", reject);
    request.end(text);
  });
}

/** What each client got, against all that Redis has numbered since it joined. */
async function judged(listeners: readonly Listener[], last: number) {
  await until(() => listeners.every((listener) => listener.numbers.at(-1) === last), {
    what: `every client to have number ${last}`,
  }).catch((error: unknown) => {
    const ends = listeners.map((listener) => listener.numbers.at(-1));
    throw new Error(`${String(error)}; the last of each: ${ends}`);
  });
  return listeners.map((listener) => ({
    ...judge(numbers(listener.first, last), listener.numbers),
    told: listener.lost,
    failures: listener.failures,
  }));
}

const GOOD = { ...FAULTLESS, told: 0, failures: [] };

// skip: redis-server is not installed (Debian: redis-server)
it.skipIf(!hasRedis())(
  "[redis-server] reaches every client of both supervisors once, over reloads and kills of both",
  async () => {
    await using redis = await Redis.start();
    const options = { env: { REDIS_URL: redis.url }, apps: { jobs: IDLE } };
    await using one = await Example.start("redis-pubsub", options);
    await using two = await Example.start("redis-pubsub", options);
    const addresses = [await one.address(), await two.address()];
    const listeners = addresses.flatMap((address) =>
      Array.from({ length: CLIENTS_EACH }, () => new Listener(address)),
    );
    await until(() => listeners.every(({ joins }) => joins === 1), { what: "all to have joined" });
    const posters = addresses.map((address, nth) => new Poster(address, `supervisor ${nth}`));
    const unansweredAfter = { start: 0, reload: 0, kill: 0 };
    const pound = async (example: Example, poster: Poster): Promise<void> => {
      let before = 0;
      await example.pound({
        ...{ reloads: ROUNDS, apps: ["feed"] },
        between: async (after) => {
          await poster.more();
          unansweredAfter[after] += poster.unanswered.length - before;
          before = poster.unanswered.length;
        },
      });
    };
    try {
      await Promise.all([one, two].map((example, nth) => pound(example, posters[nth] as Poster)));
      await Promise.all(posters.map((poster) => poster.stop()));
      const last = await post(addresses[0] ?? "", LAST);
      const verdicts = await judged(listeners, last);
      expect(verdicts).toEqual(listeners.map(() => GOOD));
      expect(posters.flatMap(({ failures }) => failures)).toEqual([]);
      // A reload costs no answer, a kill at most the one that is under way on each of the connections.
      expect(unansweredAfter).toMatchObject({ start: 0, reload: 0 });
      expect(unansweredAfter.kill).toBeLessThanOrEqual(2 * ROUNDS);
      const answered = posters.flatMap((poster) => [...poster.answered.keys()]);
      const unanswered = posters.flatMap((poster) => poster.unanswered);
      const known = new Set([...answered, ...unanswered, LAST]);
      const wrong = listeners.map(({ texts }) => {
        const got = new Set(texts);
        return {
          missing: answered.filter((text) => !got.has(text)),
          strange: texts.filter((text) => !known.has(text)),
        };
      });
      expect(wrong).toEqual(listeners.map(() => ({ missing: [], strange: [] })));
      // Every worker was replaced each time, and every client with it.
      const joins = listeners.map((listener) => listener.joins);
      expect(Math.min(...joins)).toBeGreaterThan(ROUNDS);
    } finally {
      for (const poster of posters) await poster.stop();
      for (const listener of listeners) listener.close();
    }
  },
  240_000,
);

// skip: redis-server is not installed (Debian: redis-server)
it.skipIf(!hasRedis())(
  "[redis-server] sends what was published while the connection to Redis was lost",
  async () => {
    await using redis = await Redis.start();
    const env = { REDIS_URL: redis.url };
    await using example = await Example.start("redis-pubsub", {
      ...{ env, instances: 2, apps: { jobs: IDLE } },
    });
    const address = await example.address();
    const listeners = Array.from({ length: CLIENTS_EACH }, () => new Listener(address));
    await until(() => listeners.every(({ joins }) => joins === 1), { what: "all to have joined" });
    const poster = new Poster(address, "poster");
    try {
      for (let nth = 0; nth < 3; nth += 1) {
        await poster.more();
        expect(await redis.command("CLIENT", "KILL", "TYPE", "pubsub")).toBe(":2");
        await until(
          async () => (await redis.command("PUBSUB", "NUMSUB", "example:{feed}")).endsWith(":2"),
          {
            what: "both workers to have subscribed again",
          },
        );
      }
      await poster.more();
      await poster.stop();
      const last = Math.max(...poster.answered.values());
      expect(await judged(listeners, last)).toEqual(listeners.map(() => GOOD));
      expect([poster.unanswered, poster.failures]).toEqual([[], []]);
      expect(listeners.map(({ joins }) => joins)).toEqual(listeners.map(() => 1));
    } finally {
      await poster.stop();
      for (const listener of listeners) listener.close();
    }
  },
);

// skip: redis-server is not installed (Debian: redis-server)
it.skipIf(!hasRedis())("[redis-server] says how many messages Redis keeps no more", async () => {
  await using redis = await Redis.start();
  const env = { REDIS_URL: redis.url, KEEP: "10" };
  await using example = await Example.start("redis-pubsub", {
    ...{ env, instances: 1, apps: { jobs: IDLE } },
  });
  const address = await example.address();
  for (let nth = 1; nth <= 30; nth += 1) expect(await post(address, `text ${nth}`)).toBe(nth);
  const response = await fetch(`http://${address}/events`, { headers: { "last-event-id": "5" } });
  let said = "";
  for await (const chunk of response.body ?? []) {
    said += Buffer.from(chunk).toString("utf8");
    if (said.includes("id: 30\n")) break;
  }
  const events = said.split("\n\n").filter((event) => event !== "");
  expect(events.slice(0, 3)).toEqual([
    expect.stringMatching(/^retry: \d+\nevent: joined\nid: 5\ndata:$/),
    "event: lost\ndata: 15",
    'id: 21\ndata: "text 21"',
  ]);
  expect(events).toHaveLength(12);
});
