import { describe, expect, it } from "vitest";
import { STICKY_RESULTS, type StickyResult } from "../../src/core/stats.ts";
import { EXIT_REASONS } from "../../src/core/worker.ts";
import { FAMILIES, type Family, LABEL_VALUES } from "../../src/metrics/families.ts";
import { requests, type Scrape, Stand, stats } from "./stand.ts";

const GET_OK = 'holdfast_http_request_duration_seconds_count{app="a",method="GET",code="2xx"}';

describe("what a scrape says", () => {
  it("requests are summed over workers, and stay when these are replaced, crash or are scaled away", async () => {
    const stand = new Stand();
    const old = [0, 1].map((slot) => stand.ready("a", slot + 1, slot));
    for (const worker of old)
      stand.store.hearBeat("a", worker, stats({ requests: requests("GET", 2, 5), active: 400 }));
    expect((await stand.scrape()).get(GET_OK)).toBe(10);
    // Both are there during a reload.
    const fresh = [0, 1].map((slot) => stand.ready("a", slot + 3, slot));
    for (const worker of fresh)
      stand.store.hearBeat("a", worker, stats({ requests: requests("GET", 2, 2) }));
    expect((await stand.scrape()).get(GET_OK)).toBe(14);
    const [first = { id: 0, slot: 0 }] = old;
    stand.store.hearBeat("a", first, stats({ requests: requests("GET", 2, 6), active: 500 }));
    for (const worker of old) stand.exit("a", worker);
    const reloaded = await stand.scrape();
    // The last beat before the end was never scraped, and counts.
    expect(reloaded.get(GET_OK)).toBe(15);
    expect(
      reloaded.get('holdfast_worker_eventloop_seconds_total{app="a",worker="0",state="active"}'),
    ).toBe(0.5);
    stand.exit("a", { id: 4, slot: 1 }, { reason: "scale_down" });
    const scaled = await stand.scrape();
    expect(scaled.get(GET_OK)).toBe(15);
    const second = '{app="a",worker="1"';
    expect(scaled.get(`holdfast_worker_eventloop_seconds_total${second},state="active"}`)).toBe(
      0.4,
    );
    expect(scaled.has(`holdfast_worker_up${second}}`)).toBe(false);
    expect(
      scaled.get('holdfast_http_request_duration_seconds_sum{app="a",method="GET",code="2xx"}'),
    ).toBeCloseTo(0.3, 9);
  });

  it("who says nothing for more than 3 seconds is stale, and all else is still served", async () => {
    const stand = new Stand();
    const silent = stand.ready("a", 1, 0);
    const lively = stand.ready("a", 2, 1);
    stand.store.hearBeat("a", silent, stats({ heapUsed: 77 }));
    stand.now += 2900;
    expect((await stand.scrape()).get('holdfast_worker_stale{app="a",worker="0"}')).toBe(0);
    stand.store.hearBeat("a", lively, stats());
    stand.now += 200;
    const scrape = await stand.scrape();
    expect(scrape.get('holdfast_worker_stale{app="a",worker="0"}')).toBe(1);
    expect(scrape.get('holdfast_worker_stale{app="a",worker="1"}')).toBe(0);
    expect(scrape.get('holdfast_metrics_stale_workers{app="a"}')).toBe(1);
    expect(scrape.get('holdfast_worker_heap_used_bytes{app="a",worker="0"}')).toBe(77);
    const misses = 'holdfast_worker_heartbeat_misses_total{app="a",worker="0"}';
    expect(scrape.get(misses)).toBe(2);
    stand.store.hearBeat("a", silent, stats());
    stand.now += 1000;
    expect((await stand.scrape()).get(misses)).toBe(2);
  });

  it("one that is ready and has never said anything is stale, too", async () => {
    const stand = new Stand();
    stand.ready("a", 1, 0);
    stand.now += 3001;
    expect((await stand.scrape()).get('holdfast_worker_stale{app="a",worker="0"}')).toBe(1);
  });

  it("exits, kills, restarts and last exit codes", async () => {
    const stand = new Stand();
    const worker = stand.ready("a", 1, 0);
    stand.exit("a", worker, { reason: "uncaught", code: 7 });
    const next = stand.ready("a", 2, 0);
    stand.store.workerDraining("a", next);
    stand.now += 400;
    stand.exit("a", next, { reason: "drain_timeout", code: null, signal: "SIGKILL" });
    // The successor of one that hangs is there before it is killed.
    const hung = stand.ready("a", 3, 0);
    stand.ready("a", 4, 0);
    stand.exit("a", hung, { reason: "unresponsive", code: null, signal: "SIGKILL" });
    const scrape = await stand.scrape();
    const by = (name: string, reason: string) =>
      scrape.get(`holdfast_${name}{app="a",reason="${reason}"}`);
    expect(by("worker_exits_total", "uncaught")).toBe(1);
    expect(by("worker_exits_total", "drain_timeout")).toBe(1);
    expect(by("worker_forced_kills_total", "drain_timeout")).toBe(1);
    expect(by("worker_forced_kills_total", "unresponsive")).toBe(1);
    expect(by("worker_forced_kills_total", "killed")).toBe(0);
    expect(scrape.get('holdfast_worker_restarts_total{app="a",worker="0"}')).toBe(3);
    expect(scrape.get('holdfast_worker_last_exit_code{app="a",worker="0"}')).toBe(137);
    expect(scrape.get('holdfast_worker_starts_total{app="a"}')).toBe(4);
    expect(scrape.get('holdfast_worker_drain_duration_seconds_sum{app="a"}')).toBe(0.4);
    expect(scrape.get('holdfast_worker_startup_duration_seconds_bucket{app="a",le="1"}')).toBe(4);
  });

  it("reloads by result with their durations, and crash loops", async () => {
    const stand = new Stand();
    stand.ready("a", 1, 0);
    for (const result of ["success", "failure", "rolled_back"] as const) {
      stand.store.reloadStarted("a");
      stand.now += 2000;
      stand.store.reloadEnded("a", result);
    }
    stand.store.slotFailed("a", 0, true);
    const scrape = await stand.scrape();
    for (const result of ["success", "failure", "rolled_back"])
      expect(scrape.get(`holdfast_app_reloads_total{app="a",result="${result}"}`)).toBe(1);
    expect(scrape.get('holdfast_app_reload_duration_seconds_sum{app="a"}')).toBe(6);
    expect(scrape.get('holdfast_app_crash_looping{app="a"}')).toBe(1);
    stand.store.slotFailed("a", 0, false);
    expect((await stand.scrape()).get('holdfast_app_crash_looping{app="a"}')).toBe(0);
  });

  it("an app that is gone is gone, and one of its name begins anew", async () => {
    const stand = new Stand();
    const worker = stand.ready("a", 1, 0);
    stand.store.hearBeat("a", worker, stats({ requests: requests("GET", 2, 5) }));
    stand.exit("a", worker);
    stand.apps.clear();
    stand.store.forget("a");
    expect([...(await stand.scrape()).keys()].filter((line) => line.includes("app="))).toEqual([]);
    stand.ready("a", 2, 0);
    expect((await stand.scrape()).get(GET_OK)).toBe(0);
  });

  it("sticky routing is summed over workers by result, and stays when they are gone", async () => {
    const stand = new Stand();
    const count = (scrape: Scrape, result: string) =>
      scrape.get(`holdfast_sticky_requests_total{app="a",result="${result}"}`);
    const [first, second] = [stand.ready("a", 1, 0), stand.ready("a", 2, 1)];
    expect(count(await stand.scrape(), "local")).toBe(0);
    stand.store.hearBeat("a", first, stats({ sticky: sticky({ local: 5, forwarded: 2 }, 3) }));
    stand.store.hearBeat("a", second, stats({ sticky: sticky({ local: 1, handed: 4 }, 1) }));
    const both = await stand.scrape();
    const wanted = { local: 6, forwarded: 2, handed: 4, moved: 0 };
    for (const [result, value] of Object.entries(wanted)) expect(count(both, result)).toBe(value);
    expect(both.get('holdfast_sticky_sessions{app="a",worker="0"}')).toBe(3);
    // During a reload the sessions of the leaving worker are the slot's, too.
    const next = stand.ready("a", 3, 0);
    stand.store.hearBeat("a", next, stats({ sticky: sticky({ local: 1 }, 2) }));
    expect((await stand.scrape()).get('holdfast_sticky_sessions{app="a",worker="0"}')).toBe(5);
    stand.store.hearBeat("a", first, stats({ sticky: sticky({ local: 9, forwarded: 2 }, 0) }));
    stand.exit("a", first);
    stand.exit("a", second, { reason: "signal", code: null, signal: "SIGKILL" });
    const replaced = await stand.scrape();
    expect(count(replaced, "local")).toBe(11);
    expect(count(replaced, "handed")).toBe(4);
    // The option is gone, the count is not.
    stand.plain.add("a");
    expect(count(await stand.scrape(), "local")).toBe(11);
  });

  it("an app without sticky routing has no line of it, whatever its workers say", async () => {
    const stand = new Stand();
    stand.plain.add("a");
    const worker = stand.ready("a", 1, 0);
    for (const said of [null, 5, "x", [], { results: 7, sessions: -1 }, { results: { odd: 4 } }]) {
      stand.store.hearBeat("a", worker, { ...stats(), sticky: said });
      const lines = [...(await stand.scrape()).keys()];
      expect(lines.filter((line) => line.startsWith("holdfast_sticky_requests"))).toEqual([]);
    }
  });

  it("nothing a worker says of sticky routing breaks a scrape", async () => {
    const stand = new Stand();
    const worker = stand.ready("a", 1, 0);
    for (const said of [
      ...[7, "x", [], {}, { results: null, sessions: {} }, { results: "local", sessions: "3" }],
      { results: { local: -1, new: Number.NaN, moved: 1e300, __proto__: 4 }, sessions: Infinity },
    ]) {
      stand.store.hearBeat("a", worker, { ...stats(), sticky: said });
      const scrape = await stand.scrape();
      for (const result of STICKY_RESULTS)
        expect(scrape.get(`holdfast_sticky_requests_total{app="a",result="${result}"}`)).toBe(0);
      expect(scrape.get('holdfast_sticky_sessions{app="a",worker="0"}')).toBe(0);
    }
  });

  it("nothing a worker says breaks a scrape", async () => {
    const stand = new Stand();
    const worker = stand.ready("a", 1, 0);
    const vector = { sum: 1, buckets: [1, 2] };
    for (const said of [
      null,
      7,
      "beat",
      [],
      { active: Number.NaN, idle: -5, heapUsed: "1", connections: Infinity, cpuUser: 1e300 },
      {
        requests: { "0:2": vector, "9:9": vector, __proto__: vector },
        gc: { minor: 5, odd: vector },
      },
      { requests: { "0:2": { sum: -1, buckets: Array(12).fill(1) } }, gc: "x" },
    ]) {
      stand.store.hearBeat("a", worker, said);
      const scrape = await stand.scrape();
      expect(scrape.get(GET_OK)).toBe(0);
      expect([...scrape.values()].every((value) => value >= -1)).toBe(true);
    }
  });

  it("every value of every closed list is there from the start, and no other label", async () => {
    const stand = new Stand();
    stand.ready("a", 1, 0);
    const scrape = [...(await stand.scrape()).keys()];
    for (const [name, lists] of Object.entries(LABEL_VALUES)) {
      const lines = scrape.filter((line) => line.startsWith(name));
      for (const [label, values] of Object.entries(lists)) {
        // Of requests GET and POST from 2xx on: see docs/metrics.md.
        const common = { method: ["GET", "POST"], code: ["2xx", "3xx", "4xx", "5xx"] }[label];
        for (const value of common ?? values)
          expect(lines.some((line) => line.includes(`${label}="${value}"`))).toBe(true);
      }
    }
    expect(EXIT_REASONS.length).toBeGreaterThan(10);
    const own = Object.entries(FAMILIES) as [string, Family][];
    for (const line of scrape) {
      const [, name = "", labels = ""] = /^(\w+?)(?:\{(.*)\})?$/.exec(line) ?? [];
      const family = own.find(([known]) =>
        new RegExp(`^${known}(_bucket|_sum|_count)?$`).test(name),
      );
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label ?? "");
      expect(names.filter((label) => label !== "le")).toEqual([
        ...(family?.[1].labels ?? ["none"]),
      ]);
    }
  });
});

function sticky(results: Partial<Record<StickyResult, number>>, sessions: number) {
  const none = Object.fromEntries(STICKY_RESULTS.map((name) => [name, 0]));
  return { results: { ...none, ...results } as Record<StickyResult, number>, sessions };
}
