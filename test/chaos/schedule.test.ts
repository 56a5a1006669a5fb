import { describe, expect, it } from "vitest";
import { Random } from "./random.ts";
import { CALM_SIZE, KINDS, type Step, schedule, titleOf } from "./schedule.ts";

function first(count: number, seed: number): Step[] {
  const steps = schedule(seed);
  return Array.from({ length: count }, () => steps.next().value);
}

describe("chance", () => {
  it("is the same for the same seed, and another for another", () => {
    const numbers = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 4 }, () => random.whole(0, 999));
    };
    expect(numbers(7)).toEqual([893, 980, 186, 383]);
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(8)).not.toEqual(numbers(7));
  });

  it("is even, and keeps to its bounds and weights", () => {
    const random = new Random(1);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let n = 0; n < 6000; n += 1) {
      const drawn = random.whole(0, 5);
      counts[drawn] = (counts[drawn] ?? Number.NaN) + 1;
    }
    expect(counts).toHaveLength(6);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    const weights = { often: 3, seldom: 1, never: 5 };
    let often = 0;
    for (let n = 0; n < 4000; n += 1) {
      const picked = random.pick(weights, ["often", "seldom"]);
      expect(picked).not.toBe("never");
      if (picked === "often") often += 1;
    }
    expect(Math.abs(often - 3000)).toBeLessThan(150);
  });
});

describe("the schedule", () => {
  it("is a pure function of the seed", () => {
    expect(first(500, 7)).toEqual(first(500, 7));
    expect(first(50, 8)).not.toEqual(first(50, 7));
    // However it is asked for: two at once do not disturb one another.
    const [one, two] = [schedule(7), schedule(7)];
    for (let n = 0; n < 50; n += 1) expect(one.next().value).toEqual(two.next().value);
  });

  it("does everything that can be done, within bounds", () => {
    const steps = first(5000, 3);
    expect(new Set(steps.map(({ action }) => action.kind))).toEqual(new Set([...KINDS, "look"]));
    expect(steps.map(({ n }) => n)).toEqual(steps.map((_, index) => index));
    let size = CALM_SIZE;
    for (const { action, pauseMs } of steps) {
      expect(pauseMs).toBeGreaterThanOrEqual(0);
      expect(pauseMs).toBeLessThanOrEqual(3000);
      if (action.kind === "look") size = CALM_SIZE;
      if (action.kind === "scale") {
        expect(action.to).not.toBe(size);
        expect(action.to).toBeGreaterThanOrEqual(1);
        expect(action.to).toBeLessThanOrEqual(6);
        size = action.to;
      }
      if (action.kind === "stop-supervisor") {
        expect(action.forMs).toBeGreaterThanOrEqual(100);
        expect(action.forMs).toBeLessThanOrEqual(3000);
      }
      // A slot that is there.
      if ("slot" in action) {
        expect(action.slot).toBeGreaterThanOrEqual(0);
        expect(action.slot).toBeLessThan(size);
      }
    }
  });

  it("has rounds of different kinds, each ended by a look", () => {
    const steps = first(2000, 5);
    const rounds = new Map<number, Step[]>();
    for (const step of steps) rounds.set(step.round, [...(rounds.get(step.round) ?? []), step]);
    rounds.delete(steps.at(-1)?.round ?? -1);
    const mixes = new Set<string>();
    for (const round of rounds.values()) {
      const looks = round.filter(({ action }) => action.kind === "look");
      expect(looks).toEqual([round.at(-1)]);
      expect(round.length).toBeGreaterThan(8);
      mixes.add([...new Set(round.map(({ action }) => action.kind))].sort().join());
    }
    expect(mixes.size).toBeGreaterThan(rounds.size / 2);
  });

  it("says each action in a line", () => {
    expect(titleOf({ kind: "reload" })).toBe("reload");
    expect(titleOf({ kind: "scale", to: 5 })).toBe("scale to 5");
    expect(titleOf({ kind: "kill-worker", slot: 2 })).toBe("kill-worker 2");
    expect(titleOf({ kind: "stop-supervisor", forMs: 300 })).toBe("stop-supervisor for 300 ms");
  });
});
