/** Whether there is an heir: as it is written, told, remembered, and undone. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";

const one = { name: "api", script: fixture("puppet.mjs"), instances: 1, env: { PORT: "0" } };

async function heirOf(house: House): Promise<{ wanted: boolean; pid: number | null }> {
  return (await house.overview()).supervisor.heir;
}

function heirSaved(house: House): unknown {
  return JSON.parse(readFileSync(join(house.home, "state.json"), "utf8")).heir;
}

describe("an heir", () => {
  it("is found by commands that are given while it takes over", async () => {
    await using house = new House();
    await house.ok(["start", "-"], { input: JSON.stringify(one) });
    const heir = await until(async () => (await heirOf(house)).pid, { what: "an heir" });
    process.kill((await house.overview()).supervisor.pid, "SIGKILL");
    const [now, again] = await Promise.all([house.overview(), house.ok(["start", "api"])]);
    expect(now.supervisor).toMatchObject({ pid: heir, takeovers: 1 });
    expect(again.stderr).not.toContain("HF_");
    expect((await house.overview()).supervisor.pid).toBe(heir);
  });
});

describe("heir in a file", () => {
  it("is switched off and on at once, told by a dry run, and left as it is where nothing is said", async () => {
    await using house = new House();
    const write = (more: object): string => house.file("apps.json", { apps: [one], ...more });
    const file = write({ heir: false });
    expect((await house.ok(["start", file, "--dry-run"])).stderr).toContain("heir: would be off");
    await house.ok(["start", file]);
    expect([await heirOf(house), heirSaved(house)]).toEqual([{ wanted: false, pid: null }, false]);
    write({});
    expect((await house.ok(["start", file])).stderr).not.toContain("heir");
    write({ heir: true });
    expect((await house.ok(["start", file, "--dry-run"])).stderr).toContain("heir: would be on");
    expect(await heirOf(house)).toEqual({ wanted: false, pid: null });
    expect((await house.ok(["start", file])).stderr).toContain("heir: on");
    const { pid } = await until(async () => (await heirOf(house)).pid !== null && heirOf(house), {
      what: "an heir",
    });
    expect(heirSaved(house)).toBe(true);
    // The command line goes before the file.
    expect((await house.ok(["start", file, "--no-heir"])).stderr).toContain("heir: off");
    await until(() => !isAlive(pid ?? 0), { what: "the heir's end" });
    expect([await heirOf(house), heirSaved(house)]).toEqual([{ wanted: false, pid: null }, false]);
    const { stdout } = await house.ok(["metrics"]);
    expect(stdout).toMatch(/^holdfast_heir_up 0$/m);
    expect(stdout).toMatch(/^holdfast_takeovers_total 0$/m);
  });

  it("is refused where it is neither true nor false", async () => {
    await using house = new House();
    const file = house.file("apps.json", { apps: [one], heir: "yes" });
    expect(await house.run(["start", file])).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('heir: received "yes", expected true or false'),
    });
  });
});
