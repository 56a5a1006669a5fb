/** One question to the supervisor, with its deadline, its progress, and Ctrl-C. */

import { duration } from "../config/kinds.ts";
import { HoldfastError } from "../errors.ts";
import type { Verb, Verbs } from "../link/control.ts";
import type { ControlClient } from "../link/control-client.ts";
import { wantsColour } from "./render/colour.ts";
import { createProgress } from "./render/progress.ts";

/** Long enough for large apps that drain for minutes; --timeout says otherwise. */
const ANSWER_WITHIN_MS = 10 * 60_000;

/**
 * Asks, and shows on stderr what happens meanwhile. Rejects with HF_TIMEOUT after --timeout (default ten
 * minutes), and with HF_ABORTED on Ctrl-C; the work goes on in both cases.
 */
export async function callShown<V extends Verb>(
  client: ControlClient,
  verb: V,
  takes: Verbs[V]["takes"],
  flags: Record<string, unknown>,
): Promise<Verbs[V]["gives"]> {
  const { stderr } = process;
  const isShown = flags.quiet !== true;
  const progress = createProgress(stderr, {
    isTTY: stderr.isTTY === true,
    colour: wantsColour(flags, process.env, stderr),
  });
  const aborted = new AbortController();
  const abort = (): void => aborted.abort();
  process.once("SIGINT", abort);
  try {
    return await client.call(verb, takes, {
      timeoutMs: timeoutOf(flags),
      signal: aborted.signal,
      onEvent: (name, data) => {
        if (isShown) progress.event(name, data);
      },
    });
  } finally {
    process.off("SIGINT", abort);
    progress.end();
  }
}

/** --timeout in milliseconds. Throws HF_CONFIG_INVALID. */
export function timeoutOf(flags: Record<string, unknown>, defaultMs = ANSWER_WITHIN_MS): number {
  if (flags.timeout === undefined) return defaultMs;
  const reading = duration(1).read(flags.timeout);
  if (reading.ok) return reading.value;
  const faults = reading.faults.map(({ message }) => ({ path: "--timeout", message }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}
