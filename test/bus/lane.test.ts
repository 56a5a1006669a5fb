/** Lanes and numbers, whatever the order of things. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lane } from "../../src/bus/lane.ts";
import { Numbers } from "../../src/bus/pending.ts";

/** The promises' queue is empty after it: nothing else is waited for here. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Lane", () => {
  it("begins in order, never works on more than the limit, and is idle when all has ended", async () => {
    const steps = fc.array(fc.oneof(fc.constant("now"), fc.constant("later"), fc.nat(9)), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (limit, history) => {
        const began: number[] = [];
        const open: (() => void)[] = [];
        let given = 0;
        const lane = new Lane<{ id: number; isSync: boolean }>(limit, ({ id, isSync }) => {
          began.push(id);
          return isSync ? undefined : new Promise<void>((end) => open.push(end));
        });
        for (const step of history) {
          if (typeof step === "number") open.splice(step % (open.length || 1), 1)[0]?.();
          else lane.give({ id: given++, isSync: step === "now" });
          await settled();
          expect(open.length).toBeLessThanOrEqual(limit);
          expect(began.length === given || open.length === limit).toBe(true);
        }
        const idle = lane.whenIdle();
        while (open.length > 0) {
          open.shift()?.();
          await settled();
        }
        await idle;
        expect(began).toEqual(Array.from({ length: given }, (_, id) => id));
      }),
      { numRuns: 100 },
    );
  });

  it("tells when what is at work now has ended, whatever comes after it", async () => {
    const ends: (() => void)[] = [];
    const lane = new Lane<number>(2, () => new Promise<void>((end) => ends.push(end)));
    lane.give(1);
    const ended = lane.whenPresentEnded();
    lane.give(2);
    ends[0]?.();
    await ended;
    expect(lane.isIdle).toBe(false);
  });
});

describe("Numbers", () => {
  it("come round again, pass over those in use, and are never 0 or the mark of fetched values", () => {
    const numbers = new Numbers(0xffff_fffd);
    const taken = new Set([1, 2]);
    const next = (): number => numbers.next((number) => taken.has(number));
    expect([next(), next(), next()]).toEqual([0xffff_fffe, 3, 4]);
  });
});
