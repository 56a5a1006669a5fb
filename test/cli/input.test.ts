/** Bad input: a clear error that says what, why and what to do, the right exit status, nothing started. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, runCommand } from "../support/holdfast.ts";

const puppet = fixture("puppet.mjs");

describe("holdfast run, given", () => {
  const cases: { title: string; args: string[]; code: number; says: RegExp[] }[] = [
    { title: "no script", args: ["run"], code: 2, says: [/missing required argument 'script'/] },
    {
      title: "an unknown option",
      args: ["run", puppet, "--instnces", "2"],
      code: 2,
      says: [/unknown option '--instnces'/, /Did you mean --instances/],
    },
    {
      title: "a script that is not there",
      args: ["run", "server.js"],
      code: 78,
      says: [/HF_SCRIPT_NOT_FOUND/, /There is no script "server.js"/, /fix: /],
    },
    {
      title: "a directory without an entry point",
      args: ["run", "."],
      code: 78,
      says: [/HF_SCRIPT_NO_MAIN/],
    },
    {
      title: "0 instances",
      args: ["run", puppet, "-i", "0"],
      code: 78,
      says: [
        /HF_CONFIG_INVALID/,
        /--instances: received "0"; 0 is not accepted, "max" uses every CPU/,
      ],
    },
    {
      title: "NaN instances",
      args: ["run", puppet, "-i", "NaN"],
      code: 78,
      says: [/--instances: received "NaN"/],
    },
    {
      title: "10,000 instances",
      args: ["run", puppet, "-i", "10000"],
      code: 78,
      says: [/from 1 to 1024/],
    },
    {
      title: "something that names no session",
      args: ["run", puppet, "--sticky", "cookie,sid"],
      code: 78,
      says: [/HF_CONFIG_INVALID/, /--sticky: received "sid", expected "socket\.io", "cookie"/],
    },
    {
      title: "several faults at once",
      args: ["run", puppet, "-i", "x", "--min-uptime", "soon", "--env", "FOO"],
      code: 78,
      says: [/has 3 faults/, /--env\[0\]/, /--min-uptime: received "soon"/],
    },
  ];
  for (const { title, args, code, says } of cases) {
    it(title, async () => {
      const result = await runCommand(args);
      expect(result.code).toBe(code);
      for (const pattern of says) expect(result.stderr).toMatch(pattern);
      expect(result.stderr).not.toMatch(/^\s+at /m);
      expect(result.stdout).not.toContain("worker");
    });
  }

  it("TypeScript: runs it where Node strips types, and says what is needed where it does not", async () => {
    // Node strips no types below node_modules.
    const folder = mkdtempSync(join(tmpdir(), "hf-types-"));
    const file = join(folder, "app.ts");
    writeFileSync(file, "const text: string = 'typed';\nconsole.log(text);\nprocess.exit(0);\n");
    const result = await runCommand(["run", file, "-i", "1", "--max-restarts", "0"], {
      timeoutMs: 4000,
    }).catch((error: Error) => error);
    rmSync(folder, { recursive: true, force: true });
    // Where it runs, the app ends at once and the supervisor waits to try again: the time-out of this test stops it.
    const said = result instanceof Error ? result.message : `${result.stdout}${result.stderr}`;
    if (process.features && "typescript" in process.features && process.features.typescript)
      expect(said).toContain("typed");
    else expect(said).toMatch(/HF_SCRIPT_UNSUPPORTED[\s\S]*|Node 22\.18/);
  }, 20_000);
});
