/** SIGALRM: a supervisor ends alone, with status 0, and the next one adopts its workers. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LEAVE_SIGNAL } from "../../src/cli/signals.ts";
import { fixture, freePort, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";

const CLI = join(projectRoot, "dist/bin/holdfast.cjs");
const PUPPET = fixture("puppet.mjs");

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Its log so far. */
  said(): string;
  readonly ended: Promise<unknown[]>;
}

/** In the foreground, as a service manager has it. */
async function running(house: House, args: readonly string[], env = {}): Promise<Running> {
  const child = spawn(process.execPath, [CLI, ...args], {
    ...{ cwd: house.root, env: { ...house.env, ...env } },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  const ended = once(child, "exit");
  await until(() => /"msg":"(supervisor )?ready/.test(text), { what: "it to be ready" });
  return { child, pid: Number(child.pid), said: () => text, ended };
}

async function look(house: House) {
  const { supervisor, apps } = await house.overview();
  return { supervisor, workers: apps.flatMap((app) => app.workers.map(({ pid }) => pid ?? 0)) };
}

async function heirOf(house: House): Promise<number> {
  return until(async () => (await house.overview()).supervisor.heir.pid, { what: "an heir" });
}

const adopted = (count: number, { said }: Running) =>
  until(() => said().split('"msg":"worker adopted"').length > count, { what: "the adoption" });

describe("a supervisor that is to leave its workers", () => {
  it("ends with status 0, and the next one has the same workers: no request is lost", async () => {
    await using house = new House();
    let supervisor = await running(house, ["supervisor"]);
    const port = await freePort();
    const env = { PUPPET_PORT: String(port) };
    await house.ok(["start", PUPPET, "-n", "web", "-i", "3", "--min-uptime", "200ms"], { env });
    const { workers } = await look(house);
    const loads = [startFreshLoad({ port, clients: 4 }), startKeepAliveLoad({ port, clients: 4 })];
    const answered = (): number => loads.reduce((sum, { ledger }) => sum + ledger.ok, 0);
    for (const time of [1, 2]) {
      const heir = await heirOf(house);
      process.kill(supervisor.pid, LEAVE_SIGNAL);
      expect(await supervisor.ended).toEqual([0, null]);
      expect(supervisor.said()).toContain("stepping down: workers serve on");
      // Nobody takes over, and the home is free.
      expect([isAlive(heir), existsSync(join(house.home, "supervisor.pid"))]).toEqual([
        false,
        false,
      ]);
      const before = answered();
      await until(() => answered() > before + 100, { what: "requests without a supervisor" });
      supervisor = await running(house, ["supervisor"]);
      await adopted(3, supervisor);
      const now = await look(house);
      expect(now).toMatchObject({
        supervisor: { pid: supervisor.pid, takeovers: time },
        workers,
      });
    }
    await house.ok(["reload", "web"]);
    for (const load of loads) expectClean(await load.stop(), { minOk: 200 });
    // Told to stop, it leaves nothing, heir and workers included.
    const all = [...(await look(house)).workers, await heirOf(house)];
    process.kill(supervisor.pid, "SIGTERM");
    expect(await supervisor.ended).toEqual([0, null]);
    expect(all.filter(isAlive)).toEqual([]);
  });

  it("keeps what is in durable queues, and the bus comes back", async () => {
    await using house = new House();
    let supervisor = await running(house, ["supervisor", "--no-heir"]);
    await house.ok(["start", PUPPET, "-n", "web", "-i", "1"], { env: { PORT: "0" } });
    await house.ok(["enqueue", "jobs", '{"n":1}']);
    process.kill(supervisor.pid, LEAVE_SIGNAL);
    expect(await supervisor.ended).toEqual([0, null]);
    supervisor = await running(house, ["supervisor"]);
    await adopted(1, supervisor);
    expect((await house.ok(["queue", "peek", "jobs"])).stdout).toContain('"n":1');
    await house.ok(["shutdown"]);
    await supervisor.ended;
  });

  it.each([
    ["before", ["SIGTERM", LEAVE_SIGNAL]],
    ["after", [LEAVE_SIGNAL, "SIGTERM"]],
  ] as const)("drains instead where a signal to stop comes just %s", async (_when, signals) => {
    await using house = new House();
    const supervisor = await running(house, ["supervisor"]);
    await house.ok(["start", PUPPET, "-n", "web", "-i", "2"], { env: { PORT: "0" } });
    const { workers } = await look(house);
    // Stopped meanwhile: however busy this machine is, it finds both when it goes on.
    for (const signal of ["SIGSTOP", ...signals, "SIGCONT"]) process.kill(supervisor.pid, signal);
    expect(await supervisor.ended).toEqual([0, null]);
    expect(workers.filter(isAlive)).toEqual([]);
  });

  it("refuses where nobody could adopt them, and goes on", async () => {
    await using house = new House();
    const supervisor = await running(house, ["supervisor", "--no-heir"]);
    await house.ok(["start", PUPPET, "-n", "web", "-i", "1"], { env: { PORT: "0" } });
    const before = await look(house);
    const roster = join(house.home, "roster");
    rmSync(roster, { recursive: true });
    writeFileSync(roster, "a file where a folder should be");
    await until(() => supervisor.said().includes("HF_ROSTER_UNWRITABLE"), { what: "the fault" });
    process.kill(supervisor.pid, LEAVE_SIGNAL);
    const refusal = "the workers are not left to another one: what runs could not be written down";
    await until(() => supervisor.said().includes(refusal), { what: "the refusal" });
    expect(await look(house)).toEqual(before);
    // Once it is mended it does as it is told.
    rmSync(roster);
    await until(() => existsSync(join(roster, "supervisor.json")), { what: "the roster" });
    process.kill(supervisor.pid, LEAVE_SIGNAL);
    expect(await supervisor.ended).toEqual([0, null]);
    const next = await running(house, ["supervisor"]);
    expect((await look(house)).workers).toEqual(before.workers);
    await house.ok(["shutdown"]);
    await next.ended;
  });

  it("is a background one: `holdfast run` goes on and says why", async () => {
    await using house = new House();
    const run = await running(house, ["run", PUPPET, "-i", "1"], { PORT: "0" });
    process.kill(run.pid, LEAVE_SIGNAL);
    await until(() => run.said().includes("only a supervisor in the background"), { what: "why" });
    process.kill(run.pid, "SIGTERM");
    expect(await run.ended).toEqual([0, null]);
  });
});
