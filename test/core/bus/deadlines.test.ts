import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deadlines, type Due } from "../../../src/core/bus/deadlines.ts";

describe("Deadlines", () => {
  it("has the earliest first, whatever is added and removed", () => {
    const step = fc.oneof(
      fc.record({ add: fc.nat(20) }),
      fc.record({ remove: fc.nat(30) }),
      fc.constant({ first: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const deadlines = new Deadlines<Due>();
        const all: Due[] = [];
        let model: Due[] = [];
        const drop = (due: Due): void => {
          deadlines.remove(due);
          model = model.filter((other) => other !== due);
        };
        for (const given of steps) {
          if ("add" in given) {
            const due = { deadline: given.add, place: -1 };
            deadlines.add(due);
            all.push(due);
            model.push(due);
          } else if ("remove" in given) {
            const due = all[given.remove];
            if (due !== undefined) drop(due);
          } else {
            const due = deadlines.first();
            if (due !== undefined) drop(due);
          }
          expect(deadlines.size).toBe(model.length);
          const earliest = Math.min(...model.map((due) => due.deadline));
          expect(deadlines.first()?.deadline ?? Number.POSITIVE_INFINITY).toBe(earliest);
        }
        const left = model.map((due) => due.deadline).sort((one, other) => one - other);
        for (const deadline of left) {
          const due = deadlines.first() as Due;
          expect(due.deadline).toBe(deadline);
          deadlines.remove(due);
        }
        expect(deadlines.first()).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});
