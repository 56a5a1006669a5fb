/** Where logs lie, what cannot be opened, and how instants and patterns are written. */

import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../../src/logs/faults.ts";
import { fileOutlets } from "../../src/logs/outlet.ts";
import { createLogStore, logPath, logSources } from "../../src/logs/store.ts";
import { instantOf, patternOf } from "../../src/logs/when.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the path of a log", () => {
  it.each([
    [{}, "/logs/web/2-out.log"],
    [{ mergeLogs: true }, "/logs/web/out.log"],
    [{ outFile: "/var/log/web.log", mergeLogs: true }, "/var/log/web.log"],
    [{ outFile: "own.log", cwd: "/srv" }, "/srv/own.log"],
    [{ outFile: "/dev/null" }, null],
    [{ outFile: null }, "/logs/web/2-out.log"],
    [{ name: ".." }, "/logs/app-../2-out.log"],
  ])("of %j is %s", (target, path) =>
    expect(logPath("/logs", { name: "web", ...target }, 2, "out")).toBe(path),
  );

  it("is named once for slots that share it", () => {
    const own = logSources("/logs", { name: "web" }, [0, 1]);
    expect(own.map(({ slot, stream }) => `${slot} ${stream}`)).toEqual([
      "0 out",
      "0 err",
      "1 out",
      "1 err",
    ]);
    const merged = logSources(
      "/logs",
      { name: "web", mergeLogs: true, errorFile: "/dev/null" },
      [0, 1],
    );
    expect(merged).toEqual([{ app: "web", slot: null, stream: "out", path: "/logs/web/out.log" }]);
  });
});

describe("the store", () => {
  it("tells what cannot be opened once, and again after it was mended", () => {
    const store = createLogStore(folder);
    const faults: Fault[] = [];
    store.onFault((fault) => faults.push(fault));
    const target = { name: "web", outFile: join(folder, "pipe") };
    spawnSync("mkfifo", [target.outFile]);
    expect([store.open(target, 0, "out"), store.open(target, 1, "out")]).toEqual([null, null]);
    expect(faults.map(({ kind, path }) => [kind, path])).toEqual([["open", target.outFile]]);
    rmSync(target.outFile);
    const opened = store.open(target, 0, "out");
    closeSync(opened?.descriptor ?? -1);
    rmSync(target.outFile);
    spawnSync("mkfifo", [target.outFile]);
    store.open(target, 0, "out");
    expect(faults).toHaveLength(2);
  });

  it("knows a worker's last words: stderr's, else stdout's, from its start on, 20 lines", () => {
    const store = createLogStore(folder);
    const out = join(folder, "web/0-out.log");
    const err = join(folder, "web/0-err.log");
    const start = () =>
      fileOutlets(store)({ name: "web" }, 0).started({ stdout: null, stderr: null });
    const first = start();
    appendFileSync(out, "one\ntwo");
    expect(first.last()).toEqual(["one", "two"]);
    appendFileSync(err, Array.from({ length: 30 }, (_, n) => `${n}\n`).join(""));
    expect(first.last()).toEqual(Array.from({ length: 20 }, (_, n) => String(n + 10)));
    const second = start();
    expect(second.last()).toEqual([]);
    appendFileSync(err, `${"x".repeat(200_000)}\nlast\n`);
    expect(second.last()).toEqual(["last"]);
    truncateSync(err, 0);
    appendFileSync(err, "after\n");
    expect(second.last()).toEqual(["after"]);
    rmSync(err);
    rmSync(out);
    expect(second.last()).toEqual([]);
  });

  it("still knows them when a rotation has made the file shorter", () => {
    const store = createLogStore(folder);
    const err = join(folder, "web/0-err.log");
    const before = fileOutlets(store)({ name: "web" }, 0);
    before.started({ stdout: null, stderr: null });
    appendFileSync(err, "old words\n".repeat(1000));
    const worker = fileOutlets(store)({ name: "web" }, 0).started({ stdout: null, stderr: null });
    writeFileSync(err, "old words\nnew words\n");
    store.shortened(err, 9990);
    expect(worker.last()).toEqual(["new words"]);
  });
});

describe("words of the command line", () => {
  const now = Date.parse("2026-11-21T07:00:00Z");
  it.each([
    ["10m", now - 600_000],
    ["1.5h", now - 5_400_000],
    ["2026-11-21T06:00:00Z", now - 3_600_000],
    ["2026-11-21 06:00:00Z", now - 3_600_000],
    ["yesterday", null],
    ["10", null],
  ])("instant %s", (text, at) => expect(instantOf(text, now)).toBe(at));

  it("pattern", () => {
    expect(patternOf("a.b(c").test("xa.b(c")).toBe(true);
    expect(patternOf("a.b").test("axb")).toBe(false);
    expect(patternOf("/A.b/i").test("axb")).toBe(true);
    expect(() => patternOf("/(/")).toThrow(SyntaxError);
  });
});
