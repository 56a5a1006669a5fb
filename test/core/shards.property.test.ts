import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assign, type Seats } from "../../src/core/shards.ts";

/** Worker sets as they come and go, and the shards they are seated at. */
const story = fc.tuple(
  fc.integer({ min: 2, max: 12 }),
  fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 14 }), { maxLength: 12 }), {
    minLength: 1,
    maxLength: 8,
  }),
);

const loads = (seats: Seats, workers: readonly number[]): number[] =>
  workers.map((worker) => seats.filter((seated) => seated.includes(worker)).length);

describe("assign", () => {
  it("gives every shard two acceptors of two or more workers, one of one, and none twice", () => {
    fc.assert(
      fc.property(story, ([shards, sets]) => {
        let seats: Seats = [];
        for (const workers of sets) {
          seats = assign(shards, workers, seats);
          expect(seats).toHaveLength(shards);
          for (const seated of seats) {
            expect(seated).toHaveLength(Math.min(2, workers.length));
            expect(new Set(seated).size).toBe(seated.length);
            for (const worker of seated) expect(workers).toContain(worker);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is balanced: no worker has more than one shard more than another", () => {
    fc.assert(
      fc.property(story, ([shards, sets]) => {
        let seats: Seats = [];
        for (const workers of sets) {
          seats = assign(shards, workers, seats);
          if (workers.length === 0) continue;
          const counts = loads(seats, workers);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("changes nothing when nothing changed, and a newcomer moves no more seats than it takes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 14 }), { minLength: 2, maxLength: 10 }),
        (shards, workers) => {
          const before = assign(shards, workers, []);
          expect(assign(shards, workers, before)).toEqual(before);
          const after = assign(shards, [...workers, 99], before);
          const left = before.flatMap((seated, shard) =>
            seated.filter((worker) => !after[shard]?.includes(worker)),
          );
          const taken = loads(after, [99])[0] ?? 0;
          expect(left.length).toBeLessThanOrEqual(taken);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("spreads the sharing: of up to eight workers no two share two shards", () => {
    for (const size of [3, 4, 5, 6, 7, 8]) {
      let seats: Seats = [];
      for (let count = 1; count <= size; count++) {
        seats = assign(
          size,
          Array.from({ length: count }, (_, index) => index + 1),
          seats,
        );
      }
      const pairs = seats.map((seated) => [...seated].sort((a, b) => a - b).join("+"));
      expect(new Set(pairs).size).toBe(size);
    }
  });

  it("seats all workers at a single shard", () => {
    expect(assign(1, [3, 1, 2], [[9]])).toEqual([[3, 1, 2]]);
  });
});
