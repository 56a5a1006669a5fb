import { describe, expect, it } from "vitest";
import {
  heirRetryMs,
  shortReignsAfter,
  waitBeforeReignMs,
  wasSteady,
} from "../../src/core/reigns.ts";

describe("reigns", () => {
  it("that are short are counted in a row, and one long one ends the row", () => {
    expect(shortReignsAfter(0, 0)).toBe(1);
    expect(shortReignsAfter(4, 999)).toBe(5);
    expect(shortReignsAfter(4, 1000)).toBe(0);
  });

  it("follow each other at once up to four short ones, then later and later", () => {
    const waits = Array.from({ length: 13 }, (_, shortReigns) => waitBeforeReignMs(shortReigns));
    expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(waits.slice(5)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(waitBeforeReignMs(100_000)).toBe(30_000);
  });
});

describe("an heir that ended", () => {
  it("is followed by the next after half a second, then later and later", () => {
    const retries = Array.from({ length: 9 }, (_, failures) => heirRetryMs(failures));
    expect(retries).toEqual([500, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(heirRetryMs(100_000)).toBe(30_000);
  });

  it("had come to stay after ten seconds", () => {
    expect([0, 9_999, 10_000].map(wasSteady)).toEqual([false, false, true]);
  });
});
