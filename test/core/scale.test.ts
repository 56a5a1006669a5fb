/** What single decisions of the autoscaler are, example by example. */
import { describe, expect, it } from "vitest";
import {
  affordableSize,
  decide,
  LONGEST_GAP_MS,
  type ScalePolicy,
  type ScaleSample,
  type ScaleState,
  STEPS_DOWN_PER_WINDOW,
} from "../../src/core/scale.ts";

const POLICY: ScalePolicy = {
  min: 1,
  max: 16,
  target: 0.7,
  upAfterMs: 10_000,
  downAfterMs: 300_000,
};

/** One worker's utilisation for all, or one for each; null: has told none. */
type Load = number | readonly (number | null)[];

/** Lives through samples a second apart. */
class Play {
  state: ScaleState = null;
  at = 1_000_000;
  size: number;
  readonly policy: ScalePolicy;
  /** When the size changed, in seconds since the beginning, and to what. */
  readonly changes: [seconds: number, size: number][] = [];
  readonly #from = this.at;

  constructor(size: number, policy: Partial<ScalePolicy> = {}) {
    this.size = size;
    this.policy = { ...POLICY, ...policy };
  }

  sample(load: Load, more: Partial<ScaleSample> = {}): string | null {
    const workers = typeof load === "number" ? Array(this.size).fill(load) : load;
    const sample = { at: this.at, size: this.size, workers, held: false, ...more };
    const { state, size, why } = decide(this.state, sample, this.policy);
    if (size !== sample.size) this.changes.push([(this.at - this.#from) / 1000, size]);
    this.state = state;
    this.size = size;
    return why;
  }

  seconds(seconds: number, load: Load, more: Partial<ScaleSample> = {}): void {
    for (let second = 0; second < seconds; second += 1) {
      this.sample(load, more);
      this.at += 1000;
    }
  }
}

describe("up", () => {
  it("saturated workers are doubled after the window, and doubled again after the next", () => {
    const play = new Play(2);
    play.seconds(90, 1);
    expect(play.changes).toEqual([
      [10, 4],
      [20, 8],
      [30, 16],
    ]);
  });

  it("answers saturation within 15 seconds", () => {
    const play = new Play(1);
    play.seconds(60, 0.3);
    play.seconds(15, 1);
    expect(play.size).toBe(2);
  });

  it.each([
    // 0.77 is the edge of the tolerance around 0.7.
    [1, 0.76, 1],
    [1, 0.78, 2],
    [4, 0.9, 6],
    [10, 0.76, 10],
    [10, 0.8, 12],
    [10, 0.95, 16],
  ])("%d workers at %d become %d", (size, load, expected) => {
    const play = new Play(size);
    play.seconds(11, load);
    expect(play.size).toBe(expected);
  });

  it("takes the lowest recommendation of the window", () => {
    const play = new Play(4);
    play.seconds(5, 0.9);
    play.seconds(1, 0.8);
    play.seconds(5, 1);
    expect(play.changes).toEqual([[10, 5]]);
  });

  it("one quiet second within the window is enough for nothing to happen", () => {
    const play = new Play(2);
    for (let round = 0; round < 20; round += 1) {
      play.seconds(9, 1);
      play.seconds(1, 0.5);
    }
    expect(play.changes).toEqual([]);
  });

  it("a worker that has told nothing counts as idle", () => {
    const hung = new Play(2);
    hung.seconds(60, [1, null]);
    expect(hung.changes).toEqual([]);
    const many = new Play(4);
    many.seconds(11, [1, 1, 1, null]);
    expect(many.changes).toEqual([]);
    const most = new Play(10);
    most.seconds(11, [1, 1, 1, 1, 1, 1, 1, 1, 1, null]);
    expect(most.changes).toEqual([[10, 13]]);
  });

  it("says why", () => {
    const play = new Play(2);
    play.seconds(10, 0.98);
    expect(play.sample(0.98)).toBe("its event loops are 98 % busy, and 70 % is aimed at");
    expect(play.sample(0.98)).toBeNull();
  });
});

describe("down", () => {
  it("one worker at a time: the first after the window, the others after a fifth of it each", () => {
    const play = new Play(4);
    play.seconds(1000, 0.05);
    expect(STEPS_DOWN_PER_WINDOW).toBe(5);
    expect(play.changes).toEqual([
      [300, 3],
      [360, 2],
      [420, 1],
    ]);
  });

  it("takes the highest recommendation of the window", () => {
    const play = new Play(4);
    play.seconds(200, 0.05);
    play.seconds(1, 0.65);
    play.seconds(300, 0.05);
    expect(play.changes).toEqual([]);
    play.seconds(1, 0.05);
    expect(play.size).toBe(3);
  });

  it("not within the window after a step up", () => {
    const play = new Play(2);
    play.seconds(200, 0.05);
    play.seconds(11, 1);
    expect(play.size).toBe(4);
    play.seconds(299, 0.01);
    expect(play.size).toBe(4);
    play.seconds(1, 0.01);
    expect(play.size).toBe(3);
  });

  it("a worker that has told nothing counts as saturated", () => {
    const play = new Play(2);
    play.seconds(900, [0.05, null]);
    expect(play.changes).toEqual([]);
  });

  it("not to where the load would be above the target", () => {
    const play = new Play(3);
    play.seconds(900, 0.5);
    expect(play.changes).toEqual([]);
  });
});

describe("nothing is decided from samples that tell nothing", () => {
  it.each([
    ["up", 2, 1, 10],
    ["down", 2, 0.01, 300],
  ])(
    "%s: the windows begin anew after a reload or while a slot has failed",
    (_, size, load, window) => {
      const play = new Play(size);
      play.seconds(window, load);
      play.seconds(3, load, { held: true });
      play.seconds(window, load);
      expect(play.changes).toEqual([]);
      play.seconds(1, load);
      expect(play.changes.length).toBe(1);
    },
  );

  it.each([
    ["up", 2, 1, 10],
    ["down", 2, 0.01, 300],
  ])("%s: the windows begin anew after a machine was suspended", (_, size, load, window) => {
    const play = new Play(size);
    play.seconds(window - 1, load);
    play.at += LONGEST_GAP_MS;
    play.seconds(window, load);
    expect(play.changes).toEqual([]);
    play.seconds(1, load);
    expect(play.changes.length).toBe(1);
  });

  it("or when the clock was put back, or somebody else has scaled", () => {
    const play = new Play(2);
    play.seconds(10, 1);
    play.at -= 3_600_000;
    play.seconds(10, 1);
    expect(play.changes).toEqual([]);
    play.size = 3;
    play.seconds(10, 1);
    expect(play.changes).toEqual([]);
  });

  it("a pause that is shorter than that changes nothing", () => {
    const play = new Play(2);
    play.seconds(6, 1);
    play.at += 3000;
    play.seconds(2, 1);
    expect(play.size).toBe(4);
  });
});

it("the example of docs/scaling.md", () => {
  const play = new Play(2, { min: 2, max: 8 });
  for (let second = 0; second < 2000; second += 1) {
    play.seconds(1, Math.min(1, (second < 600 ? 3.4 : 1) / play.size));
  }
  expect(play.changes).toEqual([
    [10, 4],
    [20, 5],
    [900, 4],
    [960, 3],
    [1020, 2],
  ]);
});

describe("bounds", () => {
  it("an app outside them is brought inside at once", () => {
    const small = new Play(1, { min: 3 });
    expect(small.sample(0.1)).toBe("it is to have 3 to 16 workers");
    expect(small.size).toBe(3);
    const large = new Play(9, { max: 4 });
    large.sample(1);
    expect(large.size).toBe(4);
  });

  it("but not while nothing may be decided", () => {
    const play = new Play(1, { min: 3 });
    play.sample(0.1, { held: true });
    expect(play.size).toBe(1);
  });

  it("what workers say is not trusted", () => {
    const play = new Play(2);
    play.seconds(11, [Number.NaN, 7]);
    play.seconds(11, [-5, 2]);
    play.seconds(11, [9, 9, 9, 9, 9]);
    expect(play.changes).toEqual([[32, 4]]);
  });
});

describe("memory", () => {
  it.each([
    ["room for all", 2, 4, 200, 100, 4],
    ["room for some", 2, 6, 250, 100, 4],
    ["room for none", 2, 4, 99, 100, 2],
    ["nothing known of the machine", 2, 4, null, 100, 4],
    ["nothing known of the workers", 2, 4, 1, null, 4],
  ])("%s", (_, size, wanted, available, worker, expected) => {
    expect(affordableSize(size, wanted, available, worker)).toBe(expected);
  });
});
