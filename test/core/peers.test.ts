import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type App, newApp } from "../../src/core/app.ts";
import { type PeerAddress, peersOf } from "../../src/core/peers.ts";
import { newWorker, type Phase, type Worker } from "../../src/core/worker.ts";

const worker = (id: number, more: Partial<Worker>): Worker => ({
  ...newWorker({ id, slot: id % 4, generation: 1 }, 0, 1000),
  settled: true,
  ...more,
});
const appOf = (workers: readonly Worker[], more: Partial<App> = {}): App => ({
  ...newApp(4),
  status: "running",
  workers,
  ...more,
});
const addressesOf = (workers: readonly Worker[]): Map<number, PeerAddress> =>
  new Map(workers.map(({ id }) => [id, { tag: `tag${id}`, path: `/run/tag${id}` }]));
const statesOf = (app: App): string[] =>
  peersOf(app, addressesOf(app.workers)).map(({ worker: id, state }) => `${id} ${state}`);

describe("the peers of an app", () => {
  it("are its starting, ready and draining workers, whatever they leave for", () => {
    const app = appOf([
      worker(1, { phase: "ready" }),
      worker(2, { phase: "starting" }),
      worker(3, { phase: "draining", leaving: "reload" }),
      worker(4, { phase: "draining", leaving: "disconnected" }),
      worker(5, { phase: "killing", killed: "drain_timeout" }),
      worker(6, { phase: "exited" }),
    ]);
    expect(statesOf(app)).toEqual(["1 ready", "2 starting", "3 draining", "4 draining"]);
    expect(peersOf(app, addressesOf(app.workers))[0]).toEqual({
      ...{ tag: "tag1", worker: 1, slot: 1, state: "ready", path: "/run/tag1" },
    });
  });

  it("are those that have an address", () => {
    const workers = [worker(1, { phase: "ready" }), worker(2, { phase: "ready" })];
    const addresses = new Map([[2, { tag: "tag2", path: "/run/tag2" }]]);
    expect(peersOf(appOf(workers), addresses).map(({ tag }) => tag)).toEqual(["tag2"]);
  });

  it("get no new session before a reload's newcomer has proven itself", () => {
    const old = worker(1, { phase: "ready" });
    const unproven = worker(5, { phase: "ready", generation: 2, settled: false });
    const during = { target: 2, stable: 1 };
    expect(statesOf(appOf([old, unproven], during))).toEqual(["1 ready", "5 starting"]);
    const proven = { ...unproven, settled: true };
    expect(statesOf(appOf([old, proven], during))).toEqual(["1 ready", "5 ready"]);
    expect(statesOf(appOf([unproven], during))).toEqual(["5 ready"]);
  });

  it("get no new session while their event loop stands still, unless all do", () => {
    const hung = worker(1, { phase: "ready", hung: true, unwell: "unresponsive" });
    expect(statesOf(appOf([hung, worker(2, { phase: "ready" })]))).toEqual([
      "1 draining",
      "2 ready",
    ]);
    expect(statesOf(appOf([hung]))).toEqual(["1 ready"]);
  });

  it("keep their sessions close to the limit of open files", () => {
    const full = worker(1, { phase: "ready", accepting: false });
    expect(statesOf(appOf([full, worker(2, { phase: "ready" })]))).toEqual(["1 ready", "2 ready"]);
  });

  it("have one that takes new sessions wherever one is ready", () => {
    const phase = fc.constantFrom<Phase>("starting", "ready", "draining", "killing", "exited");
    const some = fc.array(fc.tuple(phase, fc.boolean(), fc.boolean(), fc.boolean(), fc.nat(1)));
    fc.assert(
      fc.property(some, (drawn) => {
        const workers = drawn.map(([is, settled, hung, accepting, newer], index) =>
          worker(index + 1, { phase: is, settled, hung, accepting, generation: 1 + newer }),
        );
        const states = statesOf(appOf(workers, { target: 2, stable: 1 }));
        const isServed = workers.some((each) => each.phase === "ready");
        expect(states.some((state) => state.endsWith(" ready"))).toBe(isServed);
        const living = workers.filter((each) => !["killing", "exited"].includes(each.phase));
        expect(states).toHaveLength(living.length);
      }),
    );
  });
});
