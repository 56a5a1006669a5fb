/** Where a worker's stdout and stderr lead: through pipes to a sink, or straight into files. */

import { closeSync } from "node:fs";
import type { Readable } from "node:stream";
import { lastWords } from "./last-words.ts";
import type { LogStore, LogTarget } from "./store.ts";
import { terminalSink } from "./terminal.ts";
import {
  carryOutput,
  type OutputSink,
  type StreamName,
  type WorkerOutput,
} from "./worker-output.ts";

export type StreamTarget = "pipe" | "ignore" | number;

/** The output of one worker about to start. */
export interface Outlet {
  /** For `spawn`: stdout and stderr. */
  readonly stdio: readonly [StreamTarget, StreamTarget];
  /** To be called once the worker has been started, or could not be: gives back what is no longer needed. */
  started(streams: Readonly<Record<StreamName, Readable | null>>): WorkerOutput;
}

export type Outlets = (target: LogTarget, slot: number) => Outlet;

/** Whole lines pass through this process to the sink. */
function pipeOutlets(sink: OutputSink): Outlets {
  return ({ name }, slot) => ({
    stdio: ["pipe", "pipe"],
    started: (streams) => carryOutput(streams, { app: name, slot }, sink),
  });
}

/**
 * Workers write to their files themselves: nothing crosses this process, so it can neither lose a line
 * nor hold a worker up, dead or alive. What cannot be opened is discarded; the store tells.
 */
export function fileOutlets(store: LogStore): Outlets {
  return (target, slot) => {
    const out = store.open(target, slot, "out");
    const err = store.open(target, slot, "err");
    return {
      stdio: [out?.descriptor ?? "ignore", err?.descriptor ?? "ignore"],
      started() {
        if (out) closeSync(out.descriptor);
        if (err) closeSync(err.descriptor);
        return lastWords(store, out, err);
      },
    };
  };
}

/** Files where there is a store for them, else pipes to a sink; default: to this process's own output, raw. */
export function outletsFor({
  output,
  logs,
}: {
  readonly output?: OutputSink;
  readonly logs?: LogStore;
}): Outlets {
  if (logs) return fileOutlets(logs);
  const { stdout, stderr } = process;
  return pipeOutlets(
    output ?? terminalSink({ streams: { stdout, stderr }, prefix: false, colour: false }),
  );
}
