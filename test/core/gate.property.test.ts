import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  areShortLived,
  fairShare,
  leastLoaded,
  meanLife,
  passesOn,
  UNKNOWN_LIFE_MS,
} from "../../src/core/gate.ts";

describe("the gate", () => {
  it("spreads long-lived connections within 10 % of even, however unfair the kernel is", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 16 }),
        fc.array(fc.nat(1_000_000), { minLength: 64, maxLength: 600 }),
        (workers, picks) => {
          const open = Array.from({ length: workers }, () => 0);
          for (const pick of picks) {
            // The kernel's choice, with a strong favour for the first workers.
            const at = Math.floor((pick / 1_000_001) ** 3 * workers);
            const own = (open[at] ?? 0) + 1;
            const others = open.filter((_, index) => index !== at);
            const loads = Object.fromEntries(open.map((load, index) => [String(index), load]));
            const target = passesOn(own, others)
              ? Number(leastLoaded(loads, new Set([String(at)])))
              : at;
            open[target] = (open[target] ?? 0) + 1;
          }
          const mean = picks.length / workers;
          expect(Math.max(...open)).toBeLessThanOrEqual(Math.ceil(Math.max(mean * 1.1, mean + 2)));
          expect(fairShare(picks.length, workers)).toBeGreaterThanOrEqual(Math.max(...open));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("never passes on to nobody, nor the only connection, nor to a worker that has as many", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(fc.nat(1000), { maxLength: 8 }), (own, others) => {
        if (others.length === 0 || own < 2) expect(passesOn(own, others)).toBe(false);
        if (others.every((other) => other >= own)) expect(passesOn(own, others)).toBe(false);
      }),
    );
  });

  it("knows short-lived connections by those that closed a moment ago", () => {
    const few = [1, 2, 3, 2, 1].reduce(meanLife, UNKNOWN_LIFE_MS);
    expect(areShortLived(few, 1)).toBe(false);
    const short = Array.from({ length: 40 }, () => 2).reduce(meanLife, UNKNOWN_LIFE_MS);
    expect(areShortLived(short, 100)).toBe(true);
    expect(areShortLived(short, 400)).toBe(false);
    expect(areShortLived(meanLife(UNKNOWN_LIFE_MS, 60_000), 1)).toBe(false);
    expect(areShortLived(UNKNOWN_LIFE_MS, Number.POSITIVE_INFINITY)).toBe(false);
  });

  it("finds the least loaded worker among those not excepted", () => {
    expect(leastLoaded({ 1: 5, 2: 3, 3: 4 }, new Set())).toBe("2");
    expect(leastLoaded({ 1: 5, 2: 3, 3: 4 }, new Set(["2"]))).toBe("3");
    expect(leastLoaded({ 1: 5 }, new Set(["1"]))).toBeNull();
  });
});
