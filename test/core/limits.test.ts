/** Who is replaced next for being too large, too old or unwell. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALL_UNHEALTHY_EVERY_MS, choose, limitOf, type Weighed } from "../../src/core/limits.ts";

const MIB = 2 ** 20;
const health = { intervalMs: 10_000, timeoutMs: 5000, failures: 3 };
const NONE = { maxMemoryBytes: null, maxLifetimeMs: null, maxRequests: null, health };
const well: Weighed = {
  id: 1,
  settled: true,
  unwell: false,
  memoryBytes: 100 * MIB,
  ageMs: 0,
  handled: 0,
  servedMs: 1_000_000,
  fault: null,
  faultForMs: 0,
};
const down = { fault: "down", faultForMs: 15_000 };

const workers = (...some: Partial<Weighed>[]): Weighed[] =>
  some.map((each, index) => ({ ...well, id: index + 1, ...each }));

describe("limits", () => {
  it("spread by at most a tenth, the same for one worker every time, and not in lumps", () => {
    const ids = Array.from({ length: 100 }, (_, index) => 1_000_001 + index);
    const places = ids.map((id) => limitOf(1000, id)).sort((a, b) => a - b);
    expect(Math.min(...places)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...places)).toBeLessThan(1100);
    expect(limitOf(1000, 7)).toBe(limitOf(1000, 7));
    const steps = places.slice(1).map((place, index) => place - (places[index] ?? 0));
    // A hundred over an interval of 200: no gap much larger than 2, no two alike.
    expect(Math.max(...steps)).toBeLessThan(6);
    expect(Math.min(...steps)).toBeGreaterThan(0.1);
  });

  it.each([
    ["memory", { memoryBytes: 300 * MIB }, { maxMemoryBytes: 200 * MIB }, "memory_limit"],
    ["age", { ageMs: 9000 }, { maxLifetimeMs: 5000 }, "max_lifetime"],
    ["requests", { handled: 150 }, { maxRequests: 100 }, "max_requests"],
  ])(
    "%s beyond the limit: the one furthest beyond goes, and says why",
    (_what, more, limit, reason) => {
      const [value] = Object.values(more) as [number];
      const furthest = Object.fromEntries(Object.keys(more).map((key) => [key, value * 2]));
      const choice = choose(workers({}, more, furthest, more), { ...NONE, ...limit }, Infinity);
      expect(choice).toMatchObject({ id: 3, reason, isAll: false });
      expect(choice?.why).toMatch(/^it (uses 600 MiB|has lived for 18 s|has answered 300)/);
    },
  );

  it.each([
    ["nobody beyond", workers({ ageMs: 4000 })],
    ["another is being replaced", workers({ ageMs: 9000 }, { unwell: true })],
    ["it has not settled yet", workers({ ageMs: 9000, settled: false })],
  ])("%s: nobody goes", (_what, some) =>
    expect(choose(some, { ...NONE, maxLifetimeMs: 5000 }, Infinity)).toBeNull(),
  );

  it("an unhealthy worker goes before one that is too old, settled or not", () => {
    const some = workers({ ageMs: 9000 }, { ...down, fault: "/ok answered 500", settled: false });
    expect(choose(some, { ...NONE, maxLifetimeMs: 5000 }, 0)).toMatchObject({
      id: 2,
      reason: "unhealthy",
      why: "its health probe fails: /ok answered 500",
    });
  });

  it("all unhealthy: one a minute, for the fault is likely elsewhere", () => {
    const all = workers(down, { ...down, faultForMs: 16_000 });
    expect(choose(all, NONE, Infinity)).toMatchObject({ id: 2, isAll: true });
    expect(choose(all, NONE, ALL_UNHEALTHY_EVERY_MS - 1)).toBeNull();
    expect(choose(all, NONE, ALL_UNHEALTHY_EVERY_MS)).toMatchObject({ id: 2, isAll: true });
    expect(choose([...all, { ...well, id: 3 }], NONE, 0)).toMatchObject({ id: 2, isAll: false });
  });

  it("one that has just been started does not make the others look well", () => {
    const young = { ...well, id: 3, servedMs: 44_999 };
    expect(choose([...workers(down, down), young], NONE, 0)).toBeNull();
    expect(choose([...workers(down, down), { ...young, servedMs: 45_000 }], NONE, 0)).toMatchObject(
      {
        isAll: false,
      },
    );
  });

  it("the first to fail waits until the others have had the time to fail, too", () => {
    expect(choose(workers({ ...down, faultForMs: 14_999 }, {}), NONE, Infinity)).toBeNull();
    expect(choose(workers(down, {}), NONE, Infinity)).toMatchObject({ id: 1, isAll: false });
  });

  it("whatever the workers: never while one is being replaced, never one within its limits", () => {
    const anyone = fc.record({
      settled: fc.boolean(),
      unwell: fc.boolean(),
      memoryBytes: fc.option(fc.nat(400 * MIB)),
      ageMs: fc.nat(20_000),
      handled: fc.nat(300),
      servedMs: fc.nat(100_000),
      fault: fc.option(fc.constant("down")),
      faultForMs: fc.nat(30_000),
    });
    const limits = { maxMemoryBytes: 200 * MIB, maxLifetimeMs: 10_000, maxRequests: 150, health };
    fc.assert(
      fc.property(fc.array(anyone, { maxLength: 8 }), fc.nat(100_000), (some, sinceAllMs) => {
        const all = workers(...some);
        const choice = choose(all, limits, sinceAllMs);
        const chosen = all.find(({ id }) => id === choice?.id);
        if (!choice || !chosen) return;
        expect(all.some(({ unwell }) => unwell)).toBe(false);
        if (choice.reason === "unhealthy") expect(chosen.fault).not.toBeNull();
        else {
          expect(chosen.settled).toBe(true);
          const shares = [
            (chosen.memoryBytes ?? 0) / limits.maxMemoryBytes,
            chosen.ageMs / limits.maxLifetimeMs,
            chosen.handled / limits.maxRequests,
          ];
          expect(Math.max(...shares)).toBeGreaterThan(0.9);
        }
      }),
    );
  });
});
