/** `holdfast completion`, and `__complete`, which the scripts it prints call. */

import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { type CommandShape, candidatesFor } from "../completion/candidates.ts";
import { SCRIPTS } from "../completion/scripts.ts";
import { findSupervisor, homeOf } from "../connect.ts";

/** Whoever presses the tab key does not wait for a supervisor that is slow. */
const NAMES_WITHIN_MS = 200;

/** Prints the script for a shell. Throws HF_CONFIG_INVALID for a shell that has none. */
export async function completionCommand(shell: string): Promise<number> {
  const known = Object.entries(SCRIPTS).find(([name]) => name === shell);
  if (!known) {
    const message = `received "${shell}", expected ${Object.keys(SCRIPTS).join(", ")}`;
    throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: "shell", message }] });
  }
  process.stdout.write(known[1]);
  return 0;
}

/**
 * Prints candidates for the last of `words`, a line each. `program` is whose commands and flags are
 * offered. Never fails: a shell has no use for an error at this place.
 * Ends the process.
 */
export async function completeCommand(
  words: readonly string[],
  flags: Record<string, unknown>,
  program: Command,
): Promise<never> {
  const found = await candidatesFor(words, shapesOf(program), () =>
    appNames(homeFrom(words, flags)),
  );
  // One candidate a line: a name with a line break in it is none.
  const lines = found.filter((each) => !/\p{Cc}/u.test(each)).map((each) => `${each}\n`);
  await new Promise<void>((resolve) => process.stdout.write(lines.join(""), () => resolve()));
  // A connection that is still being made would keep the process, and the shell, waiting.
  process.exit(0);
}

/** The commands a person may type: those that are hidden are not among them. */
function shapesOf(program: Command): readonly CommandShape[] {
  return program.commands
    .filter((command) => !command.name().startsWith("_"))
    .map((command) => ({
      name: command.name(),
      aliases: command.aliases(),
      flags: command.options
        .filter(({ hidden }) => !hidden)
        .map(({ short, long, required, optional }) => ({
          names: [short, long].filter((name): name is string => typeof name === "string"),
          takesValue: required || optional,
        })),
    }));
}

/** The home that is meant on the line itself comes first. */
function homeFrom(
  words: readonly string[],
  flags: Record<string, unknown>,
): Record<string, unknown> {
  const at = words.indexOf("--home");
  const joined = words.find((word) => word.startsWith("--home="))?.slice("--home=".length);
  const home = joined ?? (at >= 0 && at < words.length - 2 ? words[at + 1] : undefined);
  return home === undefined ? flags : { ...flags, home };
}

/** Empty where no supervisor answers in time. */
async function appNames(flags: Record<string, unknown>): Promise<readonly string[]> {
  let late: NodeJS.Timeout | undefined;
  const nothing = new Promise<readonly string[]>((resolve) => {
    late = setTimeout(() => resolve([]), NAMES_WITHIN_MS);
  });
  try {
    return await Promise.race([askNames(flags), nothing]);
  } catch {
    // No home, no rights, another protocol: there is nothing to offer, and no place to say why.
    return [];
  } finally {
    clearTimeout(late);
  }
}

async function askNames(flags: Record<string, unknown>): Promise<readonly string[]> {
  const client = await findSupervisor(homeOf(flags));
  if (!client) return [];
  try {
    const { apps } = await client.call("overview", {}, { timeoutMs: NAMES_WITHIN_MS });
    return apps.map(({ name }) => name);
  } finally {
    client.close();
  }
}
