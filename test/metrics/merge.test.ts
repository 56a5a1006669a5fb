import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LARGEST_COUNT, Tally } from "../../src/metrics/merge.ts";

/** One worker counts, says what it has, is gone; another takes its place at any time. */
type Move =
  | { readonly type: "count"; readonly worker: number; readonly more: number }
  | { readonly type: "beat"; readonly worker: number }
  | { readonly type: "repeat"; readonly worker: number }
  | { readonly type: "die"; readonly worker: number; readonly flushes: boolean }
  | { readonly type: "lie"; readonly worker: number; readonly value: unknown };

const worker = fc.nat(7);
const lies = fc.oneof(
  fc.constantFrom<unknown>(
    Number.NaN,
    -1,
    -Infinity,
    Infinity,
    1e300,
    null,
    undefined,
    "7",
    {},
    [],
  ),
  fc.double({ max: -0.0001 }),
  fc.string(),
);
const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("count" as const), worker, more: fc.nat(1000) }),
    fc.record({ type: fc.constant("beat" as const), worker }),
    fc.record({ type: fc.constant("repeat" as const), worker }),
    fc.record({ type: fc.constant("die" as const), worker, flushes: fc.boolean() }),
    fc.record({ type: fc.constant("lie" as const), worker, value: lies }),
  ),
  { maxLength: 200 },
);

/** Eight places whose processes come and go, each with an id of its own. */
class Model {
  readonly tally = new Tally();
  readonly #living = new Map<number, { id: number; has: number; said: number }>();
  #ids = 0;
  #ofTheDead = 0;

  play(move: Move): void {
    const one = this.#living.get(move.worker) ?? { id: this.#ids++, has: 0, said: 0 };
    this.#living.set(move.worker, one);
    if (move.type === "count") one.has += move.more;
    if (move.type === "beat") this.#beat(one);
    if (move.type === "repeat") this.tally.hear(one.id, 0, one.said);
    if (move.type === "lie") this.tally.hear(one.id, 0, move.value);
    if (move.type !== "die") return;
    if (move.flushes) this.#beat(one);
    this.tally.forget(one.id);
    this.#ofTheDead += one.said;
    this.#living.delete(move.worker);
  }

  #beat(one: { id: number; has: number; said: number }): void {
    one.said = one.has;
    this.tally.hear(one.id, 0, one.has);
  }

  get said(): number {
    return [...this.#living.values()].reduce((sum, { said }) => sum + said, this.#ofTheDead);
  }

  get living(): number {
    return this.#living.size;
  }
}

describe("counts of many workers", () => {
  it("never go backwards and are the sum of what the workers said last, whatever happens", () => {
    fc.assert(
      fc.property(moves, (all) => {
        const model = new Model();
        let before = 0;
        for (const move of all) {
          model.play(move);
          const now = model.tally.at(0);
          expect(now).toBeGreaterThanOrEqual(before);
          expect(now).toBe(model.said);
          expect(model.tally.heard).toBeLessThanOrEqual(model.living);
          before = now;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("believe no worker that counts backwards, and go on from the most it said", () => {
    const tally = new Tally();
    for (const value of [5, 3, 4, 6]) tally.hear(1, 0, value);
    expect(tally.at(0)).toBe(6);
  });

  it("take what is exact and no more", () => {
    const tally = new Tally();
    tally.hear(1, 0, LARGEST_COUNT);
    tally.hear(2, 0, LARGEST_COUNT * 2);
    expect(tally.at(0)).toBe(LARGEST_COUNT);
  });
});
