/** What the app must not notice of the agent, and what its output must not lose. */

import { INSPECTOR_FLAGS } from "../link/agent-messages.ts";
import type { Handle } from "./node-internals.ts";

/** The agent's `--require`, flags and settings are not handed on to the app's own children. */
export function hideAgent(): void {
  delete process.env.HOLDFAST_AGENT;
  const at = process.execArgv.findIndex(
    (argument, index) => argument === "--require" && process.execArgv[index + 1] === __filename,
  );
  if (at >= 0) process.execArgv.splice(at, 2);
  for (const flag of INSPECTOR_FLAGS) {
    const found = process.execArgv.indexOf(flag);
    if (found >= 0) process.execArgv.splice(found, 1);
  }
}

/**
 * Node writes to a pipe asynchronously and drops what is queued when the process dies (98 % of a
 * burst, measured). Blocking writes keep every byte. The getters are wrapped because making the
 * streams at start would cost every worker milliseconds.
 */
export function keepOutputWhole(): void {
  for (const name of ["stdout", "stderr"] as const) {
    const found = Object.getOwnPropertyDescriptor(process, name);
    const get = found?.get;
    if (!found || !get) continue;
    let stream: unknown;
    Object.defineProperty(process, name, {
      ...found,
      get(this: unknown) {
        if (stream) return stream;
        stream = get.call(this);
        const { _handle } = stream as { _handle?: Handle };
        _handle?.setBlocking?.(true);
        return stream;
      },
    });
  }
}
