/**
 * P8: every byte a worker wrote before it died is in its log, whoever dies: the worker, the supervisor,
 * the disk. Nobody who reads logs costs the supervisor anything.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  createLogStore,
  createSupervisor,
  type RotationPolicy,
  type Supervisor,
  type SupervisorEvents,
  startRotation,
} from "holdfast";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { archivesOf } from "../../src/logs/archives.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { descendants, isAlive, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";

const marker = `p08-${process.pid}-${Date.now().toString(36)}`;
let folder: string;
const closing: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-p08-"));
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  killLeftovers(marker);
  rmSync(folder, { recursive: true, force: true });
});

interface Talk {
  readonly supervisor: Supervisor;
  readonly store: ReturnType<typeof createLogStore>;
  readonly faults: SupervisorEvents["log:fault"][0][];
  readonly exits: SupervisorEvents["worker:exit"][0][];
  ask(path: string): Promise<number>;
}

async function talk(
  options: {
    directory?: string;
    policy?: Partial<RotationPolicy>;
    env?: Record<string, string>;
    instances?: number;
  } = {},
): Promise<Talk> {
  const port = await freePort();
  const store = createLogStore(options.directory ?? join(folder, "logs"), options.policy);
  const supervisor = createSupervisor(
    {
      script: fixture("apps/talkative.mjs"),
      name: "talk",
      instances: options.instances ?? 1,
      minUptime: 100,
      env: { PORT: String(port), [MARKER_VARIABLE]: marker, ...options.env },
    },
    { logs: store },
  );
  closing.push(() => supervisor.stop());
  const faults: Talk["faults"] = [];
  const exits: Talk["exits"] = [];
  supervisor.on("log:fault", (fault) => faults.push(fault));
  supervisor.on("worker:exit", (exit) => exits.push(exit));
  const ask = async (path: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return ((await response.json()) as { pid: number }).pid;
  };
  return { supervisor, store, faults, exits, ask };
}

function numbers(path: string): number[] {
  return readFileSync(path, "latin1")
    .split("\n")
    .filter((line) => /^\d+ t+$/.test(line))
    .map((line) => Number.parseInt(line, 10));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const outLog = (): string => join(folder, "logs/talk/0-out.log");

describe("P8: every byte a worker wrote is in its log", () => {
  it.each([
    ["throw", "uncaught"],
    ["exit", "error"],
    ["kill", "signal"],
  ])("when it ends by %s after 100,000 lines", async (then, reason) => {
    const { supervisor, exits, ask } = await talk();
    await supervisor.start();
    await ask(`/flood?n=100000&then=${then}`).catch(() => undefined);
    await until(() => exits.length > 0, { what: "the worker's end", timeoutMs: 30_000 });
    expect(exits[0]?.reason).toBe(reason);
    expect(numbers(outLog())).toEqual(upTo(100_000));
    expect(statSync(outLog()).mode & 0o777).toBe(0o640);
    expect(statSync(join(folder, "logs/talk")).mode & 0o777).toBe(0o700);
  });

  it("and its last words, from this start and none before, are with the news of its death", async () => {
    const { supervisor, exits } = await talk({ env: { LAST_WORDS: "the reason is here" } });
    await supervisor.start().catch(() => undefined);
    await until(() => exits.length >= 2, { what: "two deaths", timeoutMs: 30_000 });
    expect(exits[1]?.lastOutput).toEqual(["the reason is here"]);
  });

  it("and stdout's last lines are shown where stderr has none", async () => {
    const { supervisor, exits, ask } = await talk();
    await supervisor.start();
    await ask("/flood?n=10&then=exit").catch(() => undefined);
    await until(() => exits.length === 1, { what: "the worker's end" });
    expect(exits[0]?.lastOutput.at(-1)).toMatch(/^9 t+$/);
  });

  it("when the supervisor is killed while workers write: they neither die nor lose a line", async () => {
    const port = await freePort();
    const program = `
      import { createLogStore, createSupervisor } from "holdfast";
      const supervisor = createSupervisor(
        { script: ${JSON.stringify(fixture("survivor.mjs"))}, name: "talk", instances: 1 },
        { logs: createLogStore(${JSON.stringify(join(folder, "logs"))}) },
      );
      await supervisor.start({ timeoutMs: 30000 });
      console.log("started");`;
    const supervisor = spawn(process.execPath, ["--input-type=module", "-e", program], {
      cwd: join(fixture(""), "../.."),
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH ?? "", PORT: String(port), [MARKER_VARIABLE]: marker },
    });
    closing.push(() => supervisor.kill("SIGKILL"));
    await once(supervisor.stdout, "data");
    await until(() => numbers(outLog()).length > 1000, { what: "output" });
    const worker = descendants(supervisor.pid ?? 0).find(({ command }) =>
      command.includes("survivor"),
    );
    supervisor.kill("SIGKILL");
    await once(supervisor, "exit");
    // The fixture writes on after its supervisor is gone, and says so at its end.
    await until(() => readFileSync(outLog(), "latin1").includes("end of"), {
      what: "the last line",
      timeoutMs: 30_000,
    });
    const written = Number(/end of (\d+)/.exec(readFileSync(outLog(), "latin1"))?.[1]);
    expect(numbers(outLog())).toEqual(upTo(written));
    await until(() => !isAlive(worker?.pid ?? 0), { what: "the worker to end by itself" });
  });
});

describe("P8: logs cost nobody anything", () => {
  it("a full disk does not take the app down, and is reported", async (context) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", disk]).status === 0;
    // skip: mounting a small disk needs root
    context.skip(!mounted, "mounting a small disk needs root");
    closing.push(() => spawnSync("umount", ["-l", disk]));
    const policy = { maxSizeBytes: 512 * 1024, minFreeBytes: 256 * 1024 };
    const { supervisor, store, faults, exits, ask } = await talk({
      directory: join(disk, "logs"),
      policy,
    });
    const rotation = startRotation(store, { everyMs: 50 });
    closing.push(() => rotation.stop());
    await supervisor.start();
    const pid = await ask("/");
    for (let round = 0; round < 5; round++) {
      await ask("/flood?n=40000");
      await ask("/pino");
    }
    await until(() => faults.some(({ kind }) => kind === "disk"), {
      what: "the report of the disk",
    });
    expect(await ask("/")).toBe(pid);
    expect(exits).toEqual([]);
    expect(faults.filter(({ kind }) => kind === "disk")).toHaveLength(1);
  });

  it("a folder that cannot be made leaves the app running with its output discarded, told once", async () => {
    const { supervisor, faults, ask } = await talk({ directory: "/proc/no/such", instances: 2 });
    await supervisor.start();
    expect(await ask("/flood?n=10")).toBeGreaterThan(0);
    await supervisor.reload();
    expect(faults.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual(
      ["0-err", "0-out", "1-err", "1-out"].map((name) => `open /proc/no/such/talk/${name}.log`),
    );
  });

  it("what workers write does not pass through the supervisor, read or not", async () => {
    const { supervisor, ask } = await talk();
    await supervisor.start();
    const tail = spawn("tail", ["-f", outLog()], { stdio: ["ignore", "pipe", "ignore"] });
    closing.push(() => tail.kill("SIGKILL"));
    tail.kill("SIGSTOP");
    const before = process.cpuUsage();
    const memoryBefore = process.memoryUsage().rss;
    await ask("/flood?n=200000");
    const { user, system } = process.cpuUsage(before);
    expect(statSync(outLog()).size).toBeGreaterThan(10_000_000);
    // Splitting and prefixing as many lines from a pipe took 150 ms (measured on two cores).
    expect((user + system) / 1000).toBeLessThan(100);
    expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(10_000_000);
  });

  it("rotation beside the supervisor loses no line", async () => {
    const policy = { maxSizeBytes: 256 * 1024, maxFiles: 1000 };
    const { supervisor, store, ask, faults } = await talk({ policy });
    const done: string[] = [];
    const rotation = startRotation(store, {
      everyMs: 20,
      onRotated: ({ archive }) => done.push(archive ?? ""),
    });
    closing.push(() => rotation.stop());
    await supervisor.start();
    await ask("/endless");
    await until(() => done.length >= 5, { what: "five rotations", timeoutMs: 40_000 });
    await supervisor.stop();
    await rotation.stop();
    const archives = archivesOf(outLog()).map(({ path }) => path);
    expect(archives.length).toBeGreaterThanOrEqual(5);
    const parts = archives.map((path) =>
      path.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path),
    );
    const all = Buffer.concat([...parts, readFileSync(outLog())])
      .toString("latin1")
      .replaceAll("\0", "");
    const seen = all.split("\n").filter((line) => line.trim() !== "");
    expect(seen.findIndex((line, n) => !line.startsWith(`${n} `))).toBe(-1);
    expect(faults).toEqual([]);
  });
});
