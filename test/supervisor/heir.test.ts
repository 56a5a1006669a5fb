/** The heir by itself: what it holds, when it takes over and when it does not, and what it costs. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { forkHeir } from "../../src/supervisor/heir/fork.ts";
import { projectRoot } from "../support/holdfast.ts";
import { cpuTicks, isAlive, processInfo, pssKb, read, state } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Owner, othersOf, said } from "./heir-owner.ts";

const HEIR = join(projectRoot, "dist/heir.cjs");
const ALL_SIGNALS = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR2"] as const;

describe("an heir", () => {
  it("holds what its supervisor listens on, and what is accepted after its death comes from there", async () => {
    await using owner = new Owner({
      takes: [
        ["api", "a"],
        ["api", "b"],
        ["api", "gone"],
      ],
    });
    await owner.bind("a", "gone");
    const heir = await owner.heir();
    await owner.holds(heir, 2);
    // One by the same name is another socket, and one is there no longer.
    const [a = 0, b = 0] = await owner.bind("a", "b");
    await owner.tell("follow", "other", "a", "b");
    await owner.holds(heir, 4);
    await owner.tell("forget", "other");
    await owner.holds(heir, 2);
    const report = await owner.die();
    expect(report).toMatchObject({ died: owner.pid, pid: heir });
    expect(report.held).toEqual({ "api/a": true, "api/b": true, "api/gone": false });
    expect([await said(a), await said(b)]).toEqual([`a by ${heir}`, `b by ${heir}`]);
  });

  it("takes over however its supervisor dies", async () => {
    for (const signal of ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"] as const) {
      await using owner = new Owner();
      const heir = await owner.heir();
      expect(await owner.die(signal)).toMatchObject({ died: owner.pid, pid: heir });
    }
    await using owner = new Owner();
    const heir = await owner.heir();
    void owner.tell("throw");
    expect(await owner.report()).toMatchObject({ pid: heir });
  });

  it("takes over also where its supervisor dies before it has come up", async () => {
    await using owner = new Owner();
    await owner.tell("pid");
    await owner.tell("start");
    const { died, pid } = await owner.die();
    expect([died, owner.output.logs]).toEqual([owner.pid, []]);
    expect(othersOf(owner)).toEqual([pid]);
  });

  it("ends with an orderly end, and nobody takes over", async () => {
    await using owner = new Owner();
    const heir = await owner.heir();
    await owner.tell("close");
    expect(isAlive(heir)).toBe(false);
    owner.child.kill("SIGKILL");
    await once(owner.child, "exit");
    expect(othersOf(owner)).toEqual([]);
    expect(owner.hasTakenOver()).toBe(false);
  });

  it("that is stopped holds nobody up, and ends all the same", async () => {
    await using owner = new Owner();
    const heir = await owner.heir();
    process.kill(heir, "SIGSTOP");
    for (let n = 0; n < 50; n++) await owner.bind(`${n}`, "other");
    await owner.tell("close");
    expect(isAlive(heir)).toBe(false);
  });

  it("catches up when it runs again", async () => {
    await using owner = new Owner({
      takes: [
        ["api", "49"],
        ["api", "48"],
      ],
    });
    const heir = await owner.heir();
    process.kill(heir, "SIGSTOP");
    for (let n = 0; n < 49; n++) await owner.bind(`${n}`);
    const [port = 0] = await owner.bind("49");
    process.kill(heir, "SIGCONT");
    await owner.holdsThe(heir, "49");
    expect((await owner.die()).held).toEqual({ "api/49": true, "api/48": false });
    expect(await said(port)).toBe(`49 by ${heir}`);
  });

  it("does nothing while its supervisor is only stopped", async () => {
    await using owner = new Owner({ takes: [["api", "a"]] });
    const heir = await owner.heir();
    owner.child.kill("SIGSTOP");
    await until(() => state(owner.pid) === "T", { what: "the owner to stop" });
    await pause(300);
    expect([state(heir), owner.hasTakenOver()]).toEqual(["S", false]);
    owner.child.kill("SIGCONT");
    await owner.bind("a");
    await owner.holdsThe(heir, "a");
    expect((await owner.die()).pid).toBe(heir);
  });

  it("ignores signals as long as its supervisor lives; those that come after its death it obeys", async () => {
    await using owner = new Owner();
    const heir = await owner.heir();
    for (const signal of ALL_SIGNALS) process.kill(heir, signal);
    await owner.bind("a");
    await owner.holds(heir, 1);
    await owner.die();
    process.kill(heir, "SIGTERM");
    await until(() => !isAlive(heir), { what: "the end of who took over" });
  });

  it("has a session of its own, and none of a worker's variables", async () => {
    await using owner = new Owner({
      env: { HOLDFAST_SUPERVISOR: "1-a", HOLDFAST_AGENT: "{}", HOLDFAST_SLOT: "1", KEPT: "1" },
    });
    const heir = await owner.heir();
    const environment = read(`/proc/${heir}/environ`)?.split("\0") ?? [];
    expect(environment).toContain("KEPT=1");
    expect(environment).toContain("NOTIFY_SOCKET=/of/systemd");
    expect(environment.filter((each) => /^HOLDFAST_(?!TEST)/.test(each))).toEqual([]);
    const session = (read(`/proc/${heir}/stat`) ?? "").split(") ")[1]?.split(" ")[3];
    expect(session).toBe(String(heir));
    expect(processInfo(heir)?.command).toBe("holdfast heir");
  });

  it("costs no CPU, and less than 25 MB", async () => {
    await using owner = new Owner();
    const heir = await owner.heir();
    await owner.bind("a");
    await owner.holds(heir, 1);
    const before = cpuTicks(heir);
    await pause(2000);
    expect(cpuTicks(heir) - before).toBeLessThanOrEqual(1);
    expect(pssKb(heir)).toBeLessThan(25 * 1024);
  });

  it("whose supervisor lives on without the channel ends", async () => {
    const ticks = Number(read("/proc/self/stat")?.split(") ")[1]?.split(" ")[19]);
    const will = {
      supervisor: { pid: process.pid, startTicks: ticks },
      ...{ takeover: "/none.cjs", flags: {}, shortReigns: 0, ruledMs: 0 },
    };
    const heir = fork(HEIR, [JSON.stringify(will)], {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    await once(heir, "message");
    heir.disconnect();
    expect(await once(heir, "exit")).toEqual([0, null]);
  });
});

describe("an heir that is gone", () => {
  it("is followed by another, which holds the same", async () => {
    await using owner = new Owner({ takes: [["api", "a"]] });
    const [port = 0] = await owner.bind("a");
    const first = await owner.heir();
    await owner.holds(first, 1);
    process.kill(first, "SIGKILL");
    const second = await owner.readyAfter(1);
    expect(
      owner.output.findLine(/the heir is gone, another one follows: it ended with SIGKILL/),
    ).toBeTruthy();
    await owner.holds(second, 1);
    expect((await owner.die()).pid).toBe(second);
    expect(await said(port)).toBe(`a by ${second}`);
  });

  it("or cannot be started is told once, tried later and later, and told when it is there", async () => {
    await using owner = new Owner();
    const program = join(owner.folder, "heir.cjs");
    await using failing = new Owner({ program });
    await failing.tell("start");
    const faults = () => failing.output.logs.filter(({ code }) => code === "HF_HEIR_FAILED");
    const fault = await failing.output.wait(() => faults()[0], "the fault");
    expect(fault).toMatchObject({ level: "error", msg: expect.stringContaining("status 1") });
    const from = performance.now();
    // Node says so each time.
    const tries = () => failing.output.stderr.filter((line) => line.includes("Cannot find module"));
    await failing.output.wait(() => (tries().length >= 3 ? true : undefined), "three tries");
    expect(performance.now() - from).toBeGreaterThan(1400);
    writeFileSync(program, readFileSync(HEIR));
    await failing.readyAfter(0);
    expect(faults()).toHaveLength(1);
  });
});

describe("an heir that cannot be spawned", () => {
  it("is told as gone, once and later, and takes no message", async () => {
    const will = {
      supervisor: { pid: process.pid, startTicks: null },
      ...{ takeover: "/none.cjs", flags: {}, shortReigns: 0, ruledMs: 0 },
    };
    const reasons: string[] = [];
    const heir = forkHeir(
      { program: HEIR, node: "/nowhere/node", will, env: {}, logFile: null },
      { ready: () => {}, done: () => {}, ended: (reason) => reasons.push(reason) },
    );
    expect([heir.pid, reasons]).toEqual([null, []]);
    heir.send({ t: "end" });
    heir.kill();
    await until(() => reasons.length > 0, { what: "its end" });
    expect(reasons).toEqual([expect.stringContaining("ENOENT")]);
  });
});

describe("reigns", () => {
  it("that are short are handed on as a number", async () => {
    const begun = performance.now();
    await using owner = new Owner({ shortReigns: 3 });
    await owner.heir();
    const { shortReigns } = await owner.die();
    // On a machine that takes this long for it the reign was no short one.
    const isShort = performance.now() - begun < 1000;
    expect(isShort ? [4] : [4, 0]).toContain(shortReigns);
  });
});
