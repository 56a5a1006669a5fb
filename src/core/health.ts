/**
 * Whether a worker that is silent hangs. An event loop that turns sends a beat once a second; what
 * else can keep it from doing so is told apart first: a supervisor that was not there to hear it, a
 * stopped process, a debugger, memory on disk, a machine without a CPU to spare. Pure.
 */

/** Agents beat this often. */
export const BEAT_EVERY_MS = 1000;
/** How long the debugger, which knows more, is waited for before silence alone decides; longer while it is being asked. */
const DEBUGGER_GRACE_MS = 2000;
/** What may be waited out gets this many times the hang timeout. */
const PATIENCE = 3;
/** Below this share of a CPU between two looks a runnable thread has, in effect, not run. */
const RAN_SHARE = 0.02;
const MS_PER_TICK = 10;
/** Two looks closer than this say nothing about what happened between them. */
export const LOOKS_APART_MS = 200;
/** Major page faults a second of a thread that waits for its memory: a slow disk serves ten times as many. */
const SWAPPING_PER_S = 10;
/** What a busy machine makes a timer wait for is no gap; what lasts longer could be more than a beat. */
const LATE_MS = 1000;

/**
 * Why a worker is silent: `hung` its event loop does not turn; `stopped` by SIGSTOP; `swapped` its
 * memory is on disk; `starved` it gets no CPU; `debugger` somebody looks at it.
 */
export type Silence = "hung" | "stopped" | "swapped" | "starved" | "debugger";

/** The supervisor's own time: what passes while it does not run is nobody's silence. */
export interface Lived {
  /** Milliseconds of the monotonic clock, and of the wall clock, at the last look. */
  readonly now: number;
  readonly wall: number;
  /** Milliseconds in which this process ran, as far as its looks can tell. */
  readonly lived: number;
  /** Raised with every gap: beats heard before it say nothing about the time after. */
  readonly gaps: number;
}

/**
 * The time at this look, where one is due every `everyMs`. One that comes more than a second late, or
 * clocks that disagree by as much (a suspended machine, a clock that was set), make a gap.
 */
export function live(last: Lived, now: number, wall: number, everyMs: number): Lived {
  const elapsed = now - last.now;
  const drift = Math.abs(wall - last.wall - elapsed);
  const isGap = elapsed > everyMs + LATE_MS || elapsed < 0 || drift > LATE_MS;
  return isGap
    ? { now, wall, lived: last.lived, gaps: last.gaps + 1 }
    : { now, wall, lived: last.lived + elapsed, gaps: last.gaps };
}

/** What the system says of a worker's main thread (proc(5)). */
export interface Look {
  /** Of the supervisor's lived time, milliseconds. */
  readonly at: number;
  /** R running, S sleeping, D waiting for a device, T stopped, t traced, Z zombie. */
  readonly state: string;
  /** CPU time used so far, in ticks of 10 ms. */
  readonly cpuTicks: number;
  /** Pages that had to come from a disk so far. */
  readonly majorFaults: number;
}

export interface Observation {
  /** Lived time since the last beat, or since the last gap. */
  readonly silentMs: number;
  /** What the worker's debugger has told since the last beat. */
  readonly told: "hung" | "debugger" | null;
  /** Now, and at an earlier look of this silence; null where the system does not tell. */
  readonly look: Look | null;
  readonly before: Look | null;
}

/** `waits`: it is left alone, for now or for good. `gives-up`: it is to be replaced. */
export type Verdict =
  | { readonly type: "well" }
  | { readonly type: "waits" | "gives-up"; readonly silence: Silence };

const WELL: Verdict = { type: "well" };

/** How often workers are looked at. */
export function looksEveryMs(hangTimeoutMs: number): number {
  return Math.min(1000, hangTimeoutMs / 4);
}

/** From when on the system is asked how a silent worker is, so that a verdict has two looks to compare. */
export function looksAfterMs(hangTimeoutMs: number): number {
  return hangTimeoutMs / 2;
}

/** From when on it is asked where it stands, so that this is known when its time is over. */
export function inspectsAfterMs(hangTimeoutMs: number): number {
  return hangTimeoutMs * 0.75;
}

/** Stopped by a signal or a tracer: it can answer nobody. */
export function isHalted(look: Look | null): boolean {
  return look?.state === "T" || look?.state === "t";
}

/** What is to be thought of one ready worker that has beaten at least once. */
export function judge(seen: Observation, hangTimeoutMs: number): Verdict {
  const { silentMs, told, look } = seen;
  if (silentMs < hangTimeoutMs) return WELL;
  if (told === "debugger") return { type: "waits", silence: "debugger" };
  // A beat may just be due.
  const dueMs = hangTimeoutMs + BEAT_EVERY_MS;
  if (look && isHalted(look)) {
    if (silentMs < dueMs) return WELL;
    if (look.state === "t") return { type: "waits", silence: "debugger" };
    return { type: "gives-up", silence: "stopped" };
  }
  const sureMs = told === "hung" ? hangTimeoutMs : dueMs + DEBUGGER_GRACE_MS;
  if (silentMs < sureMs) return WELL;
  const excuse = excuseOf(seen);
  if (excuse === null) return { type: "gives-up", silence: "hung" };
  const isOver = silentMs >= PATIENCE * hangTimeoutMs + BEAT_EVERY_MS;
  return { type: isOver ? "gives-up" : "waits", silence: excuse };
}

/**
 * What keeps a worker from running though nothing is wrong with it. One look alone proves nothing: any
 * program waits for its disk now and then, and reads a page of its code.
 */
function excuseOf({ look, before }: Observation): "swapped" | "starved" | null {
  if (!look || !before) return null;
  const windowMs = look.at - before.at;
  if (windowMs < LOOKS_APART_MS) return null;
  const ranShare = ((look.cpuTicks - before.cpuTicks) * MS_PER_TICK) / windowMs;
  const faults = look.majorFaults - before.majorFaults;
  if (look.state === "D" && before.state === "D") return "swapped";
  if (faults >= Math.max(2, (SWAPPING_PER_S * windowMs) / 1000) && ranShare < 0.5) return "swapped";
  return look.state === "R" && ranShare < RAN_SHARE ? "starved" : null;
}
