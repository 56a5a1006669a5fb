import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlotNumbers } from "../../src/supervisor/slot-numbers.ts";

describe("numbers of slots", () => {
  it("stay while the app is there, and are never given twice, whatever is added, scaled and removed", () => {
    const fleet = fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__"), fc.nat(4));
    fc.assert(
      fc.property(fc.array(fleet, { maxLength: 12 }), (history) => {
        const numbers = new SlotNumbers();
        /** Who has had a number, and in which stay of its app. */
        const owners = new Map<number, string>();
        const stays = new Map<string, number>();
        let known: readonly string[] = [];
        for (const [step, apps] of history.entries()) {
          const names = Object.keys(apps);
          numbers.keepOnly(names);
          for (const name of names) {
            if (!known.includes(name)) stays.set(name, step);
            for (let slot = 0; slot < (apps[name] ?? 0); slot += 1) {
              const owner = `${name} ${slot} since ${stays.get(name)}`;
              const number = numbers.of(name, slot);
              expect(owners.get(number) ?? owner).toBe(owner);
              for (const [other, whose] of owners) if (whose === owner) expect(number).toBe(other);
              owners.set(number, owner);
            }
          }
          known = names;
        }
      }),
    );
  });
  it("are counted from 0 in the order in which slots appear", () => {
    const numbers = new SlotNumbers();
    expect([numbers.of("api", 1), numbers.of("api", 0), numbers.of("web", 0)]).toEqual([1, 0, 2]);
  });
});
