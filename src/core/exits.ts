/** What a worker's end means, from what the operating system and the agent told. Pure. */

import type { Silence } from "./health.ts";
import type { ExitReason, Worker } from "./worker.ts";

/** A silence of a worker's event loop. */
export interface Hang {
  readonly silence: Silence;
  readonly silentMs: number;
  /** Where it stands, innermost call first, one call a line; null where that is not known. */
  readonly stack: string | null;
}

/** Code and signal are both null where nobody was told how the process ended, as of one that was adopted. */
export interface Death {
  readonly code: number | null;
  readonly signal: string | null;
  /** The exception or rejection that nobody handled, as the agent reported it. */
  readonly uncaught: string | null;
  /** The last lines say that V8 ran out of heap. */
  readonly heapExhausted: boolean;
  /** The kernel's out-of-memory killer was at work in this control group. */
  readonly oomKilled: boolean;
  /** The process was stopped (SIGSTOP) when it was killed. */
  readonly stopped: boolean;
  /** The last silence of its event loop, if there was one. */
  readonly hang?: Hang | null;
}

/** Signals the kernel or the runtime raises on a fault of the process itself (signal(7)). */
const FAULT_SIGNALS = ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS"];

/** What an end looks like from outside, whoever wanted it. */
export function classifyExit(death: Death): ExitReason {
  if (death.stopped) return "stopped";
  if (death.heapExhausted && (death.signal !== null || death.code !== 0)) return "oom";
  if (death.signal === "SIGKILL" && death.oomKilled) return "oom";
  if (death.signal !== null) return FAULT_SIGNALS.includes(death.signal) ? "crash" : "signal";
  if (death.uncaught !== null) return "uncaught";
  if (death.code === null) return "unknown";
  return death.code === 0 ? "clean" : "error";
}

/** V8's words for a full heap, in every supported Node. */
export function saysHeapExhausted(lines: readonly string[]): boolean {
  return lines.some((line) => /JavaScript heap out of memory|Reached heap limit/.test(line));
}

/** Why a worker failed, in words for a person. */
export function describeExit(
  worker: Worker,
  reason: ExitReason,
  death: Death,
  readyTimeoutMs: number,
  missing: string,
): string {
  const when =
    worker.readyAt === null
      ? "before it was ready"
      : worker.settled
        ? ""
        : "right after it was ready";
  const who = `worker ${worker.id} (slot ${worker.slot})`;
  const how =
    reason === "memory_limit" && worker.killed === "memory_limit"
      ? "used more memory than its hard limit, and was killed"
      : ended(reason, death, readyTimeoutMs, missing);
  return `${who} ${how} ${when}`.replace(/[, ]+$/, "");
}

function ended(reason: ExitReason, death: Death, readyTimeoutMs: number, missing: string): string {
  switch (reason) {
    case "startup_timeout":
      return `did not become ready within ${readyTimeoutMs} ms: ${missing}; it was killed`;
    case "stopped":
      return death.hang
        ? `was stopped (SIGSTOP) ${forTime(death.hang)}, and was replaced`
        : "was stopped (SIGSTOP) and killed at its deadline";
    case "unknown":
      return "ended, for a reason nobody was told (the supervisor that started it is gone),";
    case "spawn_failed":
      return `could not be started: ${death.uncaught ?? "the process could not be created"};`;
    case "oom":
      return "ran out of memory and died";
    case "uncaught":
      return `died of an uncaught ${firstLine(death.uncaught)}`;
    case "crash":
      return `crashed with ${death.signal}`;
    case "unresponsive":
      return unresponsive(death.hang ?? null);
    case "memory_limit":
      return "used more memory than its limit, and was replaced";
    case "unhealthy":
      return "was replaced because its health probe failed";
    case "max_lifetime":
      return "was replaced because it had reached its maxLifetime";
    case "max_requests":
      return "was replaced because it had answered its maxRequests";
    case "disconnected":
      return "closed its channel to the supervisor";
    default:
      if (death.signal !== null) return `was ended by ${death.signal}`;
      return death.code === null ? "ended" : `exited with code ${death.code}`;
  }
}

function firstLine(text: string | null): string {
  return (text ?? "error").split("\n", 1)[0] ?? "error";
}

/** So many calls of a stack go into a sentence. */
export const CALLS = 3;
const LONGEST_CALL = 200;

function unresponsive(hang: Hang | null): string {
  if (!hang) return "did not respond: its event loop stood still, and it was replaced";
  const why = {
    hung: "its event loop stood still",
    stopped: "it was stopped (SIGSTOP)",
    swapped: "its memory was on disk",
    starved: "it got no CPU time",
    debugger: "a debugger held it",
  }[hang.silence];
  const calls = forSentence(callsOf(hang.stack));
  const where = calls.length === 0 ? "" : ` in ${calls.join(", called by ")}`;
  return `did not respond ${forTime(hang)}: ${why}${where}; it was replaced`;
}

/** Of Node's own calls only the one that the app has made: there may be more of them than a sentence has room for. */
function forSentence(calls: readonly string[]): readonly string[] {
  const ofApp = calls.findIndex((call) => !call.includes("(node:"));
  const first = Math.max(0, ofApp - 1);
  return calls.slice(first, first + CALLS);
}

function forTime({ silentMs }: Hang): string {
  return `for ${Math.round(silentMs / 100) / 10} s`;
}

/** "spin (file:///app.js:3:7)" of each line of a stack, "native code" of words that tell it without one. */
function callsOf(stack: string | null): readonly string[] {
  return (stack ?? "")
    .split("\n")
    .map((line) =>
      line
        .trim()
        .replace(/^(at|in) /, "")
        .slice(0, LONGEST_CALL),
    )
    .filter((line) => line !== "");
}
