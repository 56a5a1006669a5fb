/** From arguments to an exit status. Each command is a file of its own, loaded when it is used. */

import { EXIT, explained, HoldfastError, isExplained } from "../errors.ts";
import { runPlain } from "./program/quick.ts";

/** Commands that go on without a reader. */
const LASTING = ["run", "supervisor"];

/** Runs the command line; resolves with the exit status. Never rejects for a fault of the user. */
export async function main(argv: readonly string[]): Promise<number> {
  if (!LASTING.includes(argv[0] ?? "")) process.stdout.on("error", endUnheard);
  // What is only told on the way is no part of the outcome.
  process.stderr.on("error", () => {});
  try {
    return (await runPlain(argv)) ?? (await runProgram(argv));
  } catch (error) {
    return explain(error);
  }
}

async function runProgram(argv: readonly string[]): Promise<number> {
  const program = await import("./program/program.ts");
  return program.runProgram(argv);
}

/** A reader that has gone, as with `| head`, has seen enough; a full disk has lost what was asked for. */
function endUnheard(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(EXIT.done);
  process.exit(explain(new HoldfastError("HF_OUTPUT_UNWRITABLE", { reason: error.message })));
}

/** Says what, why and what to do on stderr, and gives the exit status. */
function explain(thrown: unknown): number {
  const error = isDirectoryGone(thrown) ? new HoldfastError("HF_NO_WORKING_DIRECTORY", {}) : thrown;
  if (!isExplained(error)) throw error;
  const { message, remedy, code, exitStatus } = explained(error);
  process.stderr.write(`error: ${message}\nfix: ${remedy}\ncode: ${code}\n`);
  return exitStatus;
}

/** Anything that follows a relative path may be the first to miss it. */
function isDirectoryGone(error: unknown): boolean {
  return (error as { syscall?: unknown } | null)?.syscall === "uv_cwd";
}
