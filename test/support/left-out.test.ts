/** What the end of a test run says of tests that were left out. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { projectRoot } from "./holdfast.ts";

// Below the project: what a test imports is found from where it lies.
const folder = mkdtempSync(join(projectRoot, "node_modules/.holdfast-left-out-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CONFIG = `import { LeftOut } from "${join(projectRoot, "test/support/left-out.ts")}";
export default { test: { include: ["*.try.ts"], includeTaskLocation: true, reporters: [new LeftOut()] } };
`;
const SOME = `import { describe, it } from "vitest";
it("runs", () => {});
// skip: there is no moon here.
it.skipIf(true)(
  "[moon] shines",
  () => {},
);
it("asks and leaves", (context) => context.skip(true, "it is Monday"));
// skip: the sea is elsewhere
describe.skipIf(true)("the sea", () => {
  it("is salty", () => {});

  it("is wide", () => {});
});

it.todo("is nobody's");
`;

function said(tests: string, ...flags: readonly string[]): readonly string[] {
  writeFileSync(join(folder, "vitest.config.ts"), CONFIG);
  writeFileSync(join(folder, "some.try.ts"), tests);
  const vitest = join(projectRoot, "node_modules/vitest/vitest.mjs");
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [vitest, "run", "--root", folder, ...flags],
    { encoding: "utf8", env: { PATH: process.env.PATH, NO_COLOR: "1" } },
  );
  expect(status, stderr).toBe(0);
  return stdout.trim().split("\n");
}

it("names each with its reason and its file", () => {
  expect(said(SOME)).toEqual([
    "Left out: [moon] shines: there is no moon here (some.try.ts)",
    "Left out: asks and leaves: it is Monday (some.try.ts)",
    "Left out: the sea > is salty: the sea is elsewhere (some.try.ts)",
    "Left out: the sea > is wide: the sea is elsewhere (some.try.ts)",
    "Left out: is nobody's: no reason is given (some.try.ts)",
  ]);
});

it("says so where there are none", () => {
  expect(said('import { it } from "vitest";\nit("runs", () => {});')).toEqual([
    "Nothing was left out.",
  ]);
});

it("passes over what -t has not asked for", () => {
  expect(said(SOME, "-t", "the sea is wide")).toEqual([
    "Left out: the sea > is wide: the sea is elsewhere (some.try.ts)",
  ]);
  expect(said(SOME, "-t", "runs")).toEqual(["Nothing was left out."]);
});
