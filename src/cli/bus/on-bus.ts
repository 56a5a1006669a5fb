/** A command's place on the bus: found by its supervisor, left when the command is done, too late, or told to end. */

import type { Bus } from "../../bus/api.ts";
import { connect } from "../../bus/connect.ts";
import { HoldfastError } from "../../errors.ts";
import { homeOf, needSupervisor } from "../connect.ts";

type Flags = Record<string, unknown>;

/** The bus tells by itself that an answer is late; only what it cannot tell is told here. */
const GRACE_MS = 1000;
/** What is under way when a command ends is not waited for. */
const AT_ONCE_MS = 1;

export interface Doing {
  /** Such as `publish`: what others see of this program, and what a fault names. */
  readonly command: string;
  /** For all of it: finding the bus, and what is done there. */
  readonly timeoutMs: number;
}

/**
 * Does something on the bus once. Rejects with HF_TIMEOUT, with HF_ABORTED on Ctrl-C, and as `openBus` and `act` do.
 */
export async function onBus<Result>(
  flags: Flags,
  doing: Doing,
  act: (bus: Bus) => Promise<Result>,
): Promise<Result> {
  const { command, timeoutMs } = doing;
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new HoldfastError("HF_ABORTED", { action: command }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const late = setTimeout(
    () => stop.abort(new HoldfastError("HF_TIMEOUT", { action: command, afterMs: timeoutMs })),
    timeoutMs + GRACE_MS,
  );
  try {
    const bus = await openBus(flags, doing, stop.signal);
    try {
      return await unlessAborted(act(bus), stop.signal);
    } finally {
      await bus.close({ timeout: AT_ONCE_MS });
    }
  } finally {
    clearTimeout(late);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
  }
}

/**
 * The bus of the home's supervisor, or the one `--connect` names. Rejects with HF_NO_SUPERVISOR, HF_BUS_UNREACHABLE,
 * HF_BUS_REFUSED, HF_BUS_SOCKET, HF_TIMEOUT, or with the signal's reason.
 */
export async function openBus(flags: Flags, doing: Doing, signal: AbortSignal): Promise<Bus> {
  const url =
    typeof flags.connect === "string" ? flags.connect : await addressAsked(flags, doing, signal);
  const connecting = connect(url, { name: `holdfast ${doing.command}` });
  try {
    return await unlessAborted(connecting, signal);
  } catch (error) {
    // Nobody would close what is connected after this.
    connecting.then(
      (bus) => bus.close({ timeout: AT_ONCE_MS }),
      () => {},
    );
    throw error;
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

async function addressAsked(flags: Flags, doing: Doing, signal: AbortSignal): Promise<string> {
  const client = await needSupervisor(homeOf(flags));
  try {
    const asked = client.call("bus", {}, { timeoutMs: doing.timeoutMs });
    const { path } = await unlessAborted(asked, signal);
    return `unix:${path}`;
  } finally {
    client.close();
  }
}
