/** What /proc tells about the thread that runs JavaScript. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { mainThreadOf, parseStat } from "../../src/system/main-thread.ts";
import { until } from "../support/until.ts";

describe("parseStat", () => {
  it("reads past a name with blanks and parentheses", () => {
    const stat = "42 (a) R (b) S 1 42 42 0 -1 4194560 100 0 7 0 12 3 0 0 20 0 11 0 99 1 1";
    expect(parseStat(stat)).toEqual({ state: "S", majorFaults: 7, cpuTicks: 15 });
  });

  it.each(["", "42 (a)", "42 (a) S 1 2", "garbage"])("%j is nothing", (stat) =>
    expect(parseStat(stat)).toBeNull(),
  );
});

describe("mainThreadOf", () => {
  it("a process that runs, is stopped, runs again, and is gone", async () => {
    const child = spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
    const pid = child.pid ?? -1;
    const state = () => mainThreadOf(pid)?.state;
    await until(() => state() === "R" && (mainThreadOf(pid)?.cpuTicks ?? 0) > 5, {
      what: "it to compute",
    });
    child.kill("SIGSTOP");
    await until(() => state() === "T", { what: "it to be stopped" });
    const { cpuTicks } = mainThreadOf(pid) ?? { cpuTicks: -1 };
    child.kill("SIGCONT");
    await until(() => (mainThreadOf(pid)?.cpuTicks ?? 0) > cpuTicks, { what: "it to go on" });
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(mainThreadOf(pid)).toBeNull();
  });
});
