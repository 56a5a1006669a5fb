/** "holdfast/bus" is loaded by programs that want nothing else of Holdfast: it loads little, and no package. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../support/holdfast.ts";

const ROOMS = ["agent", "bus", "bus.ts", "config", "core", "errors.ts", "link", "system"];

/** The files and packages a module loads, itself among them; types are not loaded. */
function loadedBy(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.startsWith("/")) return seen;
  const statements = /^(?:import|export)\s+(?!type\b)(?:[^;"']*?\sfrom\s+)?"([^"]+)"/gm;
  for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(statements)) {
    loadedBy(specifier.startsWith(".") ? join(dirname(file), specifier) : specifier, seen);
  }
  return seen;
}

describe("holdfast/bus", () => {
  it("loads neither the supervisor nor a package", () => {
    const loaded = [...loadedBy(join(projectRoot, "src/bus.ts"))];
    const files = loaded.filter((name) => name.startsWith("/"));
    const rooms = files.map((file) => relative(join(projectRoot, "src"), file).split("/")[0]);
    expect([...new Set(rooms)].sort()).toEqual(ROOMS);
    const packages = loaded.filter((name) => !name.startsWith("/") && !name.startsWith("node:"));
    expect(packages).toEqual([]);
    expect(files.length).toBeLessThan(80);
  });

  it("is what the package's main entry gives, too", () => {
    const program = `
      const [own, main] = await Promise.all(
        ["holdfast/bus", "holdfast"].map((entry) => import(entry)),
      );
      const same = (entry) => Object.keys(own).every((name) => entry[name] === own[name]);
      console.log(Object.keys(own).sort().join(), same(main));`;
    const options = { cwd: projectRoot, encoding: "utf8" } as const;
    const run = spawnSync(process.execPath, ["--input-type=module", "-e", program], options);
    expect(run.stdout, run.stderr).toBe("BusRemoteError,bus,connect true\n");
  });
});
