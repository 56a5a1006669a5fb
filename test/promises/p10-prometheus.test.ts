/** P10, by a real Prometheus: what it has scraped is what the clients have done, through reloads, scaling and kills. */
import { expect, it } from "vitest";
import { FAMILIES } from "../../src/metrics/families.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { hasPrometheus, Prometheus } from "../support/prometheus.ts";
import { until } from "../support/until.ts";

const COUNT = 'holdfast_http_request_duration_seconds_count{app="api"}';
const REQUESTS = `sum(${COUNT})`;
/** Every series that may only grow. */
const COUNTERS = Object.entries(FAMILIES).flatMap(([name, { type }]) =>
  type === "counter"
    ? [name]
    : type === "histogram"
      ? ["count", "sum", "bucket"].map((part) => `${name}_${part}`)
      : [],
);
const EVERY_MS = 1000;
/** The last word of a worker that is killed is at most one beat old, a second; busy machines are late. */
const UNHEARD_MS = 2500;

interface Answered {
  readonly pid: number;
  readonly at: number;
}

/** Requests of two kinds to the app, and which worker answered each, and when. */
function load(port: number) {
  const answered: Answered[] = [];
  const options = {
    ...{ port, clients: 2, thinkMs: 10 },
    expectBody: (body: string): boolean => {
      answered.push({ pid: Number(JSON.parse(body).pid), at: performance.now() });
      return true;
    },
  };
  const loads = [startKeepAliveLoad(options), startFreshLoad(options)];
  return {
    answered,
    async stop() {
      const all = await Promise.all(loads.map((each) => each.stop()));
      return {
        ok: all.reduce((sum, { ok }) => sum + ok, 0),
        failures: all.flatMap(({ failures }) => failures),
      };
    },
  };
}

async function served(prometheus: Prometheus, requests: number): Promise<void> {
  await until(async () => (await prometheus.value(REQUESTS)) === requests, {
    ...{ what: `Prometheus to know of ${requests} requests`, timeoutMs: 15_000, intervalMs: 200 },
  });
}

// skip: only a machine with Prometheus can tell; .ci/run installs it where it may
it.skipIf(!hasPrometheus())(
  "counts every request of workers that went in order, and none twice; killed ones cost a second of their counts",
  { timeout: 180_000 },
  async () => {
    await using house = new House();
    const [port, admin] = [await freePort(), await freePort()];
    const file = house.file("apps.json", {
      admin: { listen: admin },
      apps: [
        {
          ...{ name: "api", script: fixture("puppet.mjs"), instances: 3, minUptime: "300ms" },
          ...{ backoffBase: "50ms", maxRestarts: 50, env: { PORT: String(port) } },
        },
      ],
    });
    await house.ok(["start", file]);
    await using prometheus = await Prometheus.scraping(`127.0.0.1:${admin}`, EVERY_MS);
    expect(await prometheus.value(REQUESTS)).toBe(0);

    const orderly = load(port);
    await house.ok(["reload", "api"]);
    await house.ok(["scale", "api", "4"]);
    await house.ok(["scale", "api", "2"]);
    await house.ok(["restart", "api:0"]);
    await house.ok(["reload", "api"]);
    const first = await orderly.stop();
    expect(first.failures).toEqual([]);
    expect(first.ok).toBeGreaterThan(200);
    await served(prometheus, first.ok);
    // increase() extrapolates to the ends of its window: less than a scrape's worth on either side.
    const increase = await prometheus.value(`sum(increase(${COUNT}[5m]))`);
    expect(increase / first.ok).toBeGreaterThan(0.97);
    expect(increase / first.ok).toBeLessThan(1.1);
    expect(await prometheus.value('holdfast_app_reloads_total{app="api",result="success"}')).toBe(
      2,
    );

    const rough = load(port);
    const unheard: number[] = [];
    for (const nth of [1, 2, 3]) {
      const before = rough.answered.length;
      await until(() => rough.answered.length > before + 100, { what: "requests before the kill" });
      const worker = (await house.overview()).apps[0]?.workers.find(
        ({ phase }) => phase === "ready",
      );
      const pid = worker?.pid ?? 0;
      process.kill(pid, "SIGKILL");
      const at = performance.now();
      unheard.push(
        rough.answered.filter((each) => each.pid === pid && at - each.at < UNHEARD_MS).length,
      );
      const exits = 'holdfast_worker_exits_total{app="api",reason="signal"}';
      await until(async () => (await prometheus.value(exits)) === nth, {
        ...{ what: `Prometheus to know of kill ${nth}`, intervalMs: 200 },
      });
      await house.ok(["wait", "api"]);
    }
    await house.ok(["reload", "api"]);
    const second = await rough.stop();
    const lost = unheard.reduce((sum, each) => sum + each, 0);
    const least = first.ok + second.ok - lost;
    // What is heard last is heard within a beat and a scrape.
    await until(async () => (await prometheus.value(REQUESTS)) >= least, {
      ...{ what: `Prometheus to know of ${least} requests at least`, intervalMs: 200 },
    });
    const made = first.ok + second.ok + second.failures.length;
    expect(await prometheus.value(REQUESTS)).toBeLessThanOrEqual(made);

    // No counter ever went backwards, and no scrape failed.
    for (const series of COUNTERS) {
      expect(await prometheus.query(`resets(${series}[10m]) > 0`), series).toEqual([]);
    }
    expect(await prometheus.value("min_over_time(up[10m])")).toBe(1);
  },
);
