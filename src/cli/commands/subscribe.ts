/** `holdfast subscribe`: messages as they come, until Ctrl-C, `--count`, or the end of the reader. */

import type { Bus, BusMessage } from "../../bus/api.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { onUnread } from "../../system/pipe-reader.ts";
import { countIn, ofCommandLine, textsIn, timeoutIn } from "../bus/arguments.ts";
import { openBus, unlessAborted } from "../bus/on-bus.ts";
import { envelope, formatOf, type OutputFormat, print } from "../bus/output.ts";
import { talkOf } from "../outcomes.ts";
import { dataFields, dataLine } from "../render/data.ts";

type Flags = Record<string, unknown>;

const CONNECTED_WITHIN_MS = 5000;
const STDOUT_FD = 1;
const READER_LOOKED_FOR_EVERY_MS = 250;
const AT_ONCE_MS = 1;
const ACTION = { action: "subscribe" };
/** Why it ends where that is no fault. */
const ENOUGH = Symbol("enough");

/**
 * Resolves with 0 after --count messages, and without --count on Ctrl-C or after --timeout, which is unlimited unless
 * given. Rejects where either comes before the last of those messages: with HF_ABORTED, or with HF_BUS_TOO_FEW.
 */
export async function subscribeCommand(pattern: string, flags: Flags): Promise<number> {
  const format = formatOf(flags);
  const count = countIn(flags, "count");
  const timeoutMs = flags.timeout === undefined ? null : timeoutIn(flags, CONNECTED_WITHIN_MS);
  const printing = { count, format, flags, came: 0 };
  const stop = new AbortController();
  const interrupt = (): void =>
    stop.abort(count === undefined ? ENOUGH : new HoldfastError("HF_ABORTED", ACTION));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const unwatch = onUnread(STDOUT_FD, READER_LOOKED_FOR_EVERY_MS, () => stop.abort(ENOUGH));
  const began = performance.now();
  let late: NodeJS.Timeout | undefined;
  try {
    const doing = { command: "subscribe", timeoutMs: timeoutMs ?? CONNECTED_WITHIN_MS };
    const bus = await openBus(flags, doing, stop.signal);
    if (timeoutMs !== null) {
      const end = (): void => stop.abort(endOf(pattern, printing, timeoutMs));
      late = setTimeout(end, Math.max(1, timeoutMs - (performance.now() - began)));
    }
    try {
      await unlessAborted(printed(bus, pattern, printing), stop.signal);
    } finally {
      await bus.close({ timeout: AT_ONCE_MS });
    }
  } catch (error) {
    if (error !== ENOUGH) throw ofCommandLine(error);
  } finally {
    clearTimeout(late);
    unwatch();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
  }
  return EXIT.done;
}

/** At the end of --timeout: whoever has not said how many messages they want has had enough. */
function endOf(
  pattern: string,
  { count, came }: Printing,
  afterMs: number,
): typeof ENOUGH | HoldfastError {
  if (count === undefined) return ENOUGH;
  return new HoldfastError("HF_BUS_TOO_FEW", { pattern, came, wanted: count, afterMs });
}

interface Printing {
  readonly count: number | undefined;
  readonly format: OutputFormat;
  readonly flags: Flags;
  /** How many messages were printed. */
  came: number;
}

/** Resolves after the last message that is wanted; rejects when there will be no messages any more. */
function printed(bus: Bus, pattern: string, printing: Printing): Promise<void> {
  const { count, format, flags } = printing;
  const talk = talkOf({ quiet: flags.quiet });
  return new Promise((resolve, reject) => {
    let left = count ?? Number.POSITIVE_INFINITY;
    const handler = async (data: unknown, message: BusMessage): Promise<void> => {
      if (left === 0) return;
      left -= 1;
      await print(shown(data, message, format));
      printing.came += 1;
      if (left === 0) resolve();
    };
    bus.on("error", reject);
    bus.on("down", (reason) => {
      if (/for good\.$/.test(reason)) reject(new HoldfastError("HF_BUS_UNREACHABLE", { reason }));
      else talk.say(`note: the connection is lost, and tried again: ${reason}`);
    });
    bus.on("up", () => talk.say("note: the connection is there again"));
    // One at a time: a slow reader slows this down, and what it leaves waits in the supervisor, bounded.
    const options = { concurrency: 1, ...textsIn(flags, ["queue"]) };
    bus
      .subscribe(pattern, handler, options)
      .then(() => talk.say(`subscribed to ${pattern}; Ctrl-C ends`), reject);
  });
}

function shown(
  data: unknown,
  { subject, from, headers }: BusMessage,
  format: OutputFormat,
): string {
  if (format !== "text") return envelope({ subject, from, headers, ...dataFields(data) });
  const line = dataLine(data, process.stdout.isTTY === true);
  return line === "" ? `${subject}\n` : `${subject} ${line}\n`;
}
