import fc from "fast-check";
import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import { describe, expect, it } from "vitest";
import { OwnMetrics } from "../../src/metrics/own-metrics.ts";

const MANY = 2000;
const LINES = { help: "x", values: [] as unknown[] };
const counter = (name: string, value: unknown, labels: unknown = {}) => ({
  ...{ ...LINES, name, type: "counter", aggregator: "sum" },
  values: [{ value, labels }],
});

function linesOf(own: OwnMetrics): string[] {
  return own
    .samples()
    .map(({ metricName, labels, value }) => `${metricName} ${JSON.stringify(labels)} ${value}`);
}

/** As it comes over a worker's channel. */
async function saidBy(registry: Registry): Promise<unknown> {
  return JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()));
}

describe("an app's own metrics", () => {
  it("of a real registry: counters and histograms are summed, and those of the dead stay", async () => {
    const own = new OwnMetrics();
    const registry = new Registry();
    const registers = [registry];
    const jobs = new Counter({ name: "jobs_total", help: "Jobs", labelNames: ["kind"], registers });
    const took = new Histogram({ name: "job_seconds", help: "Took", buckets: [1, 2], registers });
    const seen = new Summary({ name: "seen_seconds", help: "Seen", registers });
    jobs.inc({ kind: "mail" }, 3);
    took.observe(1.5);
    seen.observe(4);
    own.hear({ id: 1, slot: 0 }, await saidBy(registry), 0, MANY);
    own.hear({ id: 2, slot: 1 }, await saidBy(registry), 0, MANY);
    own.forget(1);
    jobs.inc({ kind: "mail" }, 1);
    own.hear({ id: 2, slot: 1 }, await saidBy(registry), 0, MANY);
    expect(linesOf(own)).toEqual([
      'jobs_total {"kind":"mail"} 7',
      'job_seconds_bucket {"le":"1"} 0',
      'job_seconds_bucket {"le":"2"} 2',
      'job_seconds_bucket {"le":"+Inf"} 2',
      "job_seconds_sum {} 3",
      "job_seconds_count {} 2",
      // Quantiles of several workers make none.
      "seen_seconds_sum {} 8",
      "seen_seconds_count {} 2",
    ]);
    expect(own.dropped).toBe(0);
  });

  it.each([
    ["sum", ["g {} 9"]],
    ["first", ["g {} 2"]],
    ["min", ["g {} 1"]],
    ["max", ["g {} 6"]],
    ["average", ["g {} 3"]],
    ["omit", []],
    [undefined, ['g {"worker":"0"} 2', 'g {"worker":"1"} 6', 'g {"worker":"2"} 1']],
  ])("gauges by %s", (aggregator, lines) => {
    const own = new OwnMetrics();
    for (const [slot, value] of [2, 6, 1].entries()) {
      const gauge = {
        ...LINES,
        name: "g",
        type: "gauge",
        aggregator,
        values: [{ value, labels: {} }],
      };
      own.hear({ id: slot + 10, slot }, [gauge], 0, MANY);
    }
    expect(linesOf(own)).toEqual(lines);
  });

  it("gauges of a worker that is gone are gone, and make room", async () => {
    const own = new OwnMetrics();
    const registry = new Registry();
    new Gauge({ name: "g", help: "G", registers: [registry] }).set(5);
    own.hear({ id: 1, slot: 0 }, await saidBy(registry), 0, 1);
    own.hear({ id: 2, slot: 1 }, [counter("c_total", 1)], 0, 1);
    expect(linesOf(own)).toEqual(["g {} 5"]);
    expect(own.dropped).toBe(1);
    own.forget(1);
    own.hear({ id: 2, slot: 1 }, [counter("c_total", 1)], 0, 1);
    expect(linesOf(own)).toEqual(["c_total {} 1"]);
  });

  it("are cut at the limit, each worker's surplus counted once and that it cut itself, too", () => {
    const own = new OwnMetrics();
    const many = Array.from({ length: 50 }, (_, index) => counter("c_total", 1, { index }));
    for (let round = 0; round < 3; round += 1) own.hear({ id: 1, slot: 0 }, many, 4, 20);
    expect(own.size).toBe(20);
    expect(linesOf(own)).toHaveLength(20);
    expect(own.dropped).toBe(34);
    own.forget(1);
    expect(own.dropped).toBe(34);
  });

  it("a histogram fits whole or not at all", () => {
    const own = new OwnMetrics();
    const values = ["_bucket", "_sum", "_count"].map((part) => ({
      ...{ metricName: `h${part}`, value: 1, labels: part === "_bucket" ? { le: "+Inf" } : {} },
    }));
    own.hear({ id: 1, slot: 0 }, [{ ...LINES, name: "h", type: "histogram", values }], 0, 2);
    expect(linesOf(own)).toEqual([]);
    expect(own.dropped).toBe(3);
  });

  it("an app's labels do not take the place of ours, and the order of labels is nothing", () => {
    const own = new OwnMetrics();
    own.hear({ id: 1, slot: 0 }, [counter("c_total", 1, { b: 1, app: "other" })], 0, MANY);
    own.hear({ id: 2, slot: 1 }, [counter("c_total", 1, { app: "other", b: 1 })], 0, MANY);
    expect(linesOf(own)).toEqual(['c_total {"b":"1","exported_app":"other"} 2']);
  });

  it("nothing that a worker says breaks them or makes them grow beyond the limit", () => {
    const value = fc.oneof(
      fc.record(
        {
          ...{
            name: fc.oneof(fc.constantFrom("a", "holdfast_x", "b c", "__proto__"), fc.string()),
          },
          type: fc.constantFrom<unknown>(
            "counter",
            "gauge",
            "histogram",
            "summary",
            "odd",
            5,
            null,
          ),
          ...{ aggregator: fc.constantFrom<unknown>("sum", "first", "max", "odd", undefined) },
          ...{ help: fc.anything(), values: fc.oneof(fc.anything(), fc.array(fc.anything())) },
        },
        { requiredKeys: [] },
      ),
      fc.anything(),
    );
    const messages = fc.array(fc.tuple(fc.nat(3), fc.oneof(fc.array(value), fc.anything())));
    fc.assert(
      fc.property(messages, fc.anything(), (all, dropped) => {
        const own = new OwnMetrics();
        let before = 0;
        for (const [id, metrics] of all) {
          own.hear({ id, slot: id }, metrics, dropped, 5);
          expect(own.size).toBeLessThanOrEqual(5);
          expect(own.samples().length).toBeLessThanOrEqual(5);
          expect(own.dropped).toBeGreaterThanOrEqual(before);
          before = own.dropped;
          for (const sample of own.samples()) {
            expect(sample.name).toMatch(/^(?!holdfast_)[a-zA-Z_:][a-zA-Z0-9_:]*$/);
            expect(Number.isFinite(sample.value)).toBe(true);
          }
        }
      }),
    );
  });
});
