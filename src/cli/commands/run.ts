/** `holdfast run`: the supervisor in the foreground, for containers and development. */

import type { AppOptions } from "../../config/app.ts";
import { type Beside, type Note, parseConfig } from "../../config/parse.ts";
import { HoldfastError } from "../../errors.ts";
import { openLogFile } from "../../logs/file.ts";
import { createLog, type Logger } from "../../logs/log.ts";
import { terminalSink } from "../../logs/terminal.ts";
import type { OutputSink } from "../../logs/worker-output.ts";
import { Supervisor } from "../../supervisor/supervisor.ts";
import { becomeInit } from "../../system/init.ts";
import { packageNameOf } from "../../system/places.ts";
import { workingDirectory } from "../../system/working-directory.ts";
import { adminAsked } from "../admin.ts";
import { appInput } from "../app-input.ts";
import { isConfigFile, readEcosystem } from "../ecosystem.ts";
import { exitStatusOf } from "../exit-status.ts";
import { narrate } from "../narrate.ts";
import { busAsked, keyVariables } from "../remote.ts";
import { BOUND, obeySignals } from "../signals.ts";

/** Runs until the app is stopped; resolves with the exit status. */
export async function runCommand(
  script: string,
  args: readonly string[],
  flags: Record<string, unknown>,
): Promise<number> {
  const advice = becomeInit();
  const { log, output, reopen } = openOutput(flags);
  const { apps, admin, bus, notes } = await appsOf(script, args, flags);
  const keyed = busAsked(bus);
  // They are the supervisor's own; workers inherit what is left.
  for (const variable of keyVariables(bus)) delete process.env[variable];
  const supervisor = new Supervisor(
    apps,
    { output, priority: "raised", ...queuesIn(flags) },
    { admin: adminAsked(flags, admin), bus: keyed },
  );
  if (advice) log.warn(advice);
  for (const { path, message } of notes) log.warn(`${path} ${message}`);
  narrate(supervisor, log);
  const status = exitStatusOf(supervisor);
  const stopped = obeySignals(supervisor, log, { reopen, leave: () => BOUND });
  try {
    await supervisor.start();
    log.info(
      { pid: process.pid, addresses: addresses(supervisor) },
      "ready; SIGHUP reloads, SIGTERM or Ctrl-C stops",
    );
  } catch (error) {
    // An app that crashes is tried again and again; one that cannot run here is not.
    if (!isRetried(error)) {
      await supervisor.stop();
      throw error;
    }
    // A stop asked for meanwhile ends the start, too, and is no fault.
    if (error.code !== "HF_NOT_RUNNING")
      log.error({ code: error.code, remedy: error.remedy }, error.message);
  }
  await stopped;
  return status();
}

/** The apps of a configuration file, or the one that the command line describes. */
async function appsOf(
  script: string,
  args: readonly string[],
  flags: Record<string, unknown>,
): Promise<Beside & { apps: readonly AppOptions[]; notes: readonly Note[] }> {
  if (isConfigFile(script)) return readEcosystem(script, flags);
  const input = appInput(script, args, flags);
  const parsed = parseConfig(input, {
    paths: "flags",
    directory: workingDirectory(),
    packageNameOf,
  });
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  return { apps: parsed.value, notes: parsed.notes };
}

/** Durable queues are kept where that is asked for. */
function queuesIn({ queueFolder }: Record<string, unknown>): { queueFolder?: string } {
  return typeof queueFolder === "string" ? { queueFolder } : {};
}

interface Output {
  readonly log: Logger;
  readonly output: OutputSink;
  reopen(): boolean;
}

/** Everything to the terminal, or to one file that can be rotated from outside. */
function openOutput(flags: Record<string, unknown>): Output {
  const level = String(flags.logLevel ?? "info");
  if (typeof flags.logFile === "string") {
    const { stream, reopen } = openLogFile(flags.logFile);
    const output = terminalSink({
      streams: { stdout: stream, stderr: stream },
      prefix: false,
      colour: false,
    });
    return { log: createLog({ level, stream, pretty: false, colour: false }), output, reopen };
  }
  const { stdout, stderr } = process;
  const isTerminal = stdout.isTTY === true;
  const colour = isTerminal && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  const output = terminalSink({ streams: { stdout, stderr }, prefix: isTerminal, colour });
  return {
    log: createLog({ level, stream: stdout, pretty: isTerminal, colour }),
    output,
    reopen: () => true,
  };
}

function isRetried(error: unknown): error is HoldfastError {
  return (
    error instanceof HoldfastError && ["HF_START_FAILED", "HF_NOT_RUNNING"].includes(error.code)
  );
}

function addresses(supervisor: Supervisor): string {
  return supervisor
    .status()
    .flatMap((app) => app.addresses)
    .join(", ");
}
