/** The app's own metrics reach the supervisor whole, and never disturb the app. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metricsIn, within } from "../../src/agent/series.ts";
import { METRICS_DEFAULTS } from "../../src/config/observe.ts";
import type { AppMetric } from "../../src/core/stats.ts";
import { until } from "../support/until.ts";
import { Alone } from "./alone.ts";
import { get, getJson } from "./served.ts";

const app = "apps/registry.mjs";

function serving(what: string, metrics: { merge?: boolean; maxSeries?: number } = {}) {
  const settings = { metrics: { ...METRICS_DEFAULTS, collect: true, ...metrics } };
  return Alone.serving(app, { env: { WITH: what }, settings });
}

/** Waits for the `nth` message about metrics, counted from 1. */
function told(worker: Alone, nth = 1) {
  return until(() => worker.told("metrics")[nth - 1], { what: `metrics, ${nth} times` });
}

const names = (metrics: readonly AppMetric[]): string[] => metrics.map(({ name }) => name);

describe("registries", () => {
  it("that are registered are told, whole", async () => {
    await using worker = await serving("own");
    const { metrics, dropped } = await told(worker);
    const values = [{ value: 7, labels: {} }];
    expect(metrics).toEqual([
      { name: "queue", help: "Jobs.", type: "gauge", aggregator: "max", values },
    ]);
    expect(dropped).toBe(0);
  });

  it("of a prom-client that is only loaded are told with `merge`", async () => {
    await using worker = await serving("loaded", { merge: true });
    const { metrics } = await told(worker);
    expect(names(metrics)).toEqual(["orders_total", "size_bytes"]);
    const labels = { kind: "book" };
    expect(metrics[0]?.values).toEqual([{ value: 3, labels }]);
    expect(metrics[1]?.values.map(({ metricName, value }) => [metricName, value])).toEqual([
      ...[0, 1, 1].map((value) => ["size_bytes_bucket", value]),
      ["size_bytes_sum", 5],
      ["size_bytes_count", 1],
    ]);
  });

  it("of a prom-client that is only loaded are left alone without it", async () => {
    await using worker = await serving("loaded");
    const beats = worker.told("beat").length;
    await until(() => worker.told("beat").length > beats + 3, { what: "four beats" });
    expect(worker.told("metrics")).toEqual([]);
  });

  it("are told a last time at the end of a drain", async () => {
    await using worker = await serving("own", { merge: true });
    const address = { port: worker.port };
    await told(worker);
    await get(address, "/count");
    worker.send({ t: "drain", timeoutMs: 5000 });
    await worker.exited;
    const last = worker.told("metrics").at(-1)?.metrics;
    expect(last?.find(({ name }) => name === "orders_total")?.values[0]?.value).toBe(4);
  });
});

describe("an app whose metrics fail", () => {
  it("is told so once, and the others are told", async () => {
    await using worker = await serving("failing,own");
    expect(names((await told(worker, 2)).metrics)).toEqual(["queue"]);
    expect(worker.stderr.match(/could not be read: Error: no database/g)).toHaveLength(1);
    expect(worker.child.exitCode).toBeNull();
  });

  it("for ever is asked once, holds up neither the others nor the end", async () => {
    await using worker = await serving("hanging,own");
    expect(names((await told(worker, 2)).metrics)).toEqual(["queue"]);
    expect(await getJson({ port: worker.port })).toEqual({ hanging: 1 });
    const since = performance.now();
    worker.send({ t: "drain", timeoutMs: 20_000 });
    await worker.exited;
    expect(performance.now() - since).toBeLessThan(5000);
  });

  it("gives values nobody can merge: they are left out", async () => {
    await using worker = await serving("strange");
    const { metrics } = await told(worker);
    const values = [
      { value: 1, labels: {} },
      { value: 2, labels: { a: "1" } },
    ];
    expect(metrics).toEqual([{ name: "strange", help: "", type: "gauge", values }]);
    expect(worker.stderr).toBe("");
  });
});

describe("as many series as are allowed", () => {
  it("are told, and the rest is counted", async () => {
    await using worker = await serving("own", { merge: true, maxSeries: 3 });
    const { metrics, dropped } = await told(worker);
    // A histogram has five: it is left out whole, so that none lacks a bucket.
    expect(names(metrics)).toEqual(["queue", "orders_total"]);
    expect(dropped).toBe(5);
  });

  const metric = fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    help: fc.string(),
    type: fc.constantFrom("counter", "gauge", "histogram", "summary"),
    values: fc.array(
      fc.record({
        value: fc.double().map((value) => value + 0),
        labels: fc.dictionary(fc.string(), fc.string()),
      }),
    ),
  });

  it("never more, none twice, none lost without being counted, no histogram in part", () => {
    fc.assert(
      fc.property(fc.array(metric), fc.nat(20), (given, most) => {
        const read = metricsIn(given);
        const { metrics, dropped } = within(read, most);
        const size = (all: readonly AppMetric[]) =>
          all.reduce((sum, { values }) => sum + values.length, 0);
        expect(size(metrics)).toBeLessThanOrEqual(most);
        expect(size(metrics) + dropped).toBe(size(read));
        expect(new Set(names(metrics)).size).toBe(metrics.length);
        for (const kept of metrics) {
          const whole = read.find(({ name }) => name === kept.name);
          if (kept.type === "histogram" || kept.type === "summary")
            expect(read.filter(({ name }) => name === kept.name)).toContainEqual(kept);
          else expect(whole).toBeDefined();
        }
        // It crosses a process boundary as it is.
        expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
      }),
    );
  });

  it.each([undefined, null, 5, "text", {}, [null], [{}], [{ name: "a", type: "gauge" }]])(
    "whatever a registry gives: %j",
    (answer) => {
      expect(metricsIn(answer)).toEqual([]);
    },
  );
});
