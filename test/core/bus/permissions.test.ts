/** Permissions of the bus allow what lies within them, and nothing else. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWithin, may, mayAll, type Permissions } from "../../../src/core/bus/permissions.ts";
import { matches } from "../../../src/core/bus/subjects.ts";

const NOTHING: Permissions = {
  ...{ publish: [], subscribe: [], request: [], reply: [], queues: [], locks: [] },
};

describe("a pattern within another one", () => {
  it.each([
    ["a.b", "a.b", true],
    ["a.b", "a.*", true],
    ["a.b", ">", true],
    ["a.*", "a.*", true],
    ["a.*", "a.>", true],
    ["a.*.c", "a.>", true],
    ["a.>", "a.>", true],
    ["*.>", ">", true],
    ["a.>", "a.*", false],
    [">", "*", false],
    [">", "*.>", false],
    ["a.*", "a.b", false],
    ["*.b", "a.*", false],
    ["a", "a.>", false],
    ["a.b", "a", false],
    ["a", "a.b", false],
  ])("%s in %s: %s", (pattern, other, expected) => expect(isWithin(pattern, other)).toBe(expected));

  /** All subjects of up to five words over an alphabet with one word more than the patterns have. */
  const subjects = ["a", "b", "z"].reduce<string[]>((known) => {
    const longer = ["a", "b", "z"].flatMap((word) =>
      ["", ...known].map((rest) => (rest ? `${word}.${rest}` : word)),
    );
    return [...new Set([...known, ...longer])];
  }, []);
  const all = [
    ...new Set(subjects.flatMap((one) => [one, ...subjects.map((two) => `${one}.${two}`)])),
  ].filter((subject) => subject.split(".").length <= 5);
  const pattern = fc
    .tuple(fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 3 }), fc.boolean())
    .map(([words, isOpen]) => [...words, ...(isOpen || words.length === 0 ? [">"] : [])].join("."));

  it("is so exactly where all its subjects are subjects of the other", () =>
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        const isContained = all.every((each) => !matches(one, each) || matches(other, each));
        expect(isWithin(one, other)).toBe(isContained);
      }),
      { numRuns: 2000 },
    ));
});

describe("what is allowed", () => {
  it("is nothing unless it is said", () => {
    for (const action of ["publish", "subscribe", "request", "reply", "queues", "locks"] as const) {
      expect(may(NOTHING, action, "a")).toBe(false);
      expect(mayAll(NOTHING, action, ">")).toBe(false);
    }
  });

  it("is of one action alone", () => {
    const permissions = { ...NOTHING, publish: ["orders.*", "logs.>"] };
    expect(may(permissions, "publish", "orders.new")).toBe(true);
    expect(may(permissions, "publish", "logs.a.b")).toBe(true);
    expect(may(permissions, "publish", "orders.eu.new")).toBe(false);
    expect(may(permissions, "request", "orders.new")).toBe(false);
    expect(mayAll(permissions, "publish", "orders.>")).toBe(false);
  });

  it("lies within one of the patterns: several together are not tried", () => {
    const permissions = { ...NOTHING, subscribe: ["a", "a.>"] };
    expect(mayAll(permissions, "subscribe", "a.*")).toBe(true);
    expect(mayAll(permissions, "subscribe", ">")).toBe(false);
  });
});
