/**
 * What the watchdog's thread runs. It is handed over as text, because the agent is one file and the
 * thread must not load all of it: these functions use each other, globals and what they require
 * themselves, and nothing else of this module.
 */

import type { Session } from "node:inspector";

/** What the thread is told. */
export interface ThreadSettings {
  /** Element 0 is raised by the event loop. */
  readonly beats: Int32Array;
  readonly hangTimeoutMs: number;
  /** Frames of this file are ours, not the app's. */
  readonly agentFile: string;
  /** The descriptor of the IPC channel. */
  readonly channel: number;
  readonly pid: number;
}

type Told = (stack: string | null, isDebugger: boolean) => void;

/** The thread's program. */
export function threadProgram(): string {
  const functions = [watch, capture, follow, textOf, systemCall, tell];
  return `${functions.join("\n")}\n${watch.name}();`;
}

/** Looks at the counter; when it has stood still for too long, and still does, says where. */
function watch(): void {
  const { workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
  const { beats, hangTimeoutMs } = workerData as ThreadSettings;
  const everyMs = Math.min(1000, hangTimeoutMs / 4);
  let seen = Atomics.load(beats, 0);
  let lookedAt = performance.now();
  let silentMs = 0;
  /** Once more, and once more: the timer that raises the counter may just be due. */
  let looksLeft = 2;
  const look = (waitedMs: number): void => {
    const now = performance.now();
    // While the whole process or the machine stood still this thread did, too: that time does not count.
    silentMs += Math.min(now - lookedAt, 2 * waitedMs);
    lookedAt = now;
    const count = Atomics.load(beats, 0);
    if (count !== seen) {
      seen = count;
      silentMs = 0;
      looksLeft = 2;
    }
    const isDoubtful = silentMs >= hangTimeoutMs && looksLeft >= 0;
    if (isDoubtful) looksLeft -= 1;
    if (isDoubtful && looksLeft < 0) capture(workerData as ThreadSettings);
    const waitMs = isDoubtful ? 50 : everyMs;
    setTimeout(look, waitMs, waitMs);
  };
  setTimeout(look, everyMs, everyMs);
}

/** Asks V8's debugger for the stack of the main thread, and tells it. */
function capture(settings: ThreadSettings): void {
  const { Session } = require("node:inspector") as typeof import("node:inspector");
  const session = new Session();
  session.connectToMainThread();
  const withinMs = 500;
  let timer: NodeJS.Timeout | undefined;
  const told: Told = (stack, isDebugger) => {
    clearTimeout(timer);
    session.removeAllListeners();
    if (!isDebugger) session.post("Debugger.resume");
    session.post("Debugger.disable");
    session.disconnect();
    tell(settings, stack, isDebugger);
  };
  const { ask, seen } = follow(session, settings.agentFile, told);
  const late = (): void => {
    told(seen() ?? `in native code or a system call${systemCall(settings.pid)}`, false);
  };
  timer = setTimeout(late, withinMs);
  session.post("Debugger.enable", (closed) => {
    if (closed || !ask()) return;
    clearTimeout(timer);
    timer = setTimeout(late, withinMs);
    session.post("Debugger.pause");
  });
}

interface Following {
  /** From now on a pause is our own; false when it is over already. */
  ask(): boolean;
  /** Where it stood last, outside the app's code. */
  seen(): string | null;
}

/** Hears of pauses. */
function follow(session: Session, agentFile: string, told: Told): Following {
  const files = new Map<string, string>();
  let isAsked = false;
  let isOver = false;
  let seen: string | null = null;
  session.on("Debugger.scriptParsed", ({ params }) => {
    if (params.url !== "") files.set(params.scriptId, params.url);
  });
  session.on("Debugger.paused", ({ params }) => {
    const frames = params.callFrames
      .map(({ functionName, url, location }) => ({
        ...{ name: functionName, line: location.lineNumber + 1 },
        column: (location.columnNumber ?? 0) + 1,
        file: (url || (files.get(location.scriptId) ?? "")).replace(/^file:\/\//, ""),
      }))
      .filter(({ file }) => file !== agentFile);
    seen = textOf(frames);
    isOver = !isAsked || frames.some(({ file }) => !file.startsWith("node:"));
    // News of a pause that was there before comes ahead of the first answer: a person's debugger holds it.
    if (!isAsked) told(null, true);
    else if (isOver) told(seen, false);
    // Between two pieces of the app's work only Node's own frames are there.
    else session.post("Debugger.stepInto");
  });
  return {
    ask() {
      isAsked = !isOver;
      return isAsked;
    },
    seen: () => seen,
  };
}

interface Frame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** As Node writes it. So short that the supervisor finds the whole of it even at the end of a broken line. */
function textOf(frames: readonly Frame[]): string {
  const lines = frames.slice(0, 30).map(({ name, file, line, column }) => {
    return `at ${name || "<anonymous>"} (${file || "<anonymous>"}:${line}:${column})`;
  });
  return lines.join("\n").slice(0, 8000);
}

/** Where in the kernel the main thread waits, as far as /proc tells. */
function systemCall(pid: number): string {
  const { readFileSync } = require("node:fs") as typeof import("node:fs");
  try {
    const place = readFileSync(`/proc/self/task/${pid}/wchan`, "latin1");
    return place === "" || place === "0" ? "" : ` (${place})`;
  } catch {
    return "";
  }
}

/**
 * One line of the IPC protocol. The main thread, which stands still, writes nothing meanwhile; had it
 * left half a line, the supervisor would find this one at its end (supervisor/ipc-lines.ts).
 */
function tell({ beats, channel }: ThreadSettings, stack: string | null, debug: boolean): void {
  const { writeSync } = require("node:fs") as typeof import("node:fs");
  const message = { cmd: "NODE_HOLDFAST", t: "hung", stack, debugger: debug };
  let left = Buffer.from(`${JSON.stringify(message)}\n`);
  let triesLeft = 100;
  let hasBegun = false;
  const count = Atomics.load(beats, 0);
  const write = (): void => {
    // It turns again: nothing to tell any more.
    if (!hasBegun && Atomics.load(beats, 0) !== count) return;
    try {
      left = left.subarray(writeSync(channel, left));
      hasBegun = true;
    } catch (error) {
      // Whatever else it is, the supervisor finds the hang by the silence.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
    }
    triesLeft -= 1;
    if (left.length > 0 && triesLeft > 0) setTimeout(write, 50);
  };
  write();
}
