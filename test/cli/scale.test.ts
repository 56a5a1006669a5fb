/** `scale` with a range, and a number for an app that has one, through the built command. */

import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { House } from "../support/house.ts";

const PUPPET = fixture("puppet.mjs");

describe("a number of workers that follows the load", () => {
  it("is set with -i, by scale and in a file, shown, fixed again, and survives the supervisor", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "web", "-i", "2..4", "--min-uptime", "100ms"]);
    expect((await house.ok(["list"])).stdout).toMatch(/ready +2\/2 \(2\.\.4\)/);
    expect((await house.ok(["status", "web"])).stdout).toContain("2 of 2 (2..4) ready");

    const fixed = await house.ok(["scale", "web", "3"]);
    expect(fixed.stderr).toContain("scaled to 3, and no longer following the load");
    expect((await house.overview()).apps[0]).toMatchObject({ instances: 3, range: null });
    expect((await house.ok(["scale", "web", "+1"])).stderr).toContain("scaled to 4");

    const again = await house.ok(["scale", "web", "1..3"]);
    expect(again.stderr).toContain("scaled to 1..3, following the load");
    const range = { min: 1, max: 3 };
    expect((await house.overview()).apps[0]).toMatchObject({ instances: 3, range });

    await house.ok(["shutdown"]);
    await house.ok(["resurrect"]);
    expect((await house.overview()).apps[0]).toMatchObject({ instances: 1, range });

    const end = await house.run(["scale", "web", "3..1"]);
    expect(end.status).toBe(78);
    expect(end.stderr).toContain("received 3 for min, expected at most max, which is 1");
  });

  it("a file's range is planned, applied and validated like any other number", async () => {
    await using house = new House();
    const app = { script: PUPPET, name: "web", minUptime: "100ms" };
    const write = (instances: unknown): string =>
      house.file("holdfast.config.json", { ...app, instances });
    write(1);
    await house.ok(["start"]);
    write({ min: 2, max: 4, downAfter: "10m" });
    const dry = await house.ok(["start", "--dry-run"]);
    expect(dry.stderr).toContain("web: instances 1 -> 2..4, down after 10 m");
    expect((await house.ok(["validate"])).stderr).toContain("web (2..4, down after 10 m)");
    await house.ok(["start"]);
    const [found] = (await house.overview()).apps;
    expect(found).toMatchObject({ instances: 2, ready: 2, range: { min: 2, max: 4 } });
    expect((await house.ok(["start"])).stderr).not.toContain("instances");
  });
});
