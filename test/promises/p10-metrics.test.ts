/** P10: a scrape never waits for a worker, and counters never go backwards when workers come and go. */

import type { Supervisor } from "holdfast";
import { describe, expect, it } from "vitest";
import { FAMILIES, FAMILY_NAMES } from "../../src/metrics/families.ts";
import { parse, type Scrape } from "../metrics/stand.ts";
import { embed, puppet } from "../supervisor/embedded.ts";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

/** What a scrape may take; judged by the median, for the machine may be busy with something else. */
const SCRAPE_MS = 50;
const REQUESTS = "holdfast_http_request_duration_seconds_count";
const NEW_CONNECTION = { headers: { connection: "close" } };

const app = (instances: number, options = {}) =>
  puppet({ script: fixture("apps/unwell.mjs"), name: "app", instances, ...options });

async function scrape(supervisor: Supervisor): Promise<Scrape> {
  return parse((await supervisor.metrics()).body);
}

const ofWorker = (name: string, slot: number): string =>
  `holdfast_worker_${name}{app="app",worker="${slot}"}`;

/** All requests that were answered, whatever came of them. */
function requestsIn(lines: Scrape): number {
  const counts = [...lines].filter(([line]) => line.startsWith(REQUESTS));
  return counts.reduce((sum, [, count]) => sum + count, 0);
}

/** Counters and the parts of histograms, which are counters, too. */
function countsIn(lines: Scrape): ReadonlyMap<string, number> {
  const names = FAMILY_NAMES.filter((name) => FAMILIES[name].type !== "gauge");
  return new Map([...lines].filter(([line]) => names.some((name) => line.startsWith(name))));
}

function expectNoneLess(before: Scrape, after: Scrape): void {
  const counts = countsIn(after);
  const less = [...countsIn(before)].filter(
    ([line, count]) => !((counts.get(line) ?? -1) >= count),
  );
  expect(less).toEqual([]);
}

/** Has the worker of the slot run in a circle; whoever happens to accept the request tells whether it is that one. */
async function hang(port: number, slot: number): Promise<void> {
  await until(
    async () => {
      const url = `http://127.0.0.1:${port}/hang?how=loop&slot=${slot}`;
      const signal = AbortSignal.timeout(500);
      return fetch(url, { ...NEW_CONNECTION, signal }).then(
        () => false,
        () => signal.aborted,
      );
    },
    { what: `slot ${slot} to hang`, timeoutMs: 20_000 },
  );
}

describe("P10: a scrape", () => {
  it("answers at once and whole with one worker in a loop, one stopped, one just killed, and says who is silent", async () => {
    const own = await app(4, { hangTimeout: "60s" });
    const { supervisor } = embed(own);
    await supervisor.start();
    await until(
      async () =>
        [...(await scrape(supervisor)).keys()].filter((line) => /heap_used/.test(line)).length ===
        4,
      { what: "a beat of every worker" },
    );
    await hang(own.port, 0);
    const pidOf = (slot: number) =>
      supervisor.statusOf("app").workers.find((worker) => worker.slot === slot)?.pid ?? -1;
    process.kill(pidOf(1), "SIGSTOP");
    process.kill(pidOf(2), "SIGKILL");
    const took: number[] = [];
    const look = async (): Promise<Scrape> => {
      const since = performance.now();
      const lines = await scrape(supervisor);
      took.push(performance.now() - since);
      return lines;
    };
    // The one just killed may still look ready.
    const first = await look();
    for (const slot of [0, 1, 2, 3]) expect(first.has(ofWorker("up", slot))).toBe(true);
    for (const slot of [0, 1, 3])
      expect(first.get(ofWorker("heap_used_bytes", slot))).toBeGreaterThan(0);
    const stale = await until(
      async () => {
        const lines = await look();
        return lines.get('holdfast_metrics_stale_workers{app="app"}') === 2 && lines;
      },
      { what: "both to be stale", timeoutMs: 20_000 },
    );
    expect([0, 1, 3].map((slot) => stale.get(ofWorker("stale", slot)))).toEqual([1, 1, 0]);
    expect([0, 1, 3].map((slot) => stale.get(ofWorker("up", slot)))).toEqual([1, 1, 1]);
    expect(stale.get('holdfast_worker_exits_total{app="app",reason="signal"}')).toBe(1);
    // What a worker cannot tell, the system does: it is busy.
    const cpu = 'holdfast_worker_cpu_seconds_total{app="app",worker="0",mode="user"}';
    const before = stale.get(cpu) ?? 0;
    if (process.platform === "linux")
      await until(async () => ((await look()).get(cpu) ?? 0) > before, { what: "more CPU time" });
    took.sort((left, right) => left - right);
    expect(took[took.length >> 1]).toBeLessThan(SCRAPE_MS);
    expect(Math.max(...took)).toBeLessThan(1000);
  }, 60_000);

  it("counts every request exactly once through reload, restart and scaling, and never less than before", async () => {
    const own = await app(2);
    const { supervisor } = embed(own);
    await supervisor.start();
    let sent = 0;
    let last = await scrape(supervisor);
    expect(requestsIn(last)).toBe(0);
    const send = async (): Promise<void> => {
      for (let count = 0; count < 20; count += 1) {
        const response = await fetch(`http://127.0.0.1:${own.port}/`, NEW_CONNECTION);
        await response.text();
        sent += 1;
      }
    };
    const look = async (): Promise<number> => {
      const lines = await scrape(supervisor);
      expectNoneLess(last, lines);
      last = lines;
      return requestsIn(lines);
    };
    const acts: readonly (() => Promise<unknown>)[] = [
      () => supervisor.reload(),
      () => supervisor.scale(4),
      () => supervisor.scale(1),
      () => supervisor.restart(),
      () => supervisor.reload(),
    ];
    for (const act of acts) {
      await send();
      // Those who are to go have not been heard since: they tell when they go.
      await Promise.all([act(), look()]);
      await until(async () => (await look()) === sent, { what: `${sent} requests` });
    }
    expect(last.get('holdfast_app_reloads_total{app="app",result="success"}')).toBe(2);
    expect(last.get('holdfast_worker_exits_total{app="app",reason="scale_down"}')).toBe(3);
  }, 60_000);

  it("loses of a crash at most what that worker counted in its last second", async () => {
    const own = await app(1);
    const { supervisor } = embed(own);
    await supervisor.start();
    const send = () =>
      fetch(`http://127.0.0.1:${own.port}/`, NEW_CONNECTION).then((one) => one.text());
    for (let count = 0; count < 10; count += 1) await send();
    await until(async () => requestsIn(await scrape(supervisor)) === 10, { what: "10 requests" });
    const before = await scrape(supervisor);
    const [worker] = supervisor.statusOf("app").workers;
    process.kill(worker?.pid ?? -1, "SIGKILL");
    await until(
      async () => {
        const lines = await scrape(supervisor);
        expectNoneLess(before, lines);
        return lines.get('holdfast_worker_starts_total{app="app"}') === 2;
      },
      { what: "its successor" },
    );
    await supervisor.until("ready", { app: "app" });
    await send();
    await until(async () => requestsIn(await scrape(supervisor)) === 11, { what: "11 requests" });
    const after = await scrape(supervisor);
    expect(after.get(ofWorker("restarts_total", 0))).toBe(1);
    expect(after.get(ofWorker("last_exit_code", 0))).toBe(137);
  }, 60_000);
});
