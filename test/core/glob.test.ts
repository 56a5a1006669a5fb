import { describe, expect, it } from "vitest";
import { isIgnored } from "../../src/core/glob.ts";

describe("what is left out of watching", () => {
  it.each([
    ["node_modules/x/y.js", ["node_modules"], true],
    ["src/node_modules/x.js", ["node_modules"], true],
    ["src/.git/HEAD", [".*"], true],
    ["src/a.js", [".*", "node_modules"], false],
    ["logs/app.log", ["*.log"], true],
    ["logs/app.log", ["./logs"], true],
    ["logs/deep/er.txt", ["logs/**"], true],
    ["src/logs.js", ["logs"], false],
    ["", ["*"], false],
    ["../beside.js", [".*"], false],
  ])("%s with %j: %s", (path, patterns, expected) => {
    expect(isIgnored(path, patterns)).toBe(expected);
  });
});
