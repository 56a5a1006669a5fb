/** Every command and its options, as commander reads them: help and faults of the command line are its work. */

import { Command, CommanderError } from "commander";
import { EXIT } from "../../errors.ts";
import { version } from "../version.ts";
import type { Done } from "./command.ts";
import { addLooking, LOOKING } from "./looking.ts";
import { addMachine } from "./machine.ts";
import { addMessaging, MESSAGING } from "./messaging.ts";
import { addSetup } from "./setup.ts";

/** Runs the command; resolves with the exit status. Rejects with what the command throws. */
export async function runProgram(argv: readonly string[]): Promise<number> {
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
  let words = argv;
  if (LOOKING.includes(argv[0] ?? "")) addLooking(program, done);
  else if (MESSAGING.includes(argv[0] ?? "")) addMessaging(program, done);
  else words = await addAll(program, done, argv);
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and the version are no faults.
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  return status;
}

/**
 * The table of options takes a while to load, and who only looks or talks does not need it. Resolves with the
 * command line as commander is to read it.
 */
async function addAll(
  program: Command,
  done: Done,
  argv: readonly string[],
): Promise<readonly string[]> {
  const { addRunning, withValues } = await import("./running.ts");
  addRunning(program, done);
  addLooking(program, done);
  addMessaging(program, done);
  addMachine(program, done);
  addSetup(program, done);
  return withValues(argv);
}
