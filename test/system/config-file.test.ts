import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findConfigFile, readConfigFile, readVariablesFile } from "../../src/system/config-file.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-config-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const value = async (name: string, text: string): Promise<unknown> =>
  (await readConfigFile(write(name, text))).value;

describe("findConfigFile", () => {
  it("prefers Holdfast's name, then the kinds in their order", () => {
    const at = (name: string): string => write(`find/${name}`, "");
    expect(findConfigFile(join(folder, "nowhere"))).toBe(null);
    mkdirSync(join(folder, "find/holdfast.config.ts"), { recursive: true });
    for (const name of ["ecosystem.config.json", "ecosystem.config.cjs", "holdfast.config.json"]) {
      const path = at(name);
      expect(findConfigFile(join(folder, "find"))).toBe(path);
    }
    at("ecosystem.config.ts");
    expect(findConfigFile(join(folder, "find"))).toBe(join(folder, "find/holdfast.config.json"));
  });
});

describe("readConfigFile", () => {
  it("says where the file is and whether it is named as PM2's are", async () => {
    const path = write("here/ecosystem.json", '{"script":"a.js"}');
    expect(await readConfigFile(path)).toEqual({
      value: { script: "a.js" },
      path,
      directory: join(folder, "here"),
      pm2Defaults: true,
    });
    const other = write("here/holdfast.config.json", "[]");
    expect(await readConfigFile(other)).toMatchObject({ value: [], pm2Defaults: false });
  });

  it("takes JSON as PM2 does: comments, trailing commas, single quotes, bare keys", async () => {
    const text = "\uFEFF// a\n{ apps: [{ 'script': \"a.js\", /* b */ }, ], }";
    expect(await value("loose.json", text)).toEqual({ apps: [{ script: "a.js" }] });
  });

  it("reads standard input as JSON", async () => {
    const input = Readable.from(['{"script":', '"a.js"}']);
    expect(await readConfigFile("-", { input })).toEqual({
      value: { script: "a.js" },
      path: "-",
      directory: process.cwd(),
      pm2Defaults: false,
    });
  });

  it.each([
    ["c.cjs", 'module.exports = { script: "a.js" }'],
    ["e.mjs", 'export default { script: "a.js" }'],
    ["n.mjs", 'export const script = "a.js"'],
    ["f.cjs", 'module.exports = async () => ({ script: "a.js" })'],
    ["p.mjs", 'export default Promise.resolve({ script: "a.js" })'],
    ["t.cjs", 'exports.__esModule = true; exports.default = { script: "a.js" }'],
    ["commonjs/c.js", 'module.exports = { script: require("node:path").join("a.js") }'],
    ["module/e.js", 'import { join } from "node:path"; export default { script: join("a.js") }'],
    ["open.cjs", 'setInterval(() => {}, 1000); module.exports = { script: "a.js" }'],
    ["prints.cjs", 'console.error("told"); module.exports = { script: "a.js" }'],
  ])("runs %s: %s", async (name, text) => {
    write("commonjs/package.json", '{"type":"commonjs"}');
    write("module/package.json", '{"type":"module"}');
    expect(await value(name, text)).toEqual({ script: "a.js" });
  });

  it("reads what a program imports afresh, too", async () => {
    const path = write("fresh.cjs", 'module.exports = require("./base.cjs")');
    for (const name of ["one", "two"]) {
      write("base.cjs", `module.exports = { name: "${name}" }`);
      expect((await readConfigFile(path)).value).toEqual({ name });
    }
  });

  it("runs TypeScript where Node strips types, and says where it does not", async () => {
    const path = write("h.ts", 'export default { script: "a.js" as string }');
    const canStrip =
      Boolean((process.features as { typescript?: unknown }).typescript) ||
      process.allowedNodeEnvironmentFlags.has("--experimental-strip-types");
    const reading = readConfigFile(path);
    if (canStrip) expect((await reading).value).toEqual({ script: "a.js" });
    else
      await expect(reading).rejects.toMatchObject({
        code: "HF_CONFIG_FILE_UNSUPPORTED",
        details: { reason: expect.stringContaining(process.version) },
        remedy: expect.stringContaining("22.6"),
      });
  });
});

describe("what is wrong with a file is told", () => {
  it.each([
    ["c.yml", "apps: []", "HF_CONFIG_FILE_UNSUPPORTED", { reason: "YAML" }],
    ["c.toml", "", "HF_CONFIG_FILE_UNSUPPORTED", { reason: ".toml" }],
    ["none", "", "HF_CONFIG_FILE_UNSUPPORTED", {}],
    ["empty.json", " \n", "HF_CONFIG_FILE_EMPTY", {}],
    ["empty.cjs", "", "HF_CONFIG_FILE_EMPTY", {}],
    ["empty.mjs", "export default undefined", "HF_CONFIG_FILE_EMPTY", {}],
    ["bad.json", '{\n"apps": [\n}', "HF_CONFIG_FILE_SYNTAX", { line: 3 }],
    ["bad.cjs", "module.exports = {\n  apps: [\n}", "HF_CONFIG_FILE_SYNTAX", { line: 3 }],
    ["bad.mjs", "export default {\n  apps: [}", "HF_CONFIG_FILE_SYNTAX", { line: 2 }],
    [
      "throws.cjs",
      '\nthrow new TypeError("no")',
      "HF_CONFIG_FILE_FAILED",
      { line: 2, cause: "threw TypeError: no" },
    ],
    ["says.mjs", 'throw "no"', "HF_CONFIG_FILE_FAILED", { cause: "threw no" }],
    [
      "later.cjs",
      'setTimeout(() => { throw new Error("x") }); module.exports = new Promise(() => {})',
      "HF_CONFIG_FILE_FAILED",
      { line: 1 },
    ],
    [
      "exits.cjs",
      "process.exit(3)",
      "HF_CONFIG_FILE_FAILED",
      { cause: expect.stringContaining("status 3") },
    ],
    [
      "dies.cjs",
      'process.kill(process.pid, "SIGKILL"); for (;;);',
      "HF_CONFIG_FILE_FAILED",
      { cause: expect.stringContaining("SIGKILL") },
    ],
    [
      "waits.mjs",
      "await new Promise(() => {}); export default {}",
      "HF_CONFIG_FILE_FAILED",
      { cause: expect.stringContaining("nothing settles") },
    ],
    [
      "function.cjs",
      "module.exports = { apps: [{ script: () => 1 }] }",
      "HF_CONFIG_FILE_FAILED",
      { cause: expect.stringContaining("plain data") },
    ],
    [
      "esm/c.js",
      "module.exports = {}",
      "HF_CONFIG_FILE_FAILED",
      { cause: expect.stringContaining(".cjs") },
    ],
  ])("%s: %j", async (name, text, code, details) => {
    write("esm/package.json", '{"type":"module"}');
    const path = write(name, text);
    await expect(readConfigFile(path)).rejects.toMatchObject({
      code,
      details: { file: path, ...details },
    });
  });

  it("a program that never ends is ended", async () => {
    const path = write("loops.cjs", "for (;;);");
    await expect(readConfigFile(path, { timeoutMs: 500 })).rejects.toMatchObject({
      code: "HF_CONFIG_FILE_FAILED",
      details: { cause: "was not done after 0.5 seconds" },
    });
  });

  it("a file that is not there, and a folder", async () => {
    await expect(readConfigFile(join(folder, "no.json"))).rejects.toMatchObject({
      code: "HF_CONFIG_FILE_NOT_FOUND",
    });
    await expect(readConfigFile(folder)).rejects.toMatchObject({
      code: "HF_CONFIG_FILE_UNREADABLE",
      details: { reason: "it is a directory" },
    });
  });
});

describe("readVariablesFile", () => {
  it("gives the text, or why there is none", () => {
    expect(readVariablesFile(write(".env", "A=1"))).toEqual({ text: "A=1" });
    expect(readVariablesFile(join(folder, "no"))).toEqual({ reason: "there is no such file" });
    expect(readVariablesFile(folder)).toEqual({ reason: "it is a directory" });
    const large = write("large", "x".repeat(1024 * 1024 + 1));
    expect(readVariablesFile(large)).toEqual({ reason: "it is larger than 1 MiB" });
  });
});
