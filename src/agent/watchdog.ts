/**
 * Where an event loop hangs can only be seen from another thread. This one looks at a counter that the
 * loop raises; when it stands still for too long it asks V8's debugger for the stack and writes it to
 * the supervisor itself.
 */

import { Worker } from "node:worker_threads";
import { type ThreadSettings, threadProgram } from "./watchdog-thread.ts";

/** The IPC channel's descriptor: `stdio` is [ignore, out, err, ipc] (supervisor/processes.ts). */
const CHANNEL = 3;

export interface Watchdog {
  /** The event loop turns. */
  beat(): void;
  /** From now on it is watched. Costs a thread: not while the app boots. */
  start(): void;
}

/** `agentFile`: whose frames are left out of the stack. */
export function createWatchdog(hangTimeoutMs: number, agentFile: string): Watchdog {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  let isStarted = false;
  return {
    beat: () => void Atomics.add(beats, 0, 1),
    start() {
      if (isStarted) return;
      isStarted = true;
      startThread({ beats, hangTimeoutMs, agentFile, channel: CHANNEL, pid: process.pid });
    },
  };
}

/** Without it a hang is found by the supervisor all the same, without its stack. */
function startThread(settings: ThreadSettings): void {
  try {
    const thread = new Worker(threadProgram(), {
      eval: true,
      // None of the app's: preloads, tracers and limits are not for it.
      execArgv: [],
      env: {},
      stdout: true,
      stderr: true,
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
      workerData: settings,
    });
    thread.on("error", () => {});
    thread.unref();
  } catch {
    // Threads may be forbidden (--permission) or not to be had (a limit of tasks).
  }
}
