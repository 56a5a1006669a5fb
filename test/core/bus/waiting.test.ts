import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { POLICIES, Waiting } from "../../../src/core/bus/waiting.ts";

type Step = { readonly push: number } | { readonly shift: true };

const steps = fc.array(
  fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: 120 }) }),
    fc.constant<Step>({ shift: true }),
  ),
  { maxLength: 200 },
);

describe("what waits for a subscriber", () => {
  it("leaves in the order it came, each thing once, or is said to be dropped or turned away", () => {
    fc.assert(
      fc.property(fc.constantFrom(...POLICIES), steps, (policy, history) => {
        const waiting = new Waiting<number>(policy, 100);
        let inside: { item: number; bytes: number }[] = [];
        for (const [item, step] of (history as Step[]).entries()) {
          if ("shift" in step) {
            expect(waiting.next).toBe(inside[0]?.item);
            expect(waiting.shift()).toBe(inside.shift()?.item);
          } else {
            const { isTaken, dropped } = waiting.push(item, step.push);
            expect(dropped).toEqual(inside.slice(0, dropped.length).map((each) => each.item));
            inside = inside.slice(dropped.length);
            if (isTaken) inside.push({ item, bytes: step.push });
          }
          const bytes = inside.reduce((sum, each) => sum + each.bytes, 0);
          expect([waiting.size, waiting.bytes]).toEqual([inside.length, bytes]);
          // One alone may be larger; with "wait" the publishers wait as well.
          if (policy !== "wait" && inside.length > 1) expect(bytes).toBeLessThanOrEqual(100);
        }
        expect(waiting.clear()).toEqual(inside.map(({ item }) => item));
        expect(waiting.size).toBe(0);
      }),
    );
  });

  it("drops the oldest, turns the newest away, or says that its publisher is to wait", () => {
    const full = (policy: (typeof POLICIES)[number]): Waiting<string> => {
      const waiting = new Waiting<string>(policy, 10);
      for (const item of ["a", "b"]) waiting.push(item, 5);
      expect(waiting.isOver(1)).toBe(true);
      return waiting;
    };
    expect(full("drop-oldest").push("c", 6)).toEqual({ isTaken: true, dropped: ["a", "b"] });
    expect(full("reject").push("c", 1)).toEqual({ isTaken: false, dropped: [] });
    expect(full("wait").push("c", 1)).toEqual({ isTaken: true, dropped: [] });
  });

  it("of publishers that wait is bounded, too, and grows by nothing that has none", () => {
    const waiting = new Waiting<string>("wait", 10);
    for (const item of ["a", "b", "c"]) waiting.push(item, 10);
    expect(waiting.push("d", 10, false)).toEqual({ isTaken: true, dropped: ["a"] });
    expect(waiting.push("large", 16 * 1024 * 1024, true).dropped).toEqual(["b", "c"]);
    const alone = new Waiting<string>("wait", 10);
    for (const item of ["a", "b"]) alone.push(item, 5);
    expect(alone.push("c", 6, false)).toEqual({ isTaken: true, dropped: ["a", "b"] });
  });

  it("takes one that is larger than all that may wait when nothing else does", () => {
    for (const policy of POLICIES) {
      const waiting = new Waiting<string>(policy, 10);
      expect(waiting.isOver(11)).toBe(false);
      expect(waiting.push("large", 11)).toEqual({ isTaken: true, dropped: [] });
      expect(waiting.isOver(1)).toBe(true);
    }
  });

  it("keeps its order over thousands that come and go", () => {
    const waiting = new Waiting<number>("wait", 10);
    for (let n = 0; n < 5000; n += 1) waiting.push(n, 1);
    for (let n = 0; n < 4000; n += 1) expect(waiting.shift()).toBe(n);
    expect([waiting.size, waiting.bytes, waiting.next]).toEqual([1000, 1000, 4000]);
  });
});
