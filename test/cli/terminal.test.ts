/** What `holdfast run` prints: for people on a terminal, for machines in a pipe or a file. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { stage, stop } from "../promises/stage.ts";
import { fixture, freePort, projectRoot } from "../support/holdfast.ts";
import { Output } from "../support/output.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { terminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";

const ESCAPE = "\u001b[";
const folder = mkdtempSync(join(tmpdir(), "hf-terminal-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const marker = `terminal-${process.pid}-${Date.now().toString(36)}`;
afterEach(async () => {
  killLeftovers(marker);
  await expectNoLeftovers(marker);
});

// skip: without python3 and script(1) there is no terminal to be had, which is said aloud.
describe.skipIf(terminal([]) === null)("on a terminal", () => {
  it("workers' lines have a prefix and a colour each, the log is short text", async () => {
    const { output, child } = await onTerminal({ TERM: "xterm" });
    const own = output.stdout.filter((line) => line.includes("puppet: listening"));
    expect(own.map((line) => line.includes(ESCAPE))).toEqual([true, true]);
    const plain = output.stdout.map(withoutColour);
    for (const slot of [0, 1])
      expect(plain.filter((line) => line.startsWith(`app:${slot} | puppet: `))).toHaveLength(1);
    const ready = plain.filter((line) => line.includes("worker ready"));
    expect(ready).toHaveLength(2);
    for (const line of ready)
      expect(line).toMatch(/^\d\d:\d\d:\d\d info {2}worker ready {2}app=app slot=[01] .*pid=\d+/);
    expect(plain.filter((line) => line.startsWith("{"))).toEqual([]);
    await end(output, child);
  });

  it.each([{ NO_COLOR: "1", TERM: "xterm" }, { TERM: "dumb" }])(
    "and no colour with %j",
    async (env) => {
      const { output, child } = await onTerminal(env);
      expect(output.stdout.join("")).not.toContain(ESCAPE);
      expect(output.stdout.join("\n")).toMatch(/^app:0 \| puppet: listening/m);
      await end(output, child);
    },
  );
});

describe("in a pipe", () => {
  it("workers' lines are raw, the log is NDJSON, stderr stays stderr", async () => {
    const { run } = await stage("apps/counter.mjs", { env: { NO_COLOR: "" } });
    await run.waitForLine(/^count 50$/);
    await stop(run);
    const records = run.stdout.filter((line) => !/^count (\d+|ends at \d+)$/.test(line));
    for (const line of records) {
      const record = JSON.parse(line) as Record<string, unknown>;
      expect(record).toMatchObject({ level: "info", msg: expect.any(String) });
      expect(new Date(String(record.time)).toISOString()).toBe(record.time);
    }
    expect(records).toEqual(run.logs.map((log) => JSON.stringify(log)));
    expect(run.stdout).toContain("count 49");
    expect(run.stderr).toContain("count 50");
    expect(run.stderr.filter((line) => !/^count \d*[02468]$/.test(line))).toEqual([]);
  });

  it.each([
    { level: "debug", levels: ["debug", "info"] },
    { level: "error", levels: [] },
    { level: "silent", levels: [] },
  ])("--log-level $level", async ({ level, levels }) => {
    const flags = ["--log-level", level];
    const { run } = await stage("puppet.mjs", { flags, ready: false });
    await until(() => run.stdout.filter((line) => line.startsWith("puppet: ")).length === 2, {
      what: "both workers to listen",
    });
    await stop(run);
    expect([...new Set(run.logs.map((log) => log.level))].sort()).toEqual(levels);
    expect(run.logs.some((log) => log.msg === "worker started")).toBe(level === "debug");
  });
});

describe("--log-file", () => {
  it("takes all output; after a rename and SIGUSR2 a new file goes on, and no line is lost", async () => {
    const file = join(folder, "all.log");
    const { run } = await stage("apps/counter.mjs", {
      ...{ instances: 1, ready: false, flags: ["--log-file", file] },
    });
    const files = [file];
    for (let nth = 1; nth <= 4; nth++) {
      await until(() => /count \d+000\n/.test(readFileSync(file, "utf8")), { what: "1000 lines" });
      renameSync(file, `${file}.${nth}`);
      files.unshift(`${file}.${nth}`);
      run.signal("SIGUSR2");
      await until(() => readFileSync(file, "utf8").includes('"log reopened"'), {
        what: "the new file",
      });
    }
    await stop(run);
    const lines = files
      .sort((a, b) => order(a) - order(b))
      .flatMap((path) => readFileSync(path, "utf8").trimEnd().split("\n"));
    const counts = lines.flatMap((line) => /^count (\d+)$/.exec(line)?.[1] ?? []).map(Number);
    const last = Number(lines.find((line) => line.startsWith("count ends at"))?.slice(14));
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: last }, (_, n) => n + 1));
    expect(lines.filter((line) => line.includes('"log reopened"'))).toHaveLength(4);
    expect(statSync(file).mode & 0o007).toBe(0);
    expect([run.stdout, run.stderr]).toEqual([[], []]);
  });

  it("that cannot be opened anew is written on, and the app does not notice", async () => {
    const file = join(folder, "kept.log");
    const { run } = await stage("apps/counter.mjs", {
      ...{ instances: 1, ready: false, flags: ["--log-file", file] },
    });
    await until(() => readFileSync(file, "utf8").includes("count 50\n"), { what: "lines" });
    renameSync(file, `${file}.1`);
    mkdirSync(file);
    run.signal("SIGUSR2");
    const size = statSync(`${file}.1`).size;
    await until(() => statSync(`${file}.1`).size > size + 5000, { what: "more lines" });
    await stop(run);
  });
});

/** The current file last, those moved away in their order. */
function order(path: string): number {
  return Number(/\.(\d+)$/.exec(path)?.[1] ?? 99);
}

/** The puppet under `holdfast run` on a terminal, ready. */
async function onTerminal(
  env: Record<string, string>,
): Promise<{ output: Output; child: ChildProcess }> {
  const args = ["run", fixture("puppet.mjs"), "--name", "app", "-i", "2", "--min-uptime", "200ms"];
  const holdfast = [process.execPath, join(projectRoot, "dist/bin/holdfast.cjs"), ...args];
  const [program = "", ...rest] = terminal(holdfast) ?? [];
  const own = { PATH: process.env.PATH, PORT: String(await freePort()), [MARKER_VARIABLE]: marker };
  const child = spawn(program, rest, { env: { ...own, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const output = new Output(child, "holdfast on a terminal");
  await output.wait(() => output.findLine(/ready; SIGHUP reloads/), "that it is ready");
  await until(() => output.stdout.filter((line) => line.includes("puppet: ")).length === 2, {
    what: "the workers' lines",
  });
  return { output, child };
}

/** Ctrl-C on the terminal, and its clean end. */
async function end(output: Output, child: ChildProcess): Promise<void> {
  child.stdin?.write("\u0003");
  expect(await output.exited).toEqual({ code: 0, signal: null });
  expect(output.stdout.map(withoutColour).join("\n")).toMatch(/stopping: draining all workers/);
  await expectNoLeftovers(marker);
}

function withoutColour(line: string): string {
  const [first = "", ...rest] = line.split(ESCAPE);
  return first + rest.map((part) => part.replace(/^[\d;]*m/, "")).join("");
}
