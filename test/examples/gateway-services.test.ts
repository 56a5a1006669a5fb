/** examples/gateway-services: over kills of every worker and a reload of all, each HTTP request gets its answer. */

import { readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const FOLDER = join(projectRoot, "examples/gateway-services");
const CLIENTS = 8;
const ANSWER_WITHIN_MS = 15_000;
/** What ends a connection without an answer. */
const ENDED = ["ECONNRESET", "EPIPE"];

interface App {
  readonly name: string;
  readonly script: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The example's own file, with a port of the test's. */
function ecosystem(house: House): string {
  const { apps } = JSON.parse(readFileSync(join(FOLDER, "ecosystem.config.json"), "utf8")) as {
    apps: readonly App[];
  };
  const moved = apps.map((app) => ({
    ...{ ...app, cwd: FOLDER, minUptime: 200, backoffBase: 50 },
    ...(app.env ? { env: { ...app.env, PORT: "0" } } : {}),
  }));
  return house.file("ecosystem.config.json", { apps: moved });
}

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
function load(address: string) {
  const counts = { answered: 0, repeated: 0 };
  const failures: string[] = [];
  let isOver = false;
  let asked = 0;
  const ask = async (agent: http.Agent): Promise<void> => {
    const item = asked++ % 1000;
    const url = `http://${address}/quotes/${item}`;
    for (;;) {
      try {
        const { status, body } = await get(url, agent);
        if (status !== 200) failures.push(`${status} ${body}`);
        else if (JSON.parse(body).left !== item % 40) failures.push(`${item}: ${body}`);
        counts.answered += 1;
        return;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        // All that HTTP lets a client repeat: an idempotent request whose connection has ended without an answer.
        if (!ENDED.includes(code ?? "")) return void failures.push(`${code}: ${message}`);
        counts.repeated += 1;
      }
    }
  };
  const client = async (): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!isOver) await ask(agent);
    agent.destroy();
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    ...{ counts, failures },
    async stop() {
      isOver = true;
      await Promise.all(clients);
    },
  };
}

async function pidsOf(house: House, name: string): Promise<readonly number[]> {
  const app = (await house.overview()).apps.find((each) => each.name === name);
  const ready = (app?.workers ?? []).filter(({ phase }) => phase === "ready");
  return ready.flatMap(({ pid }) => (pid === null ? [] : [pid]));
}

it("loses no request, whichever worker is killed, and in a reload of all", async () => {
  await using house = new House();
  await house.ok(["start", ecosystem(house)]);
  const { apps } = await house.overview();
  const address = apps.find(({ name }) => name === "gateway")?.addresses[0] ?? "";
  const { counts, failures, stop } = load(address);
  const more = async (): Promise<void> => {
    const before = counts.answered;
    await until(() => counts.answered >= before + 5 * CLIENTS, { what: "more answers" });
  };
  try {
    await more();
    for (const name of ["stock", "quotes", "gateway"]) {
      const both = await pidsOf(house, name);
      expect(both).toHaveLength(2);
      for (const pid of both) {
        process.kill(pid, "SIGKILL");
        await until(
          async () => {
            const now = await pidsOf(house, name);
            return now.length === 2 && !now.includes(pid);
          },
          { what: `the successor of ${name}'s worker`, timeoutMs: 20_000, intervalMs: 100 },
        );
        await more();
      }
    }
    // A worker of each service at once: a request may lose one after the other.
    for (const name of ["stock", "quotes"]) {
      const [pid = 0] = await pidsOf(house, name);
      process.kill(pid, "SIGKILL");
    }
    await more();
    await house.ok(["wait", "all"]);
    await house.ok(["reload", "all"]);
    await more();
  } finally {
    await stop();
  }
  expect(failures).toEqual([]);
  // The kills have hit requests under way.
  expect(counts.repeated).toBeGreaterThan(0);
}, 120_000);

it("tells what is wrong with the question from what is wrong with those who answer", async () => {
  await using house = new House();
  await house.ok(["start", ecosystem(house)]);
  const { apps } = await house.overview();
  const address = apps.find(({ name }) => name === "gateway")?.addresses[0] ?? "";
  const asked = async (path: string) => {
    const response = await fetch(`http://${address}${path}`);
    return [response.status, await response.json()];
  };
  expect(await asked("/quotes/7")).toMatchObject([200, { item: 7, left: 7, price: 113 }]);
  expect(await asked("/quotes/1000")).toEqual([404, { error: "no item 1000" }]);
  expect(await asked("/quotes/seven")).toEqual([404, "nothing here"]);
});
