/** A worker that is wrong or malicious harms itself at most: supervisor and other workers go on. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { servedBy } from "../agent/served.ts";
import { type Stage, stage, stop, workers } from "../promises/stage.ts";
import { fixture, freePort, type HoldfastRun, projectRoot } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad } from "../support/load.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";
import {
  FORGED_AGENT,
  FORGED_HANDLES,
  FORGED_LISTEN,
  FORGED_NODE,
  ODD_LINES,
} from "./forgeries.ts";

/** What the supervisor may reach at its height, whatever workers send: it starts with about 55 MB. */
const PEAK_MB = 220;

describe("a hostile worker", () => {
  it("cannot hurt supervisor or siblings with what it writes to its channel", async () => {
    const { run, port, control } = await hostileStage();
    const before = new Map(workers(run));
    const load = startFreshLoad({ port, clients: 2, thinkMs: 10, timeoutMs: 20_000 });
    for (const lines of [ODD_LINES, FORGED_NODE, FORGED_AGENT, FORGED_LISTEN])
      for (const line of lines) await post(control, "/lines", line);
    await post(control, "/lines", [...ODD_LINES, ...FORGED_NODE, ...FORGED_AGENT].join("\n"));
    await faults(run, "malformed");
    await faults(run, "hostile");

    await post(control, "/half?mb=64");
    await post(control, "/lines", `{"long":"${"x".repeat(64 * 2 ** 20)}"}`);
    await faults(run, "too-long");
    await post(control, "/lines", '{"small":true}\n'.repeat(100_000));

    expect(await post(control, "/send")).toEqual(Array(5).fill("TypeError"));
    for (let n = 0; n < 5; n++) await post(control, "/handles");
    await servedBy({ port }, 2);
    expectClean(await load.stop(), { minOk: 100 });
    expect(run.logs.filter((log) => log.reason !== undefined)).toEqual([]);
    expect(workers(run)).toEqual(before);
    expect(peakMb(run.pid)).toBeLessThan(PEAK_MB);
    // It hears that it is to drain, whatever it has done to its channel.
    await post(control, "/half?mb=9");
    await stop(run);
  });

  it("that announces handles and sends none dies alone", async () => {
    const { run, port, control } = await hostileStage();
    for (const line of FORGED_HANDLES) {
      const { pid } = (await post(control, "/lines", line)) as { pid: number };
      await run.waitForLog((log) => log.pid === pid && log.reason !== undefined);
      await servedBy({ port }, 2);
    }
    expect(run.logs.filter((log) => log.reason !== undefined)).toHaveLength(3);
    await stop(run);
  });

  it("that floods a slow reader waits for it: nothing is lost and nothing piles up", async () => {
    const [port, control] = [await freePort(), await freePort()];
    const child = start(port, control);
    const log = reader(child);
    await until(() => log.text().includes('"ready;'), { what: "the app to be ready" });
    await servedBy({ port: control }, 1);
    child.stdout?.pause();
    let complaints = "";
    child.stderr?.on("data", (chunk) => {
      complaints += chunk;
    });
    const load = startFreshLoad({ port, clients: 2, thinkMs: 10, timeoutMs: 30_000 });
    await post(control, "/flood?mb=200");
    await until(() => load.ledger.ok > 100, { what: "answers of the others during the flood" });
    expect(log.flood()).toBe(0);
    expect(peakMb(child.pid ?? 0)).toBeLessThan(PEAK_MB);
    child.stdout?.resume();
    const expected = 200 * 2 ** 20;
    await until(() => log.flood() >= expected, { what: "200 MB of output", timeoutMs: 30_000 });
    expect(log.flood()).toBe(expected);
    expectClean(await load.stop(), { minOk: 50 });
    expect(peakMb(child.pid ?? 0)).toBeLessThan(PEAK_MB);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(complaints).toBe("");
  });
});

/** Three workers, of which slot 1 does as told at `control`. */
async function hostileStage(): Promise<Stage & { readonly control: number }> {
  const control = await freePort();
  const env = { CONTROL: String(control) };
  const flags = ["--drain-timeout", "3s"];
  const staged = await stage("apps/hostile.mjs", { instances: 3, env, flags });
  // On a slow machine it may count as ready, by its age, before it listens.
  await servedBy({ port: control }, 1);
  return { ...staged, control };
}

const marker = `hostile-${process.pid}-${Date.now().toString(36)}`;
afterEach(async () => {
  killLeftovers(marker);
  await expectNoLeftovers(marker);
});

/** The command with its output in the caller's hand: the usual harness would read it all. */
function start(port: number, control: number): ChildProcess {
  const app = fixture("apps/hostile.mjs");
  const args = ["run", app, "--name", "app", "-i", "3", "--min-uptime", "300ms"];
  const ports = { PORT: String(port), CONTROL: String(control) };
  const env = { PATH: process.env.PATH, ...ports, [MARKER_VARIABLE]: marker };
  return spawn(process.execPath, [`${projectRoot}dist/bin/holdfast.cjs`, ...args], {
    ...{ env, stdio: ["ignore", "pipe", "pipe"] },
  });
}

/** Keeps the supervisor's own records and counts the bytes of all other lines. */
function reader(child: ChildProcess): { text(): string; flood(): number } {
  let text = "";
  let flood = 0;
  let isRecord = false;
  let isLineStart = true;
  child.stdout?.on("data", (chunk: Buffer) => {
    for (let from = 0; from < chunk.length; ) {
      const end = chunk.indexOf(0x0a, from);
      const to = end < 0 ? chunk.length : end + 1;
      if (isLineStart) isRecord = chunk[from] === 0x7b;
      if (isRecord) text += chunk.toString("latin1", from, to);
      else flood += to - from;
      isLineStart = end >= 0;
      from = to;
    }
  });
  return { text: () => text, flood: () => flood };
}

/** The fault is in the log: lines before it have been read. */
async function faults(run: HoldfastRun, fault: string): Promise<void> {
  await run.waitForLog((log) => log.fault === fault);
}

/** Peak resident memory so far, in MB. */
function peakMb(pid: number): number {
  const kb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kb) / 1024;
}

/** A request of its own connection; resolves with the JSON answered. */
async function post(port: number, path: string, body = ""): Promise<unknown> {
  const options = { host: "127.0.0.1", port, path, method: "POST", agent: false };
  const signal = AbortSignal.timeout(15_000);
  const request = http.request({ ...options, signal }).end(body);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return JSON.parse(text) as unknown;
}
