/** The rules themselves: each finds what it forbids and leaves alone what only looks like it. */
import { describe, expect, it } from "vitest";
import { errorPageFaults, errorTestFaults } from "./errors.ts";
import type { Fault } from "./fault.ts";
import { circleFaults, importFaults } from "./imports.ts";
import { purityFaults } from "./purity.ts";
import { functionsOf, sizeFaults } from "./sizes.ts";
import { codeOf, type Source, source } from "./source.ts";
import { styleFaults } from "./style.ts";
import { testFaults } from "./tests.ts";

type Rule = (files: readonly Source[]) => Fault[];

function found(rule: Rule, path: string, ...lines: readonly string[]): string[] {
  return rule([source(path, lines.join("\n"))]).map((fault) => `${fault.rule}:${fault.line}`);
}

describe("code without what is not code", () => {
  it.each([
    ['a("any // x") // any', 'a("        ")       '],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a program, as text
    ["a(`x ${b + `y${c}`} z`)", "a(`  ${b + ` ${c}`}  `)"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a program, as text
    ["a(`${{ b: 1 }.b} c`)", "a(`${{ b: 1 }.b}  `)"],
    ['x = /[/"]/g.test(y) / 2', "x = /     g.test(y) / 2"],
    ["/* a\nb */ c", "    \n     c"],
  ])("%j", (text, code) => expect(codeOf(text)).toBe(code));
});

describe("imports", () => {
  it.each([
    ["src/core/app.ts", 'import { x } from "node:fs";'],
    ["src/core/app.ts", 'import { x } from "../supervisor/loop.ts";'],
    ["src/core/app.ts", 'import {\n  x,\n} from "../config/options.ts";'],
    ["src/supervisor/loop.ts", 'import { x } from "../agent/main.ts";'],
    ["src/supervisor/loop.ts", 'export { x } from "../cli/run.ts";'],
    ["src/cli/run.ts", 'const x = await import("../core/app.ts");'],
    ["src/agent/main.ts", 'import pino from "pino";'],
    ["src/index.ts", 'export { step } from "./core/app.ts";'],
    ["src/stray/thing.ts", 'import "node:fs";'],
  ])("%s may not: %s", (path, text) => expect(found(importFaults, path, text)).toHaveLength(1));
  it.each([
    ["src/core/app.ts", 'import { x } from "./worker.ts"; import { y } from "../errors.ts";'],
    ["src/core/app.ts", 'import type { Options } from "../config/options.ts";'],
    ["src/core/app.ts", 'import { type Options } from "../config/options.ts";'],
    ["src/core/app.ts", 'const from = "node:fs"; // import { x } from "node:fs"'],
    ["src/agent/main.ts", 'import { x } from "../core/gate.ts"; import net from "node:net";'],
    ["src/index.ts", 'export type { Snapshot } from "./core/snapshot.ts";'],
    ["bin/holdfast.ts", 'import module from "node:module"; import("../src/cli/main.ts");'],
  ])("%s may: %s", (path, text) => expect(found(importFaults, path, text)).toEqual([]));
  it("sees a circle, once", () => {
    const circle = [
      source("src/core/a.ts", 'import { b } from "./b.ts";'),
      source("src/core/b.ts", 'export * from "./c.ts";'),
      source("src/core/c.ts", 'import { a } from "./a.ts";'),
    ];
    expect(circleFaults(circle).map(({ what }) => what)).toEqual([
      "imports run in a circle: src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts",
    ]);
    expect(circleFaults(circle.slice(1))).toEqual([]);
    const byType = source("src/core/c.ts", 'import type { A } from "./a.ts";');
    expect(circleFaults([...circle.slice(0, 2), byType])).toEqual([]);
  });
});

describe("purity", () => {
  it.each(["Date.now()", "Math.random()", "setTimeout(f, 1)", "process.pid", "console.log()"])(
    "no %s",
    (text) =>
      expect(found(purityFaults, "src/core/a.ts", `const x = () => ${text};`)).toHaveLength(1),
  );
  it.each(["async () => {}", "function* g() { await x; }", "performance.now()"])("no %s", (text) =>
    expect(found(purityFaults, "src/config/a.ts", `const x = ${text}`)).toHaveLength(1),
  );
  it("names in comments and strings are free, and so are other rooms", () => {
    const text =
      '// Date.now() is not\nconst a = "process.env"; b.process.c; interface D { async: 1 }';
    expect(found(purityFaults, "src/core/a.ts", text)).toEqual([]);
    expect(found(purityFaults, "src/system/a.ts", "Date.now()")).toEqual([]);
  });
});

describe("style", () => {
  it.each([
    ["src/a.ts", "export default 1;"],
    ["src/a.ts", "const x = y as any;"],
    ["src/a.ts", "function f(x: Record<string, any[]>) {}"],
    ["src/a.ts", "let count = 0;"],
    ["src/a.ts", "export let count = 0;"],
    ["src/core/string-utils.ts", ""],
    ["src/helpers/one.ts", ""],
    ["src/common.ts", ""],
  ])("%s: %s", (path, text) => expect(found(styleFaults, path, text)).toHaveLength(1));
  it("leaves alone", () => {
    const text = "AbortSignal.any([a]); function f() {\n  let x = 0;\n}\nconst many = { any: 1 };";
    expect(found(styleFaults, "src/commonplace.ts", text)).toEqual([]);
  });
});

describe("sizes", () => {
  const body = (lines: number) => Array.from({ length: lines }, () => "  x();");
  it("knows functions by their heads", () => {
    const text = `function a<T>(b: { c: T }): { d: number } {
  return { d: 1 };
}
export const e = async (
  f: string,
): Promise<void> => {
};
class G {
  constructor() {
  }
  override h(i = () => ({})): Map<string, { j: number }> {
  }
  abstract k(): void;
}
declare function l(): void;
if (x) {
}`;
    expect(functionsOf(source("a.ts", text)).map(({ name, from, to }) => [name, from, to])).toEqual(
      [
        ["a", 1, 3],
        ["e", 4, 7],
        ["constructor", 9, 10],
        ["h", 11, 12],
      ],
    );
  });
  it("a long function needs a reason on the line above", () => {
    const long = ["function a() {", ...body(49), "}"];
    expect(found(sizeFaults, "src/a.ts", ...long)).toEqual(["size-of-function:1"]);
    expect(
      found(sizeFaults, "src/a.ts", "// tidy: one table, read from top to end", ...long),
    ).toEqual([]);
    expect(found(sizeFaults, "src/a.ts", "// tidy: no", ...long)).toEqual(["size-of-function:2"]);
    expect(found(sizeFaults, "src/a.ts", "function a() {", ...body(48), "}")).toEqual([]);
  });
  it("a long file needs a reason at its head", () => {
    expect(found(sizeFaults, "src/a.ts", ...body(251))).toEqual(["size-of-file:1"]);
    expect(found(sizeFaults, "src/a.ts", "// tidy: one table of options", ...body(250))).toEqual(
      [],
    );
    expect(found(sizeFaults, "src/a.ts", ...body(250))).toEqual([]);
  });
});

describe("error codes", () => {
  const errors = { HF_A: { exitStatus: 1 }, HF_B: { exitStatus: 78 } };
  it("are compared both ways", () => {
    const page = "# Errors\n\n### HF_A\n\nExit status 1.\n\n### HF_C\n\nExit status 1.\n";
    expect(errorPageFaults(errors, page).map(({ what }) => what)).toEqual([
      "HF_B of src/errors.ts has no section",
      "HF_C is not in src/errors.ts",
    ]);
    const wrong = "### HF_A\n\nExit status 12.\n\n### HF_B\n\nExit status 78.\n";
    expect(errorPageFaults(errors, wrong).map(({ line }) => line)).toEqual([1]);
  });
  it("count as tested where a test names them", () => {
    const table = source("src/errors.ts", "HF_A\nHF_B");
    const tests = [source("test/a.test.ts", 'code: "HF_A"')];
    expect(errorTestFaults(errors, table, tests).map(({ line }) => line)).toEqual([2]);
  });
});

describe("tests", () => {
  it.each([
    ["no-only", "it.only('x', f);"],
    ["no-only", "describe.each([1]).only('x', f);"],
    ["no-retry", "it('x', { retry: 2 }, f);"],
    ["no-fixed-port", "server.listen(3000);"],
    ["no-fixed-port", "server.listen({ host: 'x', port: 8080 });"],
    ["no-sleep", "await new Promise((done) => setTimeout(done, 10));"],
    ["no-sleep", "await new Promise<void>((done) => { setTimeout(done, 10); });"],
    ["no-silent-skip", "it.skip('a long name of a test', f);"],
    ["no-silent-skip", "context.skip();"],
    ["no-silent-skip", "it.skipIf(old)('a long name of a test', f);"],
  ])("%s: %s", (rule, text) =>
    expect(found(testFaults, "test/a.test.ts", text)).toEqual([`${rule}:1`]),
  );
  it.each([
    "server.listen(0); server.listen({ port: 0 }); server.listen(port);",
    "context.skip(old, 'Node 20 has no such thing');",
    "// skip: Linux alone has /proc\nit.skipIf(mac)('reads /proc', f);",
    "const timer = setTimeout(f, 10); only.x; config.retry;",
  ])("leaves alone: %s", (text) => expect(found(testFaults, "test/a.test.ts", text)).toEqual([]));
  it("waits belong to test/support", () =>
    expect(
      found(testFaults, "test/support/a.ts", "await new Promise((r) => setTimeout(r, 1))"),
    ).toEqual([]));
});
