/** What the autoscaler never does, whatever the load. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decide,
  type ScalePolicy,
  type ScaleSample,
  type ScaleState,
  STEPS_DOWN_PER_WINDOW,
} from "../../src/core/scale.ts";

const policies: fc.Arbitrary<ScalePolicy> = fc
  .record({
    min: fc.integer({ min: 1, max: 6 }),
    more: fc.integer({ min: 0, max: 8 }),
    target: fc.integer({ min: 10, max: 90 }).map((percent) => percent / 100),
    upAfterS: fc.integer({ min: 1, max: 20 }),
    longerS: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ min, more, target, upAfterS, longerS }) => ({
    ...{ min, max: min + more, target },
    ...{ upAfterMs: upAfterS * 1000, downAfterMs: (upAfterS + longerS) * 1000 },
  }));

interface Change {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

interface Site {
  readonly policy: ScalePolicy;
  readonly size: number;
  /** Seconds until a new worker has told of itself. */
  readonly bootS: number;
}

const sites: fc.Arbitrary<Site> = policies.chain((policy) =>
  fc.record({
    policy: fc.constant(policy),
    size: fc.integer({ min: policy.min, max: policy.max }),
    bootS: fc.integer({ min: 0, max: 8 }),
  }),
);

/**
 * A closed loop: `load` workers' worth of work, shared by the workers that are there, each of which can
 * be busy all the time and no more. Gives the changes; the size at the end; the time.
 */
function live(site: Site, seconds: number, load: (second: number) => number) {
  const { policy, bootS } = site;
  const changes: Change[] = [];
  let state: ScaleState = null;
  let size = site.size;
  let born = Array.from({ length: size }, () => -bootS);
  for (let second = 0; second < seconds; second += 1) {
    const up = born.filter((at) => second - at >= bootS).length;
    const busy = Math.min(1, load(second) / Math.max(1, up));
    const workers = born.map((at) => (second - at >= bootS ? busy : null));
    const at = second * 1000;
    const decision = decide(state, { at, size, workers, held: false }, policy);
    if (decision.size !== size) changes.push({ at, from: size, to: decision.size });
    const added = Array.from({ length: Math.max(0, decision.size - size) }, () => second);
    born = [...born, ...added].slice(0, decision.size);
    state = decision.state;
    size = decision.size;
  }
  return { changes, size };
}

/** Changes after which the size goes the other way. */
function turns(changes: readonly Change[]): readonly Change[] {
  return changes.filter(({ from, to }, index) => {
    const next = changes[index + 1];
    return next !== undefined && to > from !== next.to > next.from;
  });
}

function sizesOf(changes: readonly Change[]): readonly number[] {
  return changes.map(({ to }) => to);
}

/** Long enough for every step there can be, each with its window. */
function secondsToSettle({ policy }: Site): number {
  const windowS = (policy.downAfterMs + policy.upAfterMs) / 1000 + 10;
  return Math.ceil(windowS * (policy.max - policy.min + 3));
}

describe("the autoscaler", () => {
  const garbage = fc.oneof(
    fc.constant(null),
    fc.double(),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  const samples = fc.array(
    fc.record({
      after: fc.integer({ min: -2000, max: 8000 }),
      size: fc.option(fc.integer({ min: 1, max: 1024 })),
      workers: fc.array(garbage, { maxLength: 20 }),
      held: fc.boolean(),
    }),
    { maxLength: 60 },
  );

  it("stays within its bounds, and does nothing while it is held, whatever it is told", () => {
    fc.assert(
      fc.property(policies, samples, (policy, told) => {
        let state: ScaleState = null;
        let [at, size] = [0, policy.min];
        for (const { after, size: other, workers, held } of told) {
          at += after;
          const sample: ScaleSample = { at, size: other ?? size, workers, held };
          const decision = decide(state, sample, policy);
          if (held) expect(decision.size).toBe(sample.size);
          else {
            expect(Number.isInteger(decision.size)).toBe(true);
            expect(decision.size).toBeGreaterThanOrEqual(policy.min);
            expect(decision.size).toBeLessThanOrEqual(policy.max);
          }
          expect(decision.why === null).toBe(decision.size === sample.size);
          state = decision.state;
          size = decision.size;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("settles under a constant load, where it suits, and never changes again", () => {
    fc.assert(
      fc.property(sites, fc.double({ min: 0, max: 16, noNaN: true }), (site, load) => {
        const { policy } = site;
        const settleS = secondsToSettle(site);
        const { changes, size } = live(site, settleS + 300, () => load);
        expect(changes.filter(({ at }) => at >= settleS * 1000)).toEqual([]);
        expect(turns(changes).length).toBeLessThanOrEqual(1);
        // Enough workers, unless there may be no more; and no worker too many but for the tolerance.
        const isEnough = Math.min(1, load / size) <= Math.max(policy.target * 1.1, 0) + 1e-6;
        const isSpared = size === policy.min || load / policy.target > (size - 1) * 0.9 - 1.1;
        expect({ isEnough: isEnough || size === policy.max, isSpared, size }).toEqual({
          isEnough: true,
          isSpared: true,
          size,
        });
      }),
      { numRuns: 400 },
    );
  });

  const loads = fc.array(
    fc.record({
      load: fc.double({ min: 0, max: 16, noNaN: true }),
      seconds: fc.integer({ min: 1, max: 90 }),
    }),
    { minLength: 1, maxLength: 20 },
  );

  it("under any load: after a step up, none down for the down window, and at most one turn in such a window", () => {
    fc.assert(
      fc.property(sites, loads, (site, phases) => {
        const { policy } = site;
        const course = phases.flatMap(({ load, seconds }) => Array<number>(seconds).fill(load));
        const { changes } = live(site, course.length, (second) => course[second] ?? 0);
        for (const [index, { at, from, to }] of changes.entries()) {
          if (to < from) expect(from - to).toBe(1);
          else {
            expect(to).toBeLessThanOrEqual(2 * from);
            const next = changes[index + 1];
            if (next && next.to < next.from)
              expect(next.at - at).toBeGreaterThanOrEqual(policy.downAfterMs);
          }
          const inWindow = changes.filter(
            (each) => each.at >= at && each.at < at + policy.downAfterMs,
          );
          expect(turns(inWindow).length).toBeLessThanOrEqual(1);
          const down = inWindow.filter((each) => each.to < each.from).length;
          expect(down).toBeLessThanOrEqual(STEPS_DOWN_PER_WINDOW);
          // One turn at most, so the steps up climb no more than there is to climb.
          expect(inWindow.length - down).toBeLessThanOrEqual(policy.max - policy.min);
        }
      }),
      { numRuns: 400 },
    );
  });

  const waves = fc.record({
    highS: fc.integer({ min: 1, max: 120 }),
    lowS: fc.integer({ min: 1, max: 120 }),
    high: fc.double({ min: 0, max: 16, noNaN: true }),
    low: fc.double({ min: 0, max: 16, noNaN: true }),
  });

  it("never flaps on a square wave: one turn at most, and then the same size for ever, unless the lulls outlast the down window", () => {
    let moved = 0;
    fc.assert(
      fc.property(sites, waves, (site, { highS, lowS, high, low }) => {
        const { policy } = site;
        const [top, bottom] = [Math.max(high, low), Math.min(high, low)];
        if (lowS * 1000 >= policy.downAfterMs) return;
        const isHigh = (second: number): boolean => second % (highS + lowS) < highS;
        const settleS = secondsToSettle(site) * 2;
        const { changes } = live(site, settleS * 2, (second) => (isHigh(second) ? top : bottom));
        expect(turns(changes).length, JSON.stringify(sizesOf(changes))).toBeLessThanOrEqual(1);
        expect(changes.length).toBeLessThanOrEqual(2 * (policy.max - policy.min));
        expect(changes.filter(({ at }) => at >= settleS * 1000)).toEqual([]);
        moved += Math.min(1, changes.length);
      }),
      { numRuns: 400 },
    );
    expect(moved).toBeGreaterThan(50);
  });

  it("does not answer bursts that are shorter than the up window", () => {
    fc.assert(
      fc.property(sites, waves, (site, { highS, lowS, high }) => {
        const { policy } = site;
        if (highS * 1000 > policy.upAfterMs) return;
        const isHigh = (second: number): boolean => second % (highS + lowS) < highS;
        const quiet = { ...site, size: policy.min };
        const { changes } = live(quiet, 600, (second) => (isHigh(second) ? high : 0));
        expect(changes).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("wants no fewer workers for more load", () => {
    const pairs = fc.array(
      fc.array(
        fc.record({
          less: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 20 }),
          more: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        { minLength: 14, maxLength: 14 },
      ),
      { minLength: 1, maxLength: 90 },
    );
    fc.assert(
      fc.property(sites, pairs, ({ policy, size }, told) => {
        let [less, more]: [ScaleState, ScaleState] = [null, null];
        for (const [second, row] of told.entries()) {
          const workers = row.slice(0, size);
          const sample = { at: second * 1000, size, held: false };
          const a = decide(less, { ...sample, workers: workers.map((each) => each.less) }, policy);
          const b = decide(
            more,
            {
              ...sample,
              workers: workers.map((each) =>
                each.less === null ? null : Math.max(each.less, each.more),
              ),
            },
            policy,
          );
          expect(a.size).toBeLessThanOrEqual(b.size);
          // From the first change on the two live in different worlds.
          if (a.size !== size || b.size !== size) return;
          [less, more] = [a.state, b.state];
        }
      }),
      { numRuns: 1000 },
    );
  });
});
