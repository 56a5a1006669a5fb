/** docs/cli-output.md names the fields that are printed, all of them and no others. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, projectRoot } from "../../support/holdfast.ts";
import { House } from "../../support/house.ts";
import { until } from "../../support/until.ts";

type Fields = Record<string, unknown>;

describe("the page of the JSON output", () => {
  it("is what a running supervisor prints, field by field", async () => {
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "1"]);
    await house.ok(["reload", "web"]);
    await house.ok(["signal", "SIGKILL", "web"]);
    const app = await until(
      async () => {
        const { data } = await printed(house, "json");
        const [found] = data.apps as readonly Fields[];
        const [slot] = (found?.slots ?? []) as readonly Fields[];
        return found?.lastExit && slot?.state === "ready" ? found : null;
      },
      { what: "the worker that was killed to be replaced" },
    );
    const { version, data } = await printed(house, "json");
    expect(version).toBe(1);
    expect(Object.keys(data).sort()).toEqual(["apps", "supervisor"]);
    const parts: Record<string, unknown> = {
      supervisor: data.supervisor,
      app,
      lastExit: app.lastExit,
      lastReload: app.lastReload,
      worker: (app.workers as readonly unknown[])[0],
      slot: (app.slots as readonly unknown[])[0],
    };
    for (const [section, value] of Object.entries(parts)) {
      const names = Object.keys(value as Fields).sort();
      expect([section, names]).toEqual([section, [...documented(section)].sort()]);
    }
    const line = await printed(house, "ndjson");
    expect(Object.keys(line.data).sort()).toEqual([...documented("app")].sort());
  });
});

async function printed(
  house: House,
  format: string,
): Promise<{ readonly version: number; readonly data: Fields }> {
  return JSON.parse((await house.ok(["list", "-o", format])).stdout);
}

/** The fields in the table of a section. */
function documented(section: string): readonly string[] {
  const page = readFileSync(join(projectRoot, "docs/cli-output.md"), "utf8");
  const [, part = ""] = page.split(new RegExp(`^## ${section}$`, "m"));
  const [table = ""] = part.split(/^## /m);
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name ?? "");
}
