/** Which run of the machine this is, and the clock its processes share. */

import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { bootId, isSameBoot, sharedClockOffset } from "../../src/system/boot.ts";

describe("the boot", () => {
  it("is the same for as long as the machine runs, and tells processes of different tables apart", () => {
    expect(bootId()).toBe(bootId());
    expect(isSameBoot(bootId(), bootId())).toBe(true);
    expect(isSameBoot("5c1d pid:[1]", "5c1d pid:[2]")).toBe(false);
    expect(isSameBoot("5c1d pid:[1]", "at 1700000000")).toBe(false);
  });
  it("that is known by its instant alone may move by what a clock is corrected", () => {
    expect(isSameBoot("at 1700000000", "at 1700000002")).toBe(true);
    expect(isSameBoot("at 1700000000", "at 1700000200")).toBe(false);
  });
});

describe("the clock that processes share", () => {
  it("shows another process the same instant", () => {
    const now = (): number => sharedClockOffset() + performance.now();
    const code = "process.stdout.write(String(process.hrtime.bigint()))";
    const before = now();
    const there = Number(execFileSync(process.execPath, ["-e", code], { encoding: "utf8" })) / 1e6;
    expect(there).toBeGreaterThan(before);
    expect(there).toBeLessThan(now());
  });
  it("moves with this process's own", () => {
    const offset = sharedClockOffset();
    const until = performance.now() + 20;
    while (performance.now() < until);
    expect(Math.abs(sharedClockOffset() - offset)).toBeLessThan(1);
  });
});
