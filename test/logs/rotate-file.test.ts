/** Rotation under writers at full speed, interrupted rotations, and the three ways to cut. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { archivesOf } from "../../src/logs/archives.ts";
import { compressArchives } from "../../src/logs/compress.ts";
import { probeCut } from "../../src/logs/cut.ts";
import { rotateFile } from "../../src/logs/rotate-file.ts";
import type { CutMethod } from "../../src/logs/rotation-state.ts";
import { loadState, saveState } from "../../src/logs/rotation-state.ts";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

let folder: string;
let log: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-rotate-"));
  log = join(folder, "0-out.log");
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** A process that appends numbered lines until `stop`, which gives their number. */
function startWriter(): { stop(): Promise<number> } {
  const descriptor = openSync(log, "a", 0o640);
  const child = spawn(process.execPath, [fixture("log-writer.mjs")], {
    stdio: ["ignore", descriptor, "inherit", "ipc"],
  });
  closeSync(descriptor);
  children.push(child);
  return {
    async stop() {
      const told = once(child, "message");
      child.kill("SIGTERM");
      const [{ lines }] = (await told) as [{ lines: number }];
      await once(child, "exit");
      return lines;
    },
  };
}

/** All lines, archives first, blanks left out. */
function everything(): string[] {
  const parts = archivesOf(log).map(({ path }) => {
    const bytes = readFileSync(path);
    return path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  });
  return [...parts, readFileSync(log)]
    .map((bytes) => bytes.toString("latin1").replaceAll("\0", ""))
    .join("")
    .split("\n")
    .filter((line) => line.trim() !== "");
}

function expectNumbered(lines: readonly string[], count: number): void {
  const wrong = lines.findIndex((line, index) => !line.startsWith(`${index} `));
  expect(wrong === -1 ? "in order" : lines.slice(Math.max(0, wrong - 2), wrong + 3)).toBe(
    "in order",
  );
  expect(lines.length).toBe(count);
}

const grown = (bytes: number) =>
  until(
    () => {
      const { ino, size } = statSync(log);
      const { start, removed } = loadState(log, ino);
      return size - (start - removed) >= bytes;
    },
    { what: `${bytes} bytes in the log`, intervalMs: 5, timeoutMs: 30_000 },
  );

describe("a file is rotated while it is written at full speed", () => {
  it.each(["collapse-range", "punch-hole"] as const)(
    "by %s, and no line is lost or twice, compressed archives included",
    async (method) => {
      if (process.platform !== "linux") return expect(probeCut(folder)).toBe("copy-truncate");
      const writer = startWriter();
      for (let n = 0; n < 6; n++) {
        await grown(4 * 1024 * 1024);
        expect(rotateFile(log, { minBytes: 1, method }).method).toBe(method);
        if (n % 2 === 0) await compressArchives(log);
      }
      const count = await writer.stop();
      await compressArchives(log);
      expect(archivesOf(log).map(({ path }) => path.endsWith(".gz"))).toEqual(Array(6).fill(true));
      for (const { path } of archivesOf(log)) {
        expect(gunzipSync(readFileSync(path)).at(-1)).toBe(0x0a);
      }
      expectNumbered(everything(), count);
    },
  );

  it("by copy-truncate, which loses nothing when nobody writes meanwhile", () => {
    for (let n = 0; n < 5000; n++) appendFileSync(log, `${n} line\n`);
    expect(rotateFile(log, { minBytes: 1, method: "copy-truncate" }).archive).not.toBeNull();
    appendFileSync(log, "5000 line\n");
    expectNumbered(everything(), 5001);
    expect(statSync(log).size).toBe(10);
  });
});

describe("an interrupted rotation", () => {
  const write = (from: number, to: number): void => {
    let text = "";
    for (let n = from; n < to; n++) text += `${n} ${"y".repeat(50)}\n`;
    appendFileSync(log, text);
  };
  // The process is killed after the state was written for the nth time, or in the middle of writing it.
  it.each(
    (["collapse-range", "punch-hole", "copy-truncate"] as const).flatMap((method) =>
      [1, 2, 3, 4].map((nth) => [method, nth] as const),
    ),
  )("by %s, killed at step %d, is completed or taken back by the next", async (method, nth) => {
    if (process.platform !== "linux" && method !== "copy-truncate")
      return expect(nth).toBeGreaterThan(0);
    write(0, 2000);
    await killedAt(nth, method);
    write(2000, 4000);
    rotateFile(log, { minBytes: 1, method });
    write(4000, 4100);
    await compressArchives(log);
    expectNumbered(everything(), 4100);
    const { underWay } = loadState(log, statSync(log).ino);
    expect(underWay).toBeNull();
  });

  it("that another living process is at is left alone", () => {
    write(0, 2000);
    const unfinished = { ...loadState(log, statSync(log).ino) };
    saveState(log, unfinished);
    const held = openSync(join(folder, ".0-out.log.rotating"), "w");
    appendFileSync(held, String(process.ppid));
    closeSync(held);
    expect(rotateFile(log, { minBytes: 1 }).archive).toBeNull();
    expectNumbered(everything(), 2000);
  });
});

/** Rotates in a process of its own that is SIGKILLed when it renames its state for the nth time. */
async function killedAt(nth: number, method: CutMethod): Promise<void> {
  const built = new URL("../../dist/src/logs/rotate-file.js", import.meta.url).href;
  const program = `
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const rename = fs.renameSync;
    let saved = 0;
    fs.renameSync = (from, to) => {
      rename(from, to);
      if (to.endsWith(".rotation") && ++saved === ${nth}) process.kill(process.pid, "SIGKILL");
    };
    syncBuiltinESMExports();
    const { rotateFile } = await import(${JSON.stringify(built)});
    rotateFile(${JSON.stringify(log)}, { minBytes: 1, method: ${JSON.stringify(method)} });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.push(child);
  const [code, signal] = await once(child, "exit");
  // Punching announces one step less: then there was nothing left to interrupt.
  expect([code, signal]).toEqual(
    method === "punch-hole" && nth === 4 ? [0, null] : [null, "SIGKILL"],
  );
}
