/** Reading logs: the last lines, what comes, and rotations in between. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compressArchives } from "../../src/logs/compress.ts";
import { probeCut } from "../../src/logs/cut.ts";
import { flushLogs } from "../../src/logs/flush.ts";
import { type FollowOptions, followLogs, streamSink } from "../../src/logs/follow.ts";
import { rotateFile } from "../../src/logs/rotate-file.ts";
import type { LogSource } from "../../src/logs/store.ts";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

let folder: string;
const children: ChildProcess[] = [];
const followers: { abort(): Promise<void> }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-follow-"));
});

afterEach(async () => {
  for (const follower of followers.splice(0)) await follower.abort();
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function source(slot: number, stream: "out" | "err" = "out"): LogSource {
  return { app: "web", slot, stream, path: join(folder, `${slot}-${stream}.log`) };
}

const write = (to: LogSource, ...lines: string[]): void =>
  appendFileSync(to.path, lines.map((line) => `${line}\n`).join(""));

/** What is shown, line by line, without following. */
async function shown(sources: LogSource[], options: FollowOptions = {}): Promise<string[]> {
  const parts: Buffer[] = [];
  await followLogs(sources, options, (text) => void parts.push(text));
  return linesOf(parts);
}

function linesOf(parts: readonly Buffer[]): string[] {
  const lines = Buffer.concat(parts).toString("utf8").split("\n");
  expect(lines.pop()).toBe("");
  return lines;
}

function following(sources: LogSource[], options: FollowOptions = {}) {
  const parts: Buffer[] = [];
  const controller = new AbortController();
  const ended = followLogs(
    sources,
    { follow: true, raw: true, everyMs: 5, ...options },
    (text) => void parts.push(text),
    controller.signal,
  );
  const follower = {
    lines: () => linesOf(parts),
    text: () => Buffer.concat(parts).toString("utf8"),
    async abort() {
      controller.abort();
      await ended;
    },
  };
  followers.push(follower);
  return follower;
}

describe("what is there", () => {
  it("is shown with name and slot, the last 15 lines unless told otherwise", async () => {
    write(source(0), ...Array.from({ length: 30 }, (_, n) => `line ${n}`));
    const lines = await shown([source(0)]);
    expect(lines).toEqual(Array.from({ length: 15 }, (_, n) => `web:0 | line ${n + 15}`));
    expect(await shown([source(0)], { lines: 2, prefix: false })).toEqual(["line 28", "line 29"]);
    expect(await shown([source(0)], { lines: 0 })).toEqual([]);
    expect(await shown([source(0)], { lines: null })).toHaveLength(30);
  });

  it("is in order of time where lines tell it, and lines that do not stay behind the one before", async () => {
    const at = (ms: number, msg: string) => JSON.stringify({ level: 30, time: ms, msg });
    write(source(0), at(1000, "a"), "  of a", at(4000, "d"));
    write(source(1), at(2000, "b"), at(3000, "c"), at(5000, "e"));
    const lines = await shown([source(0), source(1)], { prefix: false });
    expect(lines.map((line) => line.replace(/^.*info +/, ""))).toEqual([
      "a",
      "  of a",
      "b",
      "c",
      "d",
      "e",
    ]);
  });

  it("is in order of the files' last writes where no line tells its time", async () => {
    write(source(0), "later");
    write(source(1), "sooner");
    utimesSync(source(1).path, 1000, 1000);
    expect(await shown([source(0), source(1)], { raw: true })).toEqual(["sooner", "later"]);
  });

  it("reaches back into archives, compressed or not", async () => {
    const log = source(0);
    for (let part = 0; part < 3; part++) {
      write(log, ...Array.from({ length: 500 }, (_, n) => `${part * 500 + n} ${"z".repeat(40)}`));
      expect(rotateFile(log.path, { minBytes: 1 }).archive).not.toBeNull();
      if (part === 0) await compressArchives(log.path);
    }
    write(log, "1500 last");
    const numbers = (lines: string[]) => lines.map((line) => Number(line.split(" ")[0]));
    const all = Array.from({ length: 1501 }, (_, n) => n);
    expect(numbers(await shown([log], { lines: null, raw: true }))).toEqual(all);
    expect(numbers(await shown([log], { lines: 1200, raw: true }))).toEqual(all.slice(-1200));
    expect(numbers(await shown([log], { lines: 3, raw: true }))).toEqual(all.slice(-3));
  });

  it("is chosen by time, pattern, level and stream", async () => {
    const log = (level: number, time: number, msg: string) => JSON.stringify({ level, time, msg });
    write(source(0), log(30, 1000, "old"), log(30, 5000, "news"), log(50, 6000, "bad news"));
    write(source(0, "err"), "plain words");
    const sources = [source(0), source(0, "err")];
    const messages = async (options: FollowOptions) =>
      (await shown(sources, { json: true, ...options })).map((line) => {
        const { record, text } = JSON.parse(line) as { record?: { msg: string }; text?: string };
        return record?.msg ?? text;
      });
    expect(await messages({ since: 4000 })).toEqual(["news", "bad news", "plain words"]);
    expect(await messages({ until: 4000 })).toEqual(["old", "plain words"]);
    expect(await messages({ grep: /news/g })).toEqual(["news", "bad news"]);
    expect(await messages({ level: "error" })).toEqual(["bad news"]);
    expect(await messages({ stream: "err" })).toEqual(["plain words"]);
    // The last lines that are wanted, not what is wanted of the last lines.
    expect(await messages({ grep: /old/, lines: 1 })).toEqual(["old"]);
  });

  it("shows pino's lines to people, an error's stack too, and as they are on request", async () => {
    const line = JSON.stringify({
      ...{ level: 50, time: 1_700_000_000_000, pid: 1, hostname: "h", msg: "failed", user: 7 },
      err: { message: "no", stack: "Error: no\n    at here" },
    });
    write(source(3), line);
    expect(await shown([source(3)])).toEqual([
      "web:3 | 22:13:20 error failed  user=7",
      "web:3 |     Error: no",
      "web:3 |         at here",
    ]);
    expect(await shown([source(3)], { raw: true })).toEqual([line]);
    expect(JSON.parse((await shown([source(3)], { json: true }))[0] ?? "")).toMatchObject({
      ...{ app: "web", slot: 3, stream: "out", time: "2023-11-14T22:13:20.000Z" },
      record: { msg: "failed" },
    });
  });

  it("includes a last line without an end, and files that are not there are empty", async () => {
    writeFileSync(source(0).path, "one\ntwo");
    expect(await shown([source(0), source(1)], { raw: true, lines: 1 })).toEqual(
      ["two"].map((l) => l),
    );
  });
});

describe("what comes", () => {
  it("is followed through rotations at full speed: no line is lost, none comes twice", async () => {
    const log = source(0);
    const descriptor = openSync(log.path, "a", 0o640);
    const writer = spawn(process.execPath, [fixture("log-writer.mjs")], {
      stdio: ["ignore", descriptor, "inherit", "ipc"],
    });
    closeSync(descriptor);
    children.push(writer);
    const follower = following([log], { lines: null });
    const methods =
      probeCut(folder) === "collapse-range"
        ? (["collapse-range", "punch-hole", "collapse-range"] as const)
        : ([probeCut(folder)] as const);
    let archived = 0;
    for (const method of methods) {
      const before = statSync(log.path).size;
      await until(() => statSync(log.path).size > before + 2_000_000, {
        what: "output",
        intervalMs: 5,
      });
      rotateFile(log.path, { minBytes: 1, method });
      if (archived++ === 0) await compressArchives(log.path);
    }
    const told = once(writer, "message");
    writer.kill("SIGTERM");
    const [{ lines }] = (await told) as [{ lines: number }];
    if (methods[0] === "copy-truncate") return;
    await until(() => follower.text().includes(`\n${lines - 1} `), {
      what: "the last line",
      timeoutMs: 30_000,
    });
    const seen = follower.lines();
    const wrong = seen.findIndex((line, n) => !line.startsWith(`${n} `));
    expect(wrong === -1 ? "in order" : seen.slice(Math.max(0, wrong - 2), wrong + 3)).toBe(
      "in order",
    );
    expect(seen.length).toBe(lines);
  }, 90_000);

  it("is followed when the file is emptied, and when another takes its place", async () => {
    const log = source(0);
    write(log, "one", "two");
    const follower = following([log]);
    await until(() => follower.text() === "one\ntwo\n", { what: "the first lines" });
    truncateSync(log.path, 0);
    write(log, "3");
    await until(() => follower.text().endsWith("\n3\n"), { what: "the line after truncation" });
    write(log, "4");
    renameSync(log.path, `${log.path}.1`);
    write(log, "5");
    await until(() => follower.lines().length === 5, { what: "the line of the new file" });
    expect(follower.lines()).toEqual(["one", "two", "3", "4", "5"]);
  });

  it("includes files that were not there: one without a beginning, one of a new slot", async () => {
    const sources = [source(0)];
    const follower = following([source(0)], { discover: () => sources });
    write(source(0), "zero");
    await until(() => follower.text() === "zero\n", { what: "the first line" });
    write(source(1), "first of the new slot");
    sources.push(source(1));
    await until(() => follower.lines().length === 2, { what: "the line of the new slot" });
    appendFileSync(source(1).path, "half ");
    appendFileSync(source(1).path, "a line\n");
    await until(() => follower.lines().length === 3, { what: "the third line" });
    expect(follower.lines()).toEqual(["zero", "first of the new slot", "half a line"]);
  });

  it("waits for a slow reader instead of piling up", async () => {
    const log = source(0);
    write(log, ...Array.from({ length: 50_000 }, (_, n) => `${n} ${"w".repeat(50)}`));
    const slow = new PassThrough({ highWaterMark: 1024 });
    const done = followLogs([log], { lines: null, raw: true }, streamSink(slow));
    await until(() => slow.writableNeedDrain, { what: "the stream to be full" });
    expect(slow.writableLength).toBeLessThan(200_000);
    let count = 0;
    slow.on("data", (chunk: Buffer) => {
      count += chunk.toString("latin1").split("\n").length - 1;
    });
    await done;
    await until(() => count === 50_000, { what: "all lines" });
  });
});

it("flushing empties a log that is written to, and deletes its archives", async () => {
  const log = source(0);
  const descriptor = openSync(log.path, "a");
  write(log, ...Array.from({ length: 500 }, () => "x".repeat(50)));
  rotateFile(log.path, { minBytes: 1 });
  expect(flushLogs([log.path, source(9).path])).toEqual({ emptied: 1, deleted: 1, busy: [] });
  appendFileSync(descriptor, "new\n");
  closeSync(descriptor);
  expect(await shown([log], { raw: true, lines: null })).toEqual(["new"]);
});
