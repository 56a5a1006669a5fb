/** A Map like any other, except that what has left it is left to the garbage collector at once. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PassingMap } from "../../src/core/passing-map.ts";
import { leftMb } from "../support/churn.ts";

describe("a map of what passes", () => {
  it("is a Map, whatever comes and goes, and after thousands have", () => {
    const what = fc.constantFrom("set", "delete", "clear", "many");
    const step = fc.tuple(what, fc.nat({ max: 9 }), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const expected = new Map<number, number>();
        const map = new PassingMap<number, number>();
        for (const [what, key, value] of steps) {
          if (what === "set") {
            expected.set(key, value);
            map.set(key, value);
          } else if (what === "delete") expect(map.delete(key)).toBe(expected.delete(key));
          else if (what === "many") pass(map, 700);
          else if (value % 8 === 0) {
            expected.clear();
            map.clear();
          }
          expect(map.size).toBe(expected.size);
          expect([...map]).toEqual([...expected]);
          expect([...map.values()]).toEqual([...expected.values()]);
          for (let each = 0; each < 10; each++) {
            expect(map.has(each)).toBe(expected.has(each));
            expect(map.get(each)).toBe(expected.get(each));
          }
        }
      }),
    );
  });

  it("is gone through as it was, without what goes meanwhile", () => {
    const map = new PassingMap<number, string>();
    for (const key of [1, 2, 3, 4]) map.set(key, `is ${key}`);
    const met: number[] = [];
    for (const [key] of map) {
      met.push(key);
      map.delete(key + 1);
      map.set(key + 10, "new");
      pass(map, 2000);
    }
    expect(met).toEqual([1, 3]);
  });

  it("leaves nothing behind that only a collection of everything would find, as a Map does", () => {
    expect(leftMb("map")).toBeGreaterThan(50);
    expect(leftMb("passing-map")).toBeLessThan(2);
  });
});

/** So many come and go. */
function pass(map: PassingMap<number, unknown>, count: number): void {
  for (let n = 0; n < count; n++) {
    map.set(-1 - n, n);
    map.delete(-1 - n);
  }
}
