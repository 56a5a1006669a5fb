/** The structure of the code, held by rules that say what to do when they are broken. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ERRORS } from "../src/errors.ts";
import { errorPageFaults, errorTestFaults } from "./tidy/errors.ts";
import { type Fault, told } from "./tidy/fault.ts";
import { circleFaults, importFaults } from "./tidy/imports.ts";
import { purityFaults } from "./tidy/purity.ts";
import { sizeFaults } from "./tidy/sizes.ts";
import { root, sourcesIn } from "./tidy/source.ts";
import { styleFaults } from "./tidy/style.ts";
import { testFaults } from "./tidy/tests.ts";

const product = sourcesIn("bin", "src");
const scripts = sourcesIn("scripts");
const tests = sourcesIn("test").filter(
  ({ path }) => !path.startsWith("test/nodes/") && !path.startsWith("test/fixtures/"),
);

function none(faults: readonly Fault[]): void {
  expect(told(faults).join("\n")).toBe("");
}

describe("the code is tidy", () => {
  it("finds the code it is to judge", () => {
    expect(product.length).toBeGreaterThan(5);
    expect(tests.length).toBeGreaterThan(5);
  });
  it("imports point one way", () => none(importFaults(product)));
  it("imports run in no circle", () => none(circleFaults(product)));
  it("core and config are pure", () => none(purityFaults(product)));
  it("src has named exports, real types, telling names and no module state", () =>
    none(styleFaults(product)));
  it("files and functions keep to the measure", () => none(sizeFaults([...product, ...scripts])));
});

describe("the error codes", () => {
  const page = readFileSync(join(root, "docs/errors.md"), "utf8");
  const [table] = sourcesIn("src/errors.ts");
  it("are documented in docs/errors.md", () => none(errorPageFaults(ERRORS, page)));
  it("are provoked by tests", () => {
    const provoking = tests.filter(({ path }) => !path.startsWith("test/tidy"));
    none(table === undefined ? [] : errorTestFaults(ERRORS, table, provoking));
  });
});

describe("the tests", () => {
  it("leave nothing out, repeat nothing, and guess neither ports nor waits", () =>
    none(testFaults(tests)));
});
