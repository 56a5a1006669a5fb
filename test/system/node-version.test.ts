import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeVersions } from "../../src/system/node-version.ts";

describe("the version of a Node binary", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "hf-node-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function program(name: string, line: string): string {
    const file = join(root, name);
    // Another file in its place, as an installer does it.
    rmSync(file, { force: true });
    writeFileSync(file, `#!/bin/sh\n${line}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  it("is what it says, and what another file in its place says", async () => {
    const versionOf = nodeVersions();
    expect(await versionOf(process.execPath)).toBe(process.versions.node);
    const node = program("node", "echo v22.12.0");
    expect(await versionOf(node)).toBe("22.12.0");
    program("node", "echo v24.1.0-nightly1 # longer");
    expect(await versionOf(node)).toBe("24.1.0-nightly1");
  });
  it("is asked once however many look", async () => {
    let asked = 0;
    const versionOf = nodeVersions(async () => {
      asked += 1;
      return "22.0.0";
    });
    const node = program("node", "");
    expect(await Promise.all([versionOf(node), versionOf(node), versionOf(node)])).toHaveLength(3);
    await versionOf(node);
    expect(asked).toBe(1);
  });
  it("is unknown of what is not there, fails, or says something else", async () => {
    const versionOf = nodeVersions();
    expect(await versionOf(join(root, "none"))).toBeNull();
    expect(await versionOf(program("fails", "echo v22.0.0; exit 1"))).toBeNull();
    expect(await versionOf(program("talks", "echo hello"))).toBeNull();
  });
});
