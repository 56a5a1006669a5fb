import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  after,
  type ExitStatus,
  type LogRecord,
  Output,
  WAIT_MS,
  type WaitOptions,
} from "./output.ts";
import { killLeftovers, MARKER_VARIABLE, read } from "./processes.ts";

export type { ExitStatus, LogRecord, WaitOptions };

/** The project's directory. */
export const projectRoot = fileURLToPath(new URL("../../", import.meta.url));

/** The absolute path of a fixture, such as `puppet.mjs` or `apps/express.mjs`. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

export interface RunOptions {
  env?: Record<string, string>;
  /** The run's own temporary directory unless given. */
  cwd?: string;
  /** An earlier run whose home directory and marker this one shares. */
  like?: { home: string; id: string };
}

/** What a finished command said. */
export interface CommandResult extends ExitStatus {
  stdout: string;
  stderr: string;
}

/** The built CLI, running, with all it said so far. */
export interface HoldfastRun {
  readonly pid: number;
  /** The value of HOLDFAST_TEST_ID in it and in all that stem from it: for `leftovers`. */
  readonly id: string;
  /** Temporary HOME; HOLDFAST_HOME is `.holdfast` in it and is not made in advance. */
  readonly home: string;
  /** Complete lines of standard output, the supervisor's own records among the workers' raw lines. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** The lines of standard output that are JSON objects with a `msg`. */
  readonly logs: readonly LogRecord[];
  readonly exited: Promise<ExitStatus>;
  /** Resolves with the match of the first line, past or future, on either output. */
  waitForLine(pattern: RegExp, options?: WaitOptions): Promise<RegExpExecArray>;
  waitForLog(predicate: (record: LogRecord) => boolean, options?: WaitOptions): Promise<LogRecord>;
  signal(signal: NodeJS.Signals): void;
  /** Another command in the same home, to its end. */
  command(args: string[], options?: RunOptions & WaitOptions): Promise<CommandResult>;
  /** SIGTERM and the exit; SIGKILL and an error after `timeoutMs`. Leaves other processes as they are. */
  stop(options?: WaitOptions): Promise<ExitStatus>;
  /** For `afterEach`: kills whatever is left of the run and removes its home. Asserts nothing. */
  dispose(): Promise<void>;
}

const CLI = join(projectRoot, "dist/bin/holdfast.cjs");
let runs = 0;

/** Starts the built CLI with a home, and an environment, of its own. */
export function runHoldfast(args: string[], options: RunOptions = {}): HoldfastRun {
  const home = options.like?.home ?? mkdtempSync(join(tmpdir(), "hf-"));
  const id = options.like?.id ?? `${process.pid}-${runs++}-${Date.now().toString(36)}`;
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: options.cwd ?? home,
    env: { ...environment(home, id), ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = new Output(child, `holdfast ${args.join(" ")}`);
  const stop = async ({ timeoutMs = WAIT_MS }: WaitOptions = {}): Promise<ExitStatus> => {
    child.kill("SIGTERM");
    const status = await Promise.race([output.exited, after(timeoutMs)]);
    if (status) return status;
    child.kill("SIGKILL");
    await output.exited;
    throw output.failure(`did not end within ${timeoutMs} ms of SIGTERM`);
  };
  return {
    pid: child.pid ?? -1,
    id,
    home,
    stdout: output.stdout,
    stderr: output.stderr,
    logs: output.logs,
    exited: output.exited,
    waitForLine: (pattern, wait) =>
      output.wait(() => output.findLine(pattern), `a line like ${pattern}`, wait),
    waitForLog: (predicate, wait) =>
      output.wait(() => output.logs.find(predicate), `a log record with ${predicate}`, wait),
    signal: (signal) => void child.kill(signal),
    command: (more, given = {}) => runCommand(more, { ...given, like: { home, id } }),
    stop,
    async dispose() {
      killLeftovers(id);
      child.kill("SIGKILL");
      await output.exited;
      // A supervisor may have forked between the look at /proc and its own end.
      while (killLeftovers(id).length > 0) await after(20);
      rmSync(home, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Runs a command of the CLI to its end. Throws only when it does not end. */
export async function runCommand(
  args: string[],
  { timeoutMs = WAIT_MS, ...options }: RunOptions & WaitOptions = {},
): Promise<CommandResult> {
  const run = runHoldfast(args, options);
  const status = await Promise.race([run.exited, after(timeoutMs)]);
  if (!status) {
    await run.stop({ timeoutMs: 2_000 }).catch(() => undefined);
    throw new Error(
      `holdfast ${args.join(" ")} did not end within ${timeoutMs} ms\n${[...run.stdout, ...run.stderr].join("\n")}`,
    );
  }
  if (!options.like) rmSync(run.home, { recursive: true, force: true, maxRetries: 3 });
  return { ...status, stdout: run.stdout.join("\n"), stderr: run.stderr.join("\n") };
}

/** Nothing of the test's own environment but the path: no NODE_OPTIONS, no colours, no CI flags. */
function environment(home: string, id: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    LANG: "C.UTF-8",
    NO_COLOR: "1",
    HOME: home,
    HOLDFAST_HOME: join(home, ".holdfast"),
    [MARKER_VARIABLE]: id,
  };
}

/** Below them the system gives a port to nobody who has not asked for it: a client's could be the one that was free. */
const EPHEMERAL_FROM = Number(
  /^\d+/.exec(read("/proc/sys/net/ipv4/ip_local_port_range") ?? "")?.[0] ?? 32_768,
);
const LOWEST_PORT = 10_000;
/** Test files run side by side: each process has every eighth port. */
const LANES = 8;
const lane = Number(process.env.VITEST_POOL_ID ?? 0) % LANES;
const handedOut = new Set<number>();

/** A TCP port of 127.0.0.1 that is free, and that nobody gets by chance; a different one each time. */
export async function freePort(): Promise<number> {
  const choices = Math.floor((EPHEMERAL_FROM - LOWEST_PORT) / LANES);
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * choices) * LANES + lane;
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
