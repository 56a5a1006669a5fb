import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hash, slotOf } from "../../src/core/rendezvous.ts";

const slots = fc.uniqueArray(fc.nat(4096), { minLength: 1, maxLength: 16 });
const manyKeys = fc
  .tuple(fc.string({ unit: "binary", maxLength: 12 }), fc.constantFrom("", "-", ":"))
  .map(([salt, dash]) => Array.from({ length: 3000 }, (_, index) => `${salt}${dash}${index}`));

describe("the slot of a key", () => {
  it("does not depend on the order of slots, and is one of them", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), slots, fc.nat(16), (key, given, turn) => {
        const found = slotOf(key, given);
        expect(given).toContain(found);
        const at = turn % given.length;
        expect(slotOf(key, [...given.slice(at), ...given.slice(0, at)].reverse())).toBe(found);
      }),
    );
    expect(slotOf("key", [])).toBe(-1);
  });

  it("changes only with the slot itself when one goes", () => {
    fc.assert(
      fc.property(manyKeys, slots, fc.nat(), (keys, given, which) => {
        const gone = given[which % given.length] as number;
        const left = given.filter((slot) => slot !== gone);
        for (const key of keys) {
          const was = slotOf(key, given);
          if (was !== gone) expect(slotOf(key, left) === was).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("changes for a new slot's share when one comes, and to nothing else", () => {
    fc.assert(
      fc.property(manyKeys, slots, fc.nat(5000), (keys, given, next) => {
        fc.pre(!given.includes(next));
        const more = [...given, next];
        const moved = keys.filter((key) => slotOf(key, more) !== slotOf(key, given));
        expect(moved.every((key) => slotOf(key, more) === next)).toBe(true);
        expect(moved.length / keys.length).toBeLessThan(1 / more.length + 0.05);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ["numbers", (index: number) => String(index)],
    ["names", (index: number) => `user-${index}@example.com`],
    ["IPv4 of one network", (index: number) => `10.0.${index >> 8}.${index & 255}`],
    ["IPv6 networks", (index: number) => `20010db8:${index.toString(16)}`],
    [
      "one character more each",
      (index: number) => "a".repeat(index % 500) + (index / 500).toFixed(0),
    ],
    ["beyond Latin", (index: number) => String.fromCodePoint(0x4e00 + index)],
  ])("is as often one as another, within a tenth, of 10,000 keys on 8 slots: %s", (_, keyOf) => {
    const keys = new Set(Array.from({ length: 10_000 }, (_, index) => keyOf(index)));
    const counts = Array.from({ length: 8 }, () => 0);
    for (const key of keys) {
      const slot = slotOf(key, [0, 1, 2, 3, 4, 5, 6, 7]);
      counts[slot] = (counts[slot] ?? 0) + 1;
    }
    const mean = keys.size / 8;
    expect(Math.max(...counts)).toBeLessThan(mean * 1.1);
    expect(Math.min(...counts)).toBeGreaterThan(mean * 0.9);
  });

  it("is the same in every version: workers of two may serve side by side", () => {
    expect([hash(""), hash("a"), hash("192.0.2.1")]).toEqual([
      2_872_998_923, 444_641_715, 1_941_296_713,
    ]);
    expect([..."abcdefgh"].map((key) => slotOf(key, [0, 1, 2, 3]))).toEqual([
      3, 0, 1, 1, 3, 3, 2, 2,
    ]);
  });
});
