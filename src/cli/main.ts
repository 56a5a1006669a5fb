/** From arguments to an exit status. Each command is a file of its own, loaded when it is used. */

import { Command, CommanderError } from "commander";
import { EXIT, explained, isExplained } from "../errors.ts";
import type { Done } from "./program/command.ts";
import { addLooking, LOOKING } from "./program/looking.ts";
import { addMachine } from "./program/machine.ts";
import { addSetup } from "./program/setup.ts";
import { version } from "./version.ts";

/** Commands that go on without a reader. */
const LASTING = ["run", "supervisor"];

/** Runs the command line; resolves with the exit status. Never rejects for a fault of the user. */
export async function main(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.done;
  const done = (code: number): void => {
    status = code;
  };
  const program = new Command("holdfast")
    .description("Run any Node app as a cluster that loses nothing.")
    .version(version())
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("(holdfast --help lists commands and options)");
  if (!LASTING.includes(argv[0] ?? "")) process.stdout.on("error", endQuietly);
  if (LOOKING.includes(argv[0] ?? "")) addLooking(program, done);
  else await addAll(program, done);
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    return explain(error);
  }
  return status;
}

/** A reader that has gone, as with `| head`, has seen enough. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.done);
}

/** The table of options takes a while to load, and who only looks does not need it. */
async function addAll(program: Command, done: Done): Promise<void> {
  const { addRunning } = await import("./program/running.ts");
  addRunning(program, done);
  addLooking(program, done);
  addMachine(program, done);
  addSetup(program, done);
}

/** Says what, why and what to do on stderr, and gives the exit status. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (!isExplained(error)) throw error;
  const { message, remedy, code, exitStatus } = explained(error);
  process.stderr.write(`error: ${message}\nfix: ${remedy}\ncode: ${code}\n`);
  return exitStatus;
}
