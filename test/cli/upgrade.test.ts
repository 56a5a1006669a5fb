/** `upgrade`: another version becomes the supervisor, or nothing changes. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ADOPTION_PROTOCOL } from "../../src/link/adoption.ts";
import { connectControl } from "../../src/link/control-client.ts";
import { unfitness } from "../../src/supervisor/upgrade/fitness.ts";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { otherVersion } from "../support/other-version.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";

const PUPPET = fixture("puppet.mjs");
const OWN = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")).version as string;

async function started(house: House): Promise<void> {
  await house.ok(["start", PUPPET, "-n", "web", "-i", "2"], { env: { PORT: "0" } });
  await heirOf(house);
}

/** Once there is one that can take over. */
async function heirOf(house: House): Promise<number> {
  return until(async () => (await house.overview()).supervisor.heir.pid, { what: "an heir" });
}

async function look(house: House) {
  const { supervisor, apps } = await house.overview();
  return { supervisor, workers: apps.flatMap((app) => app.workers.map(({ pid }) => pid)) };
}

function log(house: House): string {
  return readFileSync(join(house.home, "supervisor.log"), "utf8");
}

describe("holdfast upgrade", () => {
  it("has another version follow, and an earlier one again; workers stay, and so does what they are told", async () => {
    await using house = new House();
    await started(house);
    const newer = otherVersion(house.root, "99.0.0");
    const before = await look(house);
    const up = await house.ok(["upgrade", "--json"], { program: newer.program });
    const { version, data } = JSON.parse(up.stdout);
    const now = await look(house);
    expect([version, data]).toEqual([
      1,
      {
        ...{ from: OWN, to: "99.0.0", node: process.versions.node },
        ...{ pid: now.supervisor.pid, before: before.supervisor.pid, tookMs: expect.any(Number) },
      },
    ]);
    expect(up.stderr).toContain(`is Holdfast ${OWN}; Holdfast 99.0.0 is to follow`);
    expect(up.stderr).not.toContain("note:");
    expect(now).toMatchObject({
      supervisor: { version: "99.0.0", takeovers: 1 },
      workers: before.workers,
    });
    expect(isAlive(before.supervisor.pid)).toBe(false);
    expect(log(house)).toContain(`upgrade from ${OWN} to 99.0.0`);
    expect((await house.run(["list"])).stderr).toContain("`holdfast upgrade` makes it the same");
    // It is obeyed, also by the workers it has not started.
    await heirOf(house);
    await house.ok(["reload", "web"], { program: newer.program });
    const reloaded = await look(house);
    expect(reloaded.workers.filter((pid) => before.workers.includes(pid))).toEqual([]);
    await house.ok(["upgrade"]);
    expect(await look(house)).toMatchObject({
      supervisor: { version: OWN, takeovers: 2 },
      workers: reloaded.workers,
    });
  });

  it("with the same version starts the supervisor anew in place, and says so", async () => {
    await using house = new House();
    await started(house);
    const before = await look(house);
    const { stderr } = await house.ok(["upgrade"]);
    expect(stderr).toContain(`is Holdfast ${OWN} already`);
    const now = await look(house);
    expect(now.workers).toEqual(before.workers);
    expect(now.supervisor.pid).not.toBe(before.supervisor.pid);
    await heirOf(house);
  });

  it.each([
    ["cannot be loaded", "takeover.cjs", 'throw new Error("half a build");\n', "half a build"],
    ["ends at once", "heir.cjs", "process.exit(3);\n", "it ended with status 3"],
    ["hangs", "takeover.cjs", "for (;;);\n", "it was not ready within 1 seconds"],
    ["says nothing", "heir.cjs", "setInterval(() => {}, 1000);\n", "not ready within 1 seconds"],
  ])("to one that %s fails, and all is as it was", async (_what, file, text, reason) => {
    await using house = new House();
    await started(house);
    const broken = otherVersion(house.root, "99.0.0");
    broken.replace(file, text);
    const before = await look(house);
    const args = ["upgrade", ...(reason.includes("within") ? ["--timeout", "2s"] : [])];
    const end = await house.run(args, { program: broken.program });
    expect([end.status, end.stderr]).toEqual([6, expect.stringContaining(reason)]);
    expect(end.stderr).toContain("code: HF_UPGRADE_FAILED");
    const after = await look(house);
    expect(after.workers).toEqual(before.workers);
    expect(after.supervisor).toEqual(before.supervisor);
  });

  it("to one that does not know the state's format fails", async () => {
    await using house = new House();
    await started(house);
    const file = join(house.home, "state.json");
    const state = readFileSync(file, "utf8");
    writeFileSync(file, state.replace('"version": 1', '"version": 99'));
    const end = await house.run(["upgrade"]);
    expect([end.status, end.stderr]).toEqual([6, expect.stringContaining("format 99")]);
    writeFileSync(file, state);
    expect((await look(house)).supervisor.takeovers).toBe(0);
  });

  it("needs a supervisor, and files that are named in full", async () => {
    await using house = new House();
    const end = await house.run(["upgrade"]);
    expect([end.status, end.stderr]).toEqual([3, expect.stringContaining("HF_NO_SUPERVISOR")]);
    await house.ok(["start", PUPPET, "-n", "web", "-i", "1"]);
    const client = await connectControl(join(house.home, "control.sock"), OWN);
    const asked = { version: "2.0.0", node: "node", heir: "/h.cjs", takeover: "/t.cjs" };
    for (const wrong of [asked, { ...asked, node: "/n", withinMs: 0 }, { version: "2.0.0" }]) {
      const answer = client?.call("upgrade", wrong as never);
      await expect(answer).rejects.toMatchObject({ code: "HF_CONFIG_INVALID" });
    }
    await expect(client?.call("upgrade", { ...asked, node: "/no/node" })).rejects.toMatchObject({
      code: "HF_UPGRADE_FAILED",
      message: expect.stringContaining("ENOENT"),
    });
    client?.close();
  });

  it("is followed by the end where a signal asks for that meanwhile", async () => {
    await using house = new House();
    await started(house);
    const { supervisor, workers } = await look(house);
    const client = await connectControl(join(house.home, "control.sock"), OWN);
    const dist = join(projectRoot, "dist");
    const files = { heir: join(dist, "heir.cjs"), takeover: join(dist, "takeover.cjs") };
    const asked = { version: OWN, node: process.execPath, ...files };
    const next = await client?.call("upgrade", asked);
    client?.close();
    process.kill(supervisor.pid, "SIGTERM");
    const all = [supervisor.pid, next?.pid ?? 0, ...workers.map(Number)];
    await until(() => !all.some(isAlive), { what: "the end of all", timeoutMs: 30_000 });
    expect(log(house)).toMatch(/"signal":"SIGTERM".*\n[\s\S]*supervisor ended/);
  });

  it("works where no heir is wanted, and none is there afterwards", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "web", "-i", "1", "--no-heir"]);
    const before = await look(house);
    expect(before.supervisor.heir).toEqual({ wanted: false, pid: null });
    await house.ok(["upgrade"]);
    const now = await look(house);
    expect(now.supervisor.heir).toEqual({ wanted: false, pid: null });
    expect(now.workers).toEqual(before.workers);
    await house.ok(["start", "web", "--heir"]);
    await heirOf(house);
    expect(JSON.parse(readFileSync(join(house.home, "state.json"), "utf8")).heir).toBe(true);
  });
});

describe("whether a version could follow", () => {
  it("is told by what it finds, and nothing is changed", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "web", "-i", "1"]);
    const fits = (adoption = ADOPTION_PROTOCOL) => unfitness({ directory: house.home, adoption });
    expect(fits()).toBeNull();
    expect(fits(ADOPTION_PROTOCOL + 1)).toContain("protocol");
    const file = join(house.home, "roster", "supervisor.json");
    const text = readFileSync(file, "utf8");
    const damaged = text.replace('"version":1', '"version":77');
    writeFileSync(file, damaged);
    expect(fits()).toContain("format is 77");
    expect(readFileSync(file, "utf8")).toBe(damaged);
    writeFileSync(file, text);
  });
});
