/** A home whose supervisor is killed has another one within a second, and that one has an heir again. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectControl } from "../../src/link/control-client.ts";
import { type HoldfastRun, projectRoot, runHoldfast } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { expectNoLeftovers, isAlive, leftovers, processInfo, state } from "../support/processes.ts";
import { until } from "../support/until.ts";

const CLI = join(projectRoot, "dist/bin/holdfast.cjs");

describe("a killed supervisor", () => {
  let run: HoldfastRun;
  let readies: number;
  beforeEach(() => {
    run = runHoldfast(["supervisor"]);
    readies = 0;
  });
  afterEach(() => run.dispose());

  /** The pid of the next heir that is ready. */
  async function nextHeir(): Promise<number> {
    readies += 1;
    const nth = (): typeof run.logs => run.logs.filter(({ msg }) => msg === "heir ready");
    // What is said after the end of who was started comes from its heirs, by the same pipe.
    await until(() => nth().length >= readies, { what: "an heir" });
    return Number(nth()[readies - 1]?.pid);
  }

  it("is followed by its heir, and that one by its own, within a second each", async () => {
    const first = await nextHeir();
    process.kill(run.pid, "SIGKILL");
    const tookFirst = await answeredBy(run, first);
    const second = await nextHeir();
    process.kill(first, "SIGKILL");
    const tookSecond = await answeredBy(run, second);
    // The other one may have had no CPU: tests run side by side.
    expect(Math.min(tookFirst, tookSecond)).toBeLessThan(1000);
    const told = run.logs.filter(({ died }) => died !== undefined);
    expect(told.map(({ died }) => died)).toEqual([run.pid, first]);
    expect(told[0]?.msg).toMatch(/died, how is not known; its heir took over in \d+ ms/);
    expect(processInfo(second)?.command).toBe("holdfast supervisor");
    await nextHeir();
    process.kill(second, "SIGTERM");
    await expectNoLeftovers(run.id, 10_000);
    expect(existsSync(join(run.home, ".holdfast/control.sock"))).toBe(false);
    expect(existsSync(join(run.home, ".holdfast/supervisor.pid"))).toBe(false);
  });

  it("is not missed by commands: they wait for the next", async () => {
    const heir = await nextHeir();
    process.kill(run.pid, "SIGKILL");
    const claimed = join(run.home, ".holdfast/supervisor.pid");
    await until(() => JSON.parse(readFileSync(claimed, "utf8")).pid === heir, {
      ...{ what: "the heir's claim", intervalMs: 1 },
    });
    expect(run.logs.filter(({ msg }) => msg === "supervisor ready")).toHaveLength(1);
    const { code, stdout } = await run.command(["list", "-o", "json"]);
    expect([code, JSON.parse(stdout).data.supervisor.pid]).toEqual([0, heir]);
  });

  it("whose heir was slower than another supervisor has no second one", async () => {
    const heir = await nextHeir();
    process.kill(heir, "SIGSTOP");
    await until(() => state(heir) === "T", { what: "the heir to stop" });
    process.kill(run.pid, "SIGKILL");
    await until(() => !isAlive(run.pid), { what: "its end" });
    const other = runHoldfast(["supervisor"], { like: run });
    await other.waitForLog(({ msg }) => msg === "supervisor ready");
    process.kill(heir, "SIGCONT");
    await until(() => run.logs.some(({ msg }) => /another supervisor has taken over/.test(msg)), {
      what: "the heir to give way",
    });
    await until(() => !isAlive(heir), { what: "the heir's end" });
    expect(isAlive(other.pid)).toBe(true);
    expect((await other.stop()).code).toBe(0);
  });

  it("whose home cannot be used at that moment is followed as soon as it can", async () => {
    const heir = await nextHeir();
    const home = join(run.home, ".holdfast");
    renameSync(home, `${home}.aside`);
    writeFileSync(home, "");
    process.kill(run.pid, "SIGKILL");
    const fault = () => run.logs.filter(({ code }) => code === "HF_HOME_UNUSABLE");
    await until(() => fault().length > 0, { what: "the fault" });
    unlinkSync(home);
    renameSync(`${home}.aside`, home);
    await answeredBy(run, heir);
    expect(fault()).toMatchObject([{ level: "error" }]);
  });

  it("again and again has the next one wait, and a signal to stop is obeyed meanwhile", async () => {
    let ruler = run.pid;
    for (let n = 0; n < 5; n++) {
      const heir = await nextHeir();
      process.kill(ruler, "SIGKILL");
      ruler = heir;
    }
    await until(() => run.logs.some(({ waitMs }) => waitMs === 1000), { what: "the wait" });
    process.kill(ruler, "SIGTERM");
    await until(() => run.logs.some(({ msg }) => msg === "supervisor ended"), { what: "the end" });
    await expectNoLeftovers(run.id, 10_000);
  });
});

describe("a supervisor", () => {
  it("that ends in order takes its heir along, by Ctrl-C too", async () => {
    await using house = new House();
    const child = spawn(process.execPath, [CLI, "supervisor"], {
      ...{ env: house.env, cwd: house.root, detached: true },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => (text += chunk));
    await until(() => text.includes("heir ready"), { what: "the heir" });
    expect(leftovers(house.id)).toHaveLength(2);
    process.kill(-(child.pid ?? 0), "SIGINT");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(leftovers(house.id)).toEqual([]);
    expect(text).not.toContain("took over");
  });

  it("in the background has its log go on in the same file, moved away or not", async () => {
    await using house = new House();
    await house.ok(["resurrect"]);
    const log = join(house.home, "supervisor.log");
    await until(() => readFileSync(log, "utf8").includes("heir ready"), { what: "the heir" });
    renameSync(log, `${log}.1`);
    const { supervisor } = await house.overview();
    process.kill(supervisor.pid, "SIGUSR2");
    await until(() => readFileSync(log, "utf8").includes("log reopened"), { what: "a new file" });
    process.kill(supervisor.pid, "SIGKILL");
    await until(() => readFileSync(log, "utf8").includes("took over"), { what: "a takeover" });
    expect(readFileSync(`${log}.1`, "utf8")).not.toContain("took over");
    expect((await house.overview()).supervisor.pid).not.toBe(supervisor.pid);
  });

  it("with --no-heir has none", async () => {
    await using house = new House();
    const run = spawn(process.execPath, [CLI, "supervisor", "--no-heir"], {
      ...{ env: house.env, cwd: house.root },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(run.stdout, "data");
    await house.ok(["list"]);
    expect(leftovers(house.id)).toHaveLength(1);
    run.kill("SIGTERM");
    expect(await once(run, "exit")).toEqual([0, null]);
  });

  it("that is a service of systemd has its heir say that it is the main process now", async () => {
    await using house = new House();
    const heard = join(house.root, "heard");
    const notify = join(house.root, "systemd-notify");
    writeFileSync(notify, `#!/bin/sh\necho "$@" >> ${heard}\n`);
    chmodSync(notify, 0o755);
    const env = {
      ...house.env,
      ...{ NOTIFY_SOCKET: "/somewhere", WATCHDOG_USEC: "100000" },
      PATH: `${house.root}:${house.env.PATH}`,
    };
    const child = spawn(process.execPath, [CLI, "supervisor"], {
      ...{ env, cwd: house.root },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => (text += chunk));
    const heir = await until(() => /"pid":(\d+),"msg":"heir ready"/.exec(text)?.[1], {
      what: "the heir",
    });
    child.kill("SIGKILL");
    const told = (): string => readFileSync(heard, "utf8");
    await until(() => told().includes(`--ready --pid=${heir}`), { what: "the news" });
    const [, after = ""] = told().split(`--ready --pid=${heir}`);
    await until(() => told().split(`--ready --pid=${heir}`)[1]?.includes("WATCHDOG=1"), {
      what: "its pings",
    });
    expect(after).not.toContain("STOPPING");
  });
});

/** Waits until the home's socket is answered by this process; the milliseconds that took. */
async function answeredBy(run: HoldfastRun, pid: number): Promise<number> {
  const from = performance.now();
  await until(
    async () => {
      const client = await connectControl(join(run.home, ".holdfast/control.sock"), "test");
      client?.close();
      return client?.supervisor.pid === pid;
    },
    { what: "an answer", intervalMs: 5 },
  );
  return performance.now() - from;
}
