import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Line, type Place } from "../../../src/core/bus/line.ts";

/** What is added is a number; a step says which of those that are there goes, or null: one more comes. */
const steps = fc.array(fc.option(fc.nat({ max: 20 }), { freq: 2 }), { maxLength: 100 });

describe("a line", () => {
  it("has at its head what came before all that are still there, whoever has gone", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const line = new Line<number>();
        const there: Place<number>[] = [];
        for (const [n, which] of history.entries()) {
          if (which === null) there.push(line.add(n));
          else for (const gone of there.splice(which % (there.length || 1), 1)) line.remove(gone);
          expect(line.first).toBe(there[0]?.value ?? null);
        }
        while (there.length > 0) {
          expect(line.first).toBe(there[0]?.value);
          line.remove(there.shift() as Place<number>);
        }
        expect(line.first).toBeNull();
      }),
    );
  });
});
