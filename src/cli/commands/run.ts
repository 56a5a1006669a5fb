/** `holdfast run`: the supervisor in the foreground, for containers and development. */

import { HoldfastError } from "../../errors.ts";
import { openLogFile } from "../../logs/file.ts";
import { createLog, type Logger } from "../../logs/log.ts";
import { terminalSink } from "../../logs/terminal.ts";
import type { OutputSink } from "../../logs/worker-output.ts";
import { createSupervisor, type Supervisor } from "../../supervisor/supervisor.ts";
import { becomeInit } from "../../system/init.ts";
import { appInput } from "../app-input.ts";
import { exitStatusOf } from "../exit-status.ts";
import { narrate } from "../narrate.ts";
import { obeySignals } from "../signals.ts";

/** Runs until the app is stopped; resolves with the exit status. */
export async function runCommand(
  script: string,
  args: readonly string[],
  flags: Record<string, unknown>,
): Promise<number> {
  const advice = becomeInit();
  const { log, output, reopen } = openOutput(flags);
  const supervisor = createSupervisor(appInput(script, args, flags), { output });
  if (advice) log.warn(advice);
  narrate(supervisor, log);
  const status = exitStatusOf(supervisor);
  const stopped = obeySignals(supervisor, log, reopen);
  try {
    await supervisor.start();
    log.info(
      { pid: process.pid, addresses: addresses(supervisor) },
      "ready; SIGHUP reloads, SIGTERM or Ctrl-C stops",
    );
  } catch (error) {
    const failure = tell(log, error);
    // An app that crashes is tried again and again; one that cannot run here is not.
    if (failure.code !== "HF_START_FAILED" && failure.code !== "HF_NOT_RUNNING") {
      await supervisor.stop();
      return failure.exitStatus;
    }
  }
  await stopped;
  return status();
}

interface Output {
  readonly log: Logger;
  readonly output: OutputSink;
  reopen(): void;
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
    reopen: () => {},
  };
}

function tell(log: Logger, error: unknown): HoldfastError {
  if (!(error instanceof HoldfastError)) throw error;
  log.error({ code: error.code, remedy: error.remedy }, error.message);
  return error;
}

function addresses(supervisor: Supervisor): string {
  return supervisor
    .status()
    .flatMap((app) => app.addresses)
    .join(", ");
}
