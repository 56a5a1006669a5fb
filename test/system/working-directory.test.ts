import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { workingDirectory } from "../../src/system/working-directory.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "hf-cwd-")));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("the working directory", () => {
  it("is called what $PWD calls it, when that is where we are", () => {
    const here = process.cwd();
    const link = join(root, "current");
    symlinkSync(here, link);
    mkdirSync(join(root, "elsewhere"));
    expect(workingDirectory({ PWD: link })).toBe(link);
    const lies = [
      undefined,
      "",
      ".",
      "relative",
      join(root, "elsewhere"),
      join(root, "missing"),
      `${link}/.`,
      `${root}/elsewhere/../current`,
    ];
    for (const PWD of lies) expect([PWD, workingDirectory({ PWD })]).toEqual([PWD, here]);
  });
});
