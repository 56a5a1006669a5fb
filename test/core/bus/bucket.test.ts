/** A bucket lets through so many a second, whatever comes when. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bucket } from "../../../src/core/bus/bucket.ts";
import { SILENT_MS, Silence, UNHEARD_MS } from "../../../src/core/bus/silence.ts";

describe("a bucket", () => {
  it("lets a burst through, then waits for what is owed", () => {
    const bucket = new Bucket({ perSecond: 100, burst: 10 }, 0);
    for (let n = 0; n < 10; n += 1) bucket.take(0);
    expect(bucket.waitMs(0)).toBe(0);
    for (let n = 0; n < 5; n += 1) bucket.take(0);
    expect(bucket.waitMs(0)).toBe(50);
    expect(bucket.waitMs(20)).toBe(30);
    expect(bucket.waitMs(50)).toBe(0);
  });

  it("keeps no more than the burst, however long nothing comes", () => {
    const bucket = new Bucket({ perSecond: 1000, burst: 3 }, 0);
    for (let n = 0; n < 4; n += 1) bucket.take(1_000_000);
    expect(bucket.waitMs(1_000_000)).toBe(1);
  });

  it("is not filled by a clock that goes back", () => {
    const bucket = new Bucket({ perSecond: 100, burst: 1 }, 1000);
    bucket.take(1000);
    bucket.take(0);
    expect(bucket.waitMs(0)).toBe(10);
    expect(bucket.waitMs(1000)).toBe(10);
  });

  it("lets through no more than the burst and what came since, of who waits as told", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 5000 }),
        fc.integer({ min: 1, max: 500 }),
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 200 }),
        (perSecond, burst, gaps) => {
          const bucket = new Bucket({ perSecond, burst }, 0);
          let now = 0;
          let taken = 0;
          for (const gap of gaps) {
            now += gap + bucket.waitMs(now + gap);
            bucket.take(now);
            taken += 1;
            expect(taken).toBeLessThanOrEqual(burst + (now * perSecond) / 1000 + 1.001);
          }
        },
      ),
    ));
});

describe("a side that says nothing", () => {
  it("is gone when for a minute nothing went either way", () => {
    const silence = new Silence(0);
    expect(silence.isGone(SILENT_MS - 1, 0, 0)).toBe(false);
    expect(silence.isGone(SILENT_MS, 0, 0)).toBe(true);
  });

  it("is there while something comes", () => {
    const silence = new Silence(0);
    for (let n = 1; n < 100; n += 1) expect(silence.isGone(n * 15_000, n, 0)).toBe(false);
    expect(silence.isGone(99 * 15_000 + SILENT_MS, 99, 0)).toBe(true);
  });

  it("may listen for longer while something is sent to it, but not for ever", () => {
    const silence = new Silence(0);
    const gone = (n: number): boolean => silence.isGone(n * 15_000, 0, n);
    for (let n = 1; n * 15_000 < UNHEARD_MS; n += 1) expect(gone(n)).toBe(false);
    expect(gone(UNHEARD_MS / 15_000)).toBe(true);
  });

  it("is not judged by what was not read", () => {
    const silence = new Silence(0);
    silence.unread(SILENT_MS);
    expect(silence.isGone(SILENT_MS, 0, 0)).toBe(false);
  });
});
