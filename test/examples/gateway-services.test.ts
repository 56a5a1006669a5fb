/** examples/gateway-services: over reloads of all and kills of every kind of worker, each request gets its answer. */

import http from "node:http";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { until } from "../support/until.ts";

const CLIENTS = 8;
const WORKERS = 4;
const ANSWER_WITHIN_MS = 15_000;
/** What ends a connection without an answer. */
const ENDED = ["ECONNRESET", "EPIPE"];

interface Answer {
  readonly status: number;
  readonly body: string;
}

function get(url: string, agent: http.Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, timeout: ANSWER_WITHIN_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk) => (body += chunk));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.once("error", reject);
    });
    request.once("timeout", () => request.destroy(new Error("no answer in time")));
    request.once("error", reject);
  });
}

/** Clients that ask all the time, each the next question when it has its answer. */
class Clients {
  answered = 0;
  /** Asked again, as HTTP lets a client: the connection has ended without an answer. */
  repeated = 0;
  readonly failures: string[] = [];
  #asked = 0;
  #isOver = false;
  readonly #address: string;
  readonly #all: Promise<unknown>;

  constructor(address: string) {
    this.#address = address;
    this.#all = Promise.all(Array.from({ length: CLIENTS }, () => this.#client()));
  }

  /** Resolves when each client has had several answers more, on average. */
  async more(): Promise<void> {
    const before = this.answered;
    await until(() => this.answered >= before + 5 * CLIENTS, { what: "more answers" });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#all;
  }

  async #client(): Promise<void> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isOver) await this.#ask(this.#asked++ % 1000, agent);
    agent.destroy();
  }

  async #ask(item: number, agent: http.Agent): Promise<void> {
    for (;;) {
      try {
        const { status, body } = await get(`http://${this.#address}/quotes/${item}`, agent);
        if (status !== 200) this.failures.push(`${status} ${body}`);
        else if (JSON.parse(body).left !== item % 40) this.failures.push(`${item}: ${body}`);
        this.answered += 1;
        return;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (!ENDED.includes(code ?? "")) return void this.failures.push(`${code}: ${message}`);
        this.repeated += 1;
      }
    }
  }
}

it("answers every request over 5 reloads and kills of both services, and none is repeated", async () => {
  await using example = await Example.start("gateway-services", { instances: WORKERS });
  const clients = new Clients(await example.address("gateway"));
  const between = (): Promise<void> => clients.more();
  try {
    await example.pound({ apps: ["stock", "quotes"], between });
    // A worker of each at once: a request may lose one after the other.
    await Promise.all([example.kill("stock", 0), example.kill("quotes", 0)]);
    await between();
  } finally {
    await clients.stop();
  }
  const { failures, repeated } = clients;
  expect({ failures, repeated }).toEqual({ failures: [], repeated: 0 });
}, 240_000);

it("costs a client one request at most when a worker of the gateway is killed", async () => {
  await using example = await Example.start("gateway-services", { instances: WORKERS });
  const clients = new Clients(await example.address("gateway"));
  const perKill: number[] = [];
  try {
    for (let slot = 0; slot < WORKERS; slot += 1) {
      await clients.more();
      const before = clients.repeated;
      await example.kill("gateway", slot);
      await clients.more();
      perKill.push(clients.repeated - before);
    }
  } finally {
    await clients.stop();
  }
  expect(clients.failures).toEqual([]);
  expect(Math.max(...perKill), `repeated at each kill: ${perKill}`).toBeLessThanOrEqual(CLIENTS);
  // Each client has a request under way nearly all the time: some of the kills have hit one.
  expect(clients.repeated, `repeated at each kill: ${perKill}`).toBeGreaterThan(0);
}, 240_000);

it("tells what is wrong with the question from what is wrong with those who answer", async () => {
  await using example = await Example.start("gateway-services", { instances: 1 });
  const address = await example.address("gateway");
  const asked = async (path: string) => {
    const response = await fetch(`http://${address}${path}`);
    return [response.status, await response.json()];
  };
  expect(await asked("/quotes/7")).toMatchObject([200, { item: 7, left: 7, price: 113 }]);
  expect(await asked("/quotes/1000")).toEqual([404, { error: "no item 1000" }]);
  expect(await asked("/quotes/seven")).toEqual([404, "nothing here"]);
});
