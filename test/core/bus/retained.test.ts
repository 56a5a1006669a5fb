import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Retained } from "../../../src/core/bus/retained.ts";
import { matches } from "../../../src/core/bus/subjects.ts";

describe("Retained", () => {
  it("keeps the last value of each subject and finds it by pattern", () => {
    const retained = new Retained<string>();
    expect(retained.set("config.flags", "one", 3)).toBe(true);
    expect(retained.set("config.limits", "two", 3)).toBe(true);
    expect(retained.set("config.flags", "three", 5)).toBe(true);
    expect(retained.get("config.flags")).toBe("three");
    expect(retained.match("config.*")).toEqual([
      { subject: "config.flags", value: "three" },
      { subject: "config.limits", value: "two" },
    ]);
    expect(retained.match("config.limits")).toEqual([{ subject: "config.limits", value: "two" }]);
    expect(retained.match("other")).toEqual([]);
    expect(retained.match("not..fit")).toEqual([]);
    expect(retained.bytes).toBe(8);
    expect(retained.delete("config.flags")).toBe(true);
    expect(retained.delete("config.flags")).toBe(false);
    expect(retained.get("config.flags")).toBeUndefined();
    expect([retained.size, retained.bytes]).toEqual([1, 3]);
  });

  it("stays within its number and its bytes; what does not fit leaves the last value", () => {
    const retained = new Retained<string>({ values: 2, bytes: 10 });
    expect(retained.set("a", "first", 6)).toBe(true);
    expect(retained.set("b", "second", 5)).toBe(false);
    expect(retained.set("b", "second", 4)).toBe(true);
    expect(retained.set("c", "third", 0)).toBe(false);
    expect(retained.set("a", "larger", 7)).toBe(false);
    expect(retained.get("a")).toBe("first");
    expect(retained.set("a", "smaller", 1)).toBe(true);
    expect(retained.bytes).toBe(5);
  });

  it("is as a map with bounds, whatever is set and deleted", () => {
    const step = fc.record({
      subject: fc.constantFrom("a", "b", "a.b", "a.c"),
      bytes: fc.option(fc.nat(6)),
      pattern: fc.constantFrom("a", "*", "a.*", ">"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const retained = new Retained<number>({ values: 3, bytes: 12 });
        const model = new Map<string, { value: number; bytes: number }>();
        const total = () => [...model.values()].reduce((sum, kept) => sum + kept.bytes, 0);
        for (const [value, { subject, bytes, pattern }] of steps.entries()) {
          if (bytes === null) {
            expect(retained.delete(subject)).toBe(model.delete(subject));
          } else {
            const last = model.get(subject);
            const isRoom =
              total() - (last?.bytes ?? 0) + bytes <= 12 && (last !== undefined || model.size < 3);
            expect(retained.set(subject, value, bytes)).toBe(isRoom);
            if (isRoom) model.set(subject, { value, bytes });
          }
          const fitting = [...model].filter(([kept]) => matches(pattern, kept));
          expect(retained.match(pattern)).toEqual(
            fitting.map(([kept, entry]) => ({ subject: kept, value: entry.value })),
          );
          expect([retained.size, retained.bytes]).toEqual([model.size, total()]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
