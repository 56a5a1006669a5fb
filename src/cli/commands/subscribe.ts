/** `holdfast subscribe`: messages as they come, until Ctrl-C, `--count`, or the end of the reader. */

import type { Bus, BusMessage } from "../../bus/api.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { onUnread } from "../../system/pipe-reader.ts";
import { openBus, unlessAborted } from "../bus/on-bus.ts";
import { countIn, envelope, formatOf, type OutputFormat, print } from "../bus/output.ts";
import { timeoutOf } from "../call.ts";
import { talkOf } from "../outcomes.ts";
import { dataFields, dataLine } from "../render/data.ts";

type Flags = Record<string, unknown>;

const CONNECTED_WITHIN_MS = 5000;
const STDOUT_FD = 1;
const READER_LOOKED_FOR_EVERY_MS = 250;
const AT_ONCE_MS = 1;

/**
 * Resolves with 0 after --count messages, and without --count on Ctrl-C. Rejects with HF_ABORTED where Ctrl-C comes
 * before the last of those messages, and with HF_TIMEOUT after --timeout, which is unlimited unless given.
 */
export async function subscribeCommand(pattern: string, flags: Flags): Promise<number> {
  const format = formatOf(flags);
  const count = countIn(flags, "count");
  const timeoutMs = flags.timeout === undefined ? null : timeoutOf(flags);
  const stop = new AbortController();
  const interrupt = (): void =>
    stop.abort(new HoldfastError("HF_ABORTED", { action: "subscribe" }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const late =
    timeoutMs === null ? undefined : setTimeout(() => stop.abort(lateError(timeoutMs)), timeoutMs);
  let isUnread = false;
  const unwatch = onUnread(STDOUT_FD, READER_LOOKED_FOR_EVERY_MS, () => {
    isUnread = true;
    stop.abort();
  });
  try {
    const doing = { command: "subscribe", timeoutMs: timeoutMs ?? CONNECTED_WITHIN_MS };
    const bus = await openBus(flags, doing, stop.signal);
    try {
      await unlessAborted(printed(bus, pattern, { count, format, flags }), stop.signal);
    } finally {
      await bus.close({ timeout: AT_ONCE_MS });
    }
  } catch (error) {
    const isWantedEnd = error === stop.signal.reason && (isUnread || isPlainEnd(error, count));
    if (!isWantedEnd) throw error;
  } finally {
    clearTimeout(late);
    unwatch();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupt);
  }
  return EXIT.done;
}

/** Whoever has not said how many messages they want has had enough. */
function isPlainEnd(error: unknown, count: number | undefined): boolean {
  return count === undefined && (error as { code?: unknown }).code === "HF_ABORTED";
}

function lateError(afterMs: number): HoldfastError {
  return new HoldfastError("HF_TIMEOUT", { action: "subscribe", afterMs });
}

interface Printing {
  readonly count: number | undefined;
  readonly format: OutputFormat;
  readonly flags: Flags;
}

/** Resolves after the last message that is wanted; rejects when there will be no messages any more. */
function printed(bus: Bus, pattern: string, { count, format, flags }: Printing): Promise<void> {
  const talk = talkOf({ quiet: flags.quiet });
  return new Promise((resolve, reject) => {
    let left = count ?? Number.POSITIVE_INFINITY;
    const handler = async (data: unknown, message: BusMessage): Promise<void> => {
      if (left === 0) return;
      left -= 1;
      await print(shown(data, message, format));
      if (left === 0) resolve();
    };
    bus.on("error", reject);
    bus.on("down", (reason) => {
      if (/for good\.$/.test(reason)) reject(new HoldfastError("HF_BUS_UNREACHABLE", { reason }));
      else talk.say(`note: the connection is lost, and tried again: ${reason}`);
    });
    bus.on("up", () => talk.say("note: the connection is there again"));
    // One at a time: a slow reader slows this down, and what it leaves waits in the supervisor, bounded.
    const options = {
      concurrency: 1,
      ...(typeof flags.queue === "string" ? { queue: flags.queue } : {}),
    };
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
