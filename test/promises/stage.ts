/** What the promise tests share: an app under the built command, reloads, and the end of it all. */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach } from "vitest";
import { fixture, freePort, type HoldfastRun, runHoldfast } from "../support/holdfast.ts";
import { expectNoLeftovers } from "../support/processes.ts";

export interface Stage {
  readonly run: HoldfastRun;
  readonly port: number;
  /** Tells how the puppet's next generation behaves (its PUPPET_FILE). */
  direct(settings: Record<string, unknown>): void;
}

export interface StageOptions {
  readonly instances?: number;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Wait until the app is ready; default true. */
  readonly ready?: boolean;
}

const open: HoldfastRun[] = [];
const files: string[] = [];

afterEach(async () => {
  for (const run of open.splice(0)) {
    await run.dispose();
    await expectNoLeftovers(run.id);
  }
  for (const file of files.splice(0)) rmSync(file, { force: true });
});

/** Runs a fixture app with few and short timeouts on a port of its own. */
export async function stage(app: string, options: StageOptions = {}): Promise<Stage> {
  const port = await freePort();
  const file = join(fixture(""), `../../node_modules/.holdfast-puppet-${process.pid}-${port}.json`);
  writeFileSync(file, "{}");
  files.push(file);
  const flags = [
    "-i",
    String(options.instances ?? 2),
    "--min-uptime",
    "300ms",
    ...(options.flags ?? []),
  ];
  const env = { PORT: String(port), PUPPET_FILE: file, ...options.env };
  const run = started(["run", fixture(app), "--name", "app", ...flags], { env });
  if (options.ready !== false) await run.waitForLog((log) => log.msg.startsWith("ready;"));
  return { run, port, direct: (settings) => writeFileSync(file, JSON.stringify(settings)) };
}

/** A run that ends with the test. */
export function started(...args: Parameters<typeof runHoldfast>): HoldfastRun {
  const run = runHoldfast(...args);
  open.push(run);
  return run;
}

/** Sends SIGHUP and waits for the outcome of this reload, the `nth` of the run. */
export async function reload(run: HoldfastRun, nth: number): Promise<"done" | "failed"> {
  const outcomes = () =>
    run.logs.filter((log) => log.msg === "reload done" || log.code === "HF_RELOAD_FAILED");
  run.signal("SIGHUP");
  await run.waitForLog(() => outcomes().length >= nth, { timeoutMs: 40_000 });
  return outcomes()[nth - 1]?.msg === "reload done" ? "done" : "failed";
}

/** Stops the run and expects the exit status. */
export async function stop(run: HoldfastRun, code = 0): Promise<void> {
  const status = await run.stop({ timeoutMs: 30_000 });
  if (status.code !== code) {
    throw new Error(
      `exit ${status.code} ${status.signal}, expected ${code}\n${[...run.stdout, ...run.stderr].join("\n")}`,
    );
  }
  await expectNoLeftovers(run.id);
}

/** Pids of the workers that are ready, by slot, as the log tells it. */
export function workers(run: HoldfastRun): Map<number, number> {
  const found = new Map<number, number>();
  for (const log of run.logs) {
    if (log.msg === "worker ready") found.set(Number(log.slot), Number(log.pid));
  }
  return found;
}
