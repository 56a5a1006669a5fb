/** The options of commands of the bus. What is wrong is said of the command line, not of a call that nobody has written. */

import { duration } from "../../config/kinds.ts";
import { HoldfastError } from "../../errors.ts";

type Flags = Record<string, unknown>;

export function badArgument(argument: string, fault: string): HoldfastError {
  return new HoldfastError("HF_ARGUMENT_INVALID", { argument, fault });
}

/** An option the bus does not take, by its name on the command line; every other error as it is. */
export function ofCommandLine(error: unknown): unknown {
  if (!(error instanceof HoldfastError) || error.code !== "HF_BUS_OPTION_INVALID") return error;
  const { call, option, fault } = (error as HoldfastError<"HF_BUS_OPTION_INVALID">).details;
  if (call === "connect()") return badArgument("--connect", fault);
  return badArgument(
    `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    fault,
  );
}

/** `--timeout` in milliseconds. Throws HF_ARGUMENT_INVALID. */
export function timeoutIn({ timeout }: Flags, defaultMs: number): number {
  if (timeout === undefined) return defaultMs;
  const reading = duration(1).read(timeout);
  if (reading.ok) return reading.value;
  throw badArgument("--timeout", reading.faults.map(({ message }) => message).join("; "));
}

/** A whole number from `least` on, undefined where the flag is not given. Throws HF_ARGUMENT_INVALID. */
export function countIn(flags: Flags, name: string, least = 1): number | undefined {
  const said = flags[name];
  if (said === undefined) return undefined;
  if (/^\d{1,9}$/.test(String(said)) && Number(said) >= least) return Number(said);
  throw badArgument(
    `--${name}`,
    `received "${String(said)}", expected a whole number from ${least} on`,
  );
}

/** Those that were given; the bus says what is wrong with one. */
export function textsIn<Name extends string>(
  flags: Flags,
  names: readonly Name[],
): { readonly [Each in Name]?: string } {
  const given = names.filter((name) => typeof flags[name] === "string");
  return Object.fromEntries(given.map((name) => [name, flags[name]])) as never;
}
