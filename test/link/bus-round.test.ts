import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Round } from "../../src/link/bus-round.ts";

describe("the round of addresses", () => {
  it("waits after each failure of the only one, as it always did", () => {
    const round = new Round(1, 0.9);
    expect([round.failed(false), round.failed(false), round.failed(false)]).toEqual([1, 2, 3]);
    expect(round.failed(true)).toBe(1);
    round.refused();
    expect(round.current).toBe(null);
  });

  it("begins with any of them", () => {
    const firsts = [0, 0.34, 0.67, 0.999].map((random) => new Round(3, random).current);
    expect(firsts).toEqual([0, 1, 2, 2]);
  });

  it("tries each once before it waits, and none that has refused", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), random, (size, first) => {
        const round = new Round(size, first);
        for (let rounds = 1; rounds <= 3; rounds += 1) {
          const tried = new Set<number | null>();
          for (let at = 0; at < size; at += 1) {
            tried.add(round.current);
            expect(round.failed(false)).toBe(at === size - 1 ? rounds : 0);
          }
          expect(tried.size).toBe(size);
        }
      }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        random,
        fc.array(fc.constantFrom("fail", "refuse", "sound"), { maxLength: 40 }),
        (size, first, steps) => {
          const round = new Round(size, first);
          const refused = new Set<number>();
          let atOnce = 0;
          for (const step of steps) {
            const { current } = round;
            if (current === null) break;
            expect(refused.has(current)).toBe(false);
            if (step === "refuse") {
              refused.add(current);
              expect(round.has(current)).toBe(true);
              round.refused();
              expect(round.has(current)).toBe(false);
              atOnce = 0;
            } else {
              const rounds = round.failed(step === "sound");
              expect(Number.isInteger(rounds)).toBe(true);
              atOnce = rounds > 0 || step === "sound" ? 0 : atOnce + 1;
              // Never on and on without a wait.
              expect(atOnce).toBeLessThan(size);
            }
          }
          expect(round.current === null).toBe(refused.size === size);
        },
      ),
    );
  });

  it("leaves out what rests until its time has come, and forgets none of them", () => {
    const round = new Round(2, 0);
    round.rest(100);
    expect([round.current, round.restsUntil]).toEqual([1, 100]);
    round.wake(99);
    expect([round.failed(false), round.current]).toEqual([1, 1]);
    round.rest(50);
    expect([round.current, round.restsUntil]).toEqual([null, 50]);
    round.wake(50);
    expect([round.current, round.restsUntil]).toEqual([1, 100]);
    round.wake(100);
    round.failed(false);
    expect([round.current, round.restsUntil]).toEqual([0, null]);
    round.refused();
    expect([round.current, round.restsUntil]).toEqual([1, null]);
  });
});
