/** A command's place on the bus: found by its supervisor, left when the command is done, too late, or told to end. */

import type { Bus } from "../../bus/api.ts";
import { connect } from "../../bus/connect.ts";
import { HoldfastError } from "../../errors.ts";
import { homeOf, needSupervisor } from "../connect.ts";
import { badArgument, ofCommandLine } from "./arguments.ts";

type Flags = Record<string, unknown>;

/** What is under way when a command ends is not waited for. */
const AT_ONCE_MS = 1;

export interface Doing {
  /** Such as `publish`: what others see of this program, and what a fault names. */
  readonly command: string;
  /** For all of it: finding the bus, and what is done there. */
  readonly timeoutMs: number;
  /** How much longer the bus may take to tell by itself what is late, where it can say more than that. Default 0. */
  readonly graceMs?: number;
}

/**
 * Does something on the bus once; `act` is told what is left of the time. Rejects with HF_TIMEOUT, with HF_ABORTED on
 * Ctrl-C, with HF_ARGUMENT_INVALID for an option the bus does not take, and as `openBus` and `act` do.
 */
export async function onBus<Result>(
  flags: Flags,
  doing: Doing,
  act: (bus: Bus, leftMs: number) => Promise<Result>,
): Promise<Result> {
  const { command, timeoutMs, graceMs = 0 } = doing;
  const deadline = performance.now() + timeoutMs;
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new HoldfastError("HF_ABORTED", { action: command }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  let late: NodeJS.Timeout | undefined;
  try {
    const bus = await openBus(flags, doing, stop.signal);
    const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
    late = setTimeout(() => stop.abort(tooLate(doing)), leftMs + graceMs);
    try {
      return await unlessAborted(act(bus, leftMs), stop.signal);
    } finally {
      await bus.close({ timeout: AT_ONCE_MS });
    }
  } catch (error) {
    throw ofCommandLine(error);
  } finally {
    clearTimeout(late);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
  }
}

/**
 * The bus of the home's supervisor, or the one `--connect` names. Rejects with HF_NO_SUPERVISOR, HF_BUS_UNREACHABLE,
 * HF_BUS_REFUSED, HF_BUS_SOCKET, HF_ARGUMENT_INVALID, with HF_TIMEOUT after `timeoutMs`, or with the signal's reason.
 */
export async function openBus(flags: Flags, doing: Doing, signal: AbortSignal): Promise<Bus> {
  const url = addressGiven(flags);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(tooLate(doing)), doing.timeoutMs);
  const end = AbortSignal.any([signal, late.signal]);
  const name = `holdfast ${doing.command}`;
  try {
    return await connect(url ?? (await addressAsked(flags, end)), { name, signal: end });
  } finally {
    clearTimeout(timer);
  }
}

/** What the promise gives; rejects with the signal's reason when that comes first. */
export async function unlessAborted<Result>(
  promise: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  let tell = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    tell = () => reject(signal.reason);
    if (signal.aborted) tell();
    signal.addEventListener("abort", tell, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", tell);
  }
}

/** A shell has no good place for the key or the certificate another machine wants to see. */
function addressGiven({ connect: url }: Flags): string | undefined {
  if (url === undefined || /^(unix:)?\//.test(String(url))) return url as string | undefined;
  const expected = 'expected "unix:" and the absolute path of a socket of this machine';
  throw badArgument("--connect", `received "${String(url)}", ${expected}`);
}

async function addressAsked(flags: Flags, signal: AbortSignal): Promise<string> {
  const client = await needSupervisor(homeOf(flags), signal);
  try {
    const { path } = await unlessAborted(client.call("bus", {}), signal);
    return `unix:${path}`;
  } finally {
    client.close();
  }
}

function tooLate({ command, timeoutMs }: Doing): HoldfastError {
  return new HoldfastError("HF_TIMEOUT", { action: command, afterMs: timeoutMs });
}
