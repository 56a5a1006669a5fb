import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type Ledger, listFailures } from "../ledger.ts";
import { type HttpLoadOptions, type Load, startFreshLoad, startKeepAliveLoad } from "../load.ts";
import { until } from "../until.ts";
import type { Example } from "./example.ts";
import { type Answer, Repeater } from "./repeater.ts";

const ROUNDS = 5;
const REPEATERS = 6;
/** Of each client between two requests, at most: so many that a kill hits some, so few that the machine keeps up. */
const THINK_MS = 30;
const LINES = 400;

/** An order whose body is some ten thousand bytes: a truncated one has another sum. */
const ORDER = JSON.stringify({
  lines: Array.from({ length: LINES }, (_, n) => ({ price: n, quantity: 1 + (n % 3) })),
});
const TOTAL = (JSON.parse(ORDER).lines as { price: number; quantity: number }[]).reduce(
  (sum, { price, quantity }) => sum + price * quantity,
  0,
);

/** What a shop has done while it was reloaded and its workers were killed. */
export interface Account {
  /** Answered to clients that never ask twice, and what failed of theirs in each reload and with each kill. */
  readonly answered: number;
  readonly failedInReloads: readonly number[];
  readonly failedByKills: readonly number[];
  /** All kinds of failures, as text. */
  readonly failures: string;
  /** Clients that never ask twice: by one kill each of them loses one request at most. */
  readonly clients: number;
  /** GETs of clients that ask again, what they had to ask again in each reload and with each kill, and what failed. */
  readonly repeating: {
    readonly answered: number;
    readonly inReloads: readonly number[];
    readonly byKills: readonly number[];
    /** Connections that ended without an answer, and had not been with a worker that was killed. */
    readonly elsewhere: readonly number[];
    readonly faults: readonly string[];
  };
}

/** Puts the shop of http-express and http-fastify under load, and reloads and kills it by turns. */
export async function poundShop(example: Example): Promise<Account> {
  const address = await example.address();
  const loads = startLoads(Number(address.split(":")[1]));
  const askers = startRepeating(address);
  const counts = { failedInReloads: [], failedByKills: [], inReloads: [], byKills: [] } as Record<
    "failedInReloads" | "failedByKills" | "inReloads" | "byKills",
    number[]
  >;
  const killed: number[] = [];
  const counted = async (act: () => Promise<unknown>, failed: number[], repeated: number[]) => {
    const before = [failuresOf(loads), askers.lost().length] as const;
    await act();
    await more(loads, askers);
    failed.push(failuresOf(loads) - before[0]);
    repeated.push(askers.lost().length - before[1]);
  };
  try {
    await more(loads, askers);
    for (let round = 0; round < ROUNDS; round += 1) {
      await counted(() => example.reload(), counts.failedInReloads, counts.inReloads);
      const kill = async () => killed.push(await example.kill(undefined, round % 4));
      await counted(kill, counts.failedByKills, counts.byKills);
    }
  } finally {
    await askers.stop();
  }
  const summaries = await Promise.all(loads.map((load) => load.stop()));
  const { failedInReloads, failedByKills, inReloads, byKills } = counts;
  const known = askers.lost().filter((pid) => pid !== null);
  return {
    answered: summaries.reduce((sum, { ok }) => sum + ok, 0),
    ...{ failedInReloads, failedByKills, clients: CLIENTS },
    failures: summaries.map((each) => `${each.name}\n${listFailures(each)}`).join("\n"),
    repeating: {
      ...{ answered: askers.counts.answered, inReloads, byKills, faults: askers.faults },
      elsewhere: known.filter((pid) => !killed.includes(pid)),
    },
  };
}

/** What every shop promises, with all numbers in the message. */
export function expectShopToHold(account: Account): void {
  const told = JSON.stringify(account, null, 1);
  const { failedInReloads, failedByKills, clients, repeating } = account;
  expect(failedInReloads, told).toEqual([0, 0, 0, 0, 0]);
  expect(repeating.inReloads, told).toEqual([0, 0, 0, 0, 0]);
  // Of each client at most the one request that was inside the killed worker; and the kills have hit some.
  expect(Math.max(...failedByKills), told).toBeLessThanOrEqual(clients);
  expect(
    failedByKills.reduce((a, b) => a + b) + repeating.byKills.reduce((a, b) => a + b),
  ).not.toBe(0);
  expect(account.failures, told).not.toMatch(/\d x (refused|timeout|wrong|error)/);
  expect(repeating.faults, told).toEqual([]);
  expect(repeating.elsewhere, told).toEqual([]);
  expect(account.answered, told).toBeGreaterThan(1000);
  expect(repeating.answered, told).toBeGreaterThan(300);
}

const FRESH = 4;
const KEPT = 8;
const POSTING = 3;
/** Of all loads together: each has one request under way. */
const CLIENTS = FRESH + KEPT + 2 * POSTING;

function startLoads(port: number): readonly Load[] {
  const items: HttpLoadOptions = {
    ...{ port, thinkMs: THINK_MS, path: (n) => `/items/${n}` },
    expectBody: (body, n) => JSON.parse(body).id === n,
  };
  const orders: HttpLoadOptions = {
    ...{ port, thinkMs: THINK_MS, path: "/orders", method: "POST", body: ORDER, expectStatus: 201 },
    headers: { "Content-Type": "application/json" },
    expectBody: (body) => JSON.parse(body).total === TOTAL,
  };
  return [
    startFreshLoad({ ...items, clients: FRESH, name: "GET, new connections" }),
    startKeepAliveLoad({ ...items, clients: KEPT, name: "GET, keep-alive" }),
    startFreshLoad({ ...orders, clients: POSTING, name: "POST, new connections" }),
    startKeepAliveLoad({ ...orders, clients: POSTING, name: "POST, keep-alive" }),
  ];
}

const pidOf = ({ text }: Answer): number => JSON.parse(text).pid;

function startRepeating(address: string) {
  const clients = Array.from({ length: REPEATERS }, () => new Repeater(address, { pidOf }));
  const faults: string[] = [];
  const counts = { answered: 0 };
  let isOver = false;
  let number = 0;
  const running = clients.map(async (client) => {
    while (!isOver) {
      const id = number++;
      try {
        const { status, text } = await client.ask(`/items/${id}`);
        if (status !== 200 || JSON.parse(text).id !== id) faults.push(`${id}: ${status} ${text}`);
        counts.answered += 1;
      } catch (error) {
        faults.push(`${id}: ${error}`);
      }
      await sleep(Math.random() * THINK_MS);
    }
    client.close();
  });
  return {
    ...{ faults, counts },
    lost: () => clients.flatMap((client) => client.lost),
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

function failuresOf(loads: readonly Load[]): number {
  return loads.reduce((sum, { ledger }) => sum + ledger.failed, 0);
}

/** Every kind of client has had several more answers. */
async function more(
  loads: readonly Load[],
  { counts }: { counts: { answered: number } },
): Promise<void> {
  const before = loads.map(({ ledger }) => ledger.settled);
  const answered = counts.answered;
  const has = ({ settled }: Ledger, n: number): boolean => settled >= (before[n] ?? 0) + 40;
  await until(
    () =>
      loads.every(({ ledger }, n) => has(ledger, n)) &&
      counts.answered >= answered + 10 * REPEATERS,
    { what: "more answers", timeoutMs: 20_000 },
  );
}

/** What the shop answers to a question, an order, and one that makes no sense. */
export async function expectShopToAnswer(example: Example, nonsense: string): Promise<void> {
  const address = await example.address();
  const item = await fetch(`http://${address}/items/7`);
  expect(await item.json()).toMatchObject({ id: 7, price: 107 });
  const headers = { "content-type": "application/json" };
  const order = (body: string) =>
    fetch(`http://${address}/orders`, { method: "POST", headers, body });
  const taken = await order(JSON.stringify({ lines: [{ price: 5, quantity: 3 }] }));
  expect([taken.status, await taken.json()]).toMatchObject([201, { lines: 1, total: 15 }]);
  expect((await order(nonsense)).status).toBe(400);
}
