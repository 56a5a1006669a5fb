import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RETRY_BACKOFF, retryDelayMs } from "../../../src/core/queue/backoff.ts";
import { fateOf } from "../../../src/core/queue/fate.ts";

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempt = fc.integer({ min: 1, max: 1000 });
const reason = fc.constantFrom("failed" as const, "timeout" as const, "lost" as const);

describe("the wait before a retry", () => {
  it("is never longer than its bound, which doubles up to five minutes", () => {
    fc.assert(
      fc.property(attempt, chance, (number, random) => {
        const delayMs = retryDelayMs(number, random, RETRY_BACKOFF);
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(Math.min(300_000, 1000 * 2 ** (number - 1)));
      }),
    );
    const longest = [1, 2, 3, 9, 10].map((number) =>
      retryDelayMs(number, 0.9999999, RETRY_BACKOFF),
    );
    expect(longest).toEqual([1000, 2000, 4000, 256_000, 300_000]);
  });

  it("is anything between nothing and the bound", () => {
    expect([0, 0.25, 0.5].map((random) => retryDelayMs(3, random, RETRY_BACKOFF))).toEqual([
      0, 1000, 2000,
    ]);
  });
});

describe("a lease that failed", () => {
  const backoff = RETRY_BACKOFF;

  it("is the last exactly when all attempts are used up", () => {
    fc.assert(
      fc.property(attempt, attempt, reason, chance, (number, attempts, why, random) => {
        const lease = {
          attempt: number,
          attempts,
          reason: why,
          retryAfterMs: null,
          backoff,
          random,
        };
        expect(fateOf(lease).how).toBe(number >= attempts ? "dead" : "retry");
      }),
    );
  });

  it("waits as long as the handler said, whatever the backoff says", () => {
    fc.assert(
      fc.property(attempt, fc.nat(), chance, (number, retryAfterMs, random) => {
        const lease = { attempt: number, attempts: 2000, reason: "failed" as const, retryAfterMs };
        expect(fateOf({ ...lease, backoff, random })).toEqual({
          how: "retry",
          delayMs: retryAfterMs,
        });
      }),
    );
  });

  it("goes to another at once when its first worker died, and waits from the second on", () => {
    const lost = { attempts: 5, reason: "lost" as const, retryAfterMs: null, backoff, random: 0.5 };
    expect(fateOf({ ...lost, attempt: 1 })).toEqual({ how: "retry", delayMs: 0 });
    expect(fateOf({ ...lost, attempt: 2 })).toEqual({ how: "retry", delayMs: 1000 });
    const failed = { ...lost, reason: "failed" as const, attempt: 1 };
    expect(fateOf(failed)).toEqual({ how: "retry", delayMs: 500 });
  });
});
