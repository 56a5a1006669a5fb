/** Whether sessions stayed where they were: what clients saw, laid beside what the supervisor did to workers. */

import type { LogRecord } from "../holdfast.ts";

/** Two processes' clocks are one, but they look at it one after the other. */
const SLACK_MS = 50;
const TAG_LENGTH = 4;
/** A client has been forgotten that has waited for longer. */
export const ANSWER_WITHIN_MS = 8000;
/** What was inside a killed process, or on its way into it, fails within this time. */
const KILL_WINDOW_MS = 2000;

interface Answered {
  readonly pid: number;
  readonly at: number;
}

interface Lost {
  readonly session: string;
  readonly what: string;
  /** Who had the session; null where nobody had it yet. */
  readonly pid: number | null;
  readonly at: number;
}

/** What the clients of one test saw. */
export class Record {
  readonly sessions = new Map<string, Answered[]>();
  readonly losses: Lost[] = [];
  readonly wrongs: string[] = [];
  /** Other things worth counting. */
  readonly counts = new Map<string, number>();

  readonly #servedAt = new Map<string, number>();

  /** A session's name is its client's, with what tells it from the client's others behind a `#`. */
  answered(session: string, pid: number): void {
    this.#servedAt.set(session.split("#")[0] ?? "", Date.now());
    const answers = this.sessions.get(session) ?? [];
    answers.push({ pid, at: Date.now() });
    this.sessions.set(session, answers);
  }

  readonly #tags = new Map<string, number>();

  /** The process itself has told that this session of Socket.IO is its own. */
  told(session: string, id: string, pid: number): void {
    this.#tags.set(id.slice(0, TAG_LENGTH), pid);
    this.answered(session, pid);
  }

  /** When a client had its last answer; epoch milliseconds, 0 for none. */
  servedAt(client: string): number {
    return this.#servedAt.get(client) ?? 0;
  }

  /** `at`: when it began to go wrong; now, unless told. */
  lost(session: string, what: string, at = Date.now()): void {
    const known = this.sessions.get(session)?.at(-1)?.pid;
    const pid = known ?? this.#tags.get(session.split("#")[1]?.slice(0, TAG_LENGTH) ?? "") ?? null;
    this.losses.push({ session, what, pid, at });
  }

  wrong(session: string, what: string): void {
    this.wrongs.push(`${session}: ${what}`);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Answers so far. */
  get size(): number {
    return [...this.sessions.values()].reduce((sum, answers) => sum + answers.length, 0);
  }
}

interface Fate {
  /** It began to drain, or died. */
  leftAt: number;
  goneAt: number;
}

/** When workers left, by pid, from the supervisor's log at level debug, and the test's own kills. */
export function fatesOf(
  logs: readonly LogRecord[],
  kills: ReadonlyMap<number, number>,
): ReadonlyMap<number, Fate> {
  const fates = new Map<number, Fate>();
  for (const log of logs) {
    const pid = Number(log.pid);
    const at = Date.parse(String(log.time));
    const fate = fates.get(pid) ?? { leftAt: Infinity, goneAt: Infinity };
    if (log.msg === "worker draining") fates.set(pid, { ...fate, leftAt: at });
    // Whoever waits for the exit's news may have seen its effects before.
    if (log.reason !== undefined && Number.isFinite(fate.leftAt))
      fates.set(pid, { ...fate, goneAt: at });
    else if (log.reason !== undefined) fates.set(pid, { leftAt: at, goneAt: at });
  }
  for (const [pid, at] of kills) fates.set(pid, { leftAt: at, goneAt: at });
  return fates;
}

/** Every breach of the promise, told; none when it holds. */
export function breaches(
  record: Record,
  logs: readonly LogRecord[],
  kills: ReadonlyMap<number, number> = new Map(),
): string[] {
  const fates = fatesOf(logs, kills);
  const left = (pid: number): number => fates.get(pid)?.leftAt ?? Infinity;
  const hasLeft = (pid: number | null, at: number): boolean =>
    pid !== null && left(pid) <= at + SLACK_MS;
  const inKill = (at: number): boolean =>
    [...kills.values()].some((kill) => at >= kill && at <= kill + KILL_WINDOW_MS);
  // The connection may be another worker's than the session, and ends with that.
  const isLeaving = (at: number): boolean =>
    [...fates.values()].some(
      ({ leftAt, goneAt }) => leftAt <= at + SLACK_MS && at <= goneAt + SLACK_MS,
    );
  const moves = [...record.sessions].flatMap(([session, answers]) =>
    answers.flatMap(({ pid, at }, index) => {
      const before = answers[index - 1];
      if (!before || before.pid === pid || left(before.pid) <= at + SLACK_MS) return [];
      return [`${session}: moved from ${before.pid} to ${pid} at ${clock(at)}, which lived`];
    }),
  );
  const losses = record.losses.flatMap(({ session, what, pid, at }) => {
    const told = `${session}: ${what} at ${clock(at)}, owner ${pid}, left ${clock(left(pid ?? 0))}`;
    if (/ECONNREFUSED/.test(what)) return [`refused: ${told}`];
    if (inKill(at)) return [];
    // Its answer, or the question, was inside the killed worker, and no connection of the client's tells it.
    const isAsked = [...kills.values()].some((kill) => at <= kill && kill <= at + ANSWER_WITHIN_MS);
    if (/^no echo/.test(what) && isAsked) return [];
    if (/Session ID unknown|\b400\b/.test(what)) {
      // A drain ends sessions: what a client sent before it heard of that finds none.
      return hasLeft(pid, at) ? [] : [`unknown: ${told}`];
    }
    // Its own worker has ended it; how soon its client hears of that is the client's pace.
    if (/^(?:ended|upgrade:)/.test(what)) return isLeaving(at) || hasLeft(pid, at) ? [] : [told];
    // Polling has been paused by then, and engine.io's client does not resume it.
    if (/^cut in its upgrade/.test(what)) return isLeaving(at) ? [] : [told];
    return [told];
  });
  return [...record.wrongs, ...moves, ...losses];
}

/** When which worker left and was gone, for whoever has to understand a breach. */
export function told(logs: readonly LogRecord[], kills: ReadonlyMap<number, number>): string {
  return [...fatesOf(logs, kills)]
    .filter(([, { goneAt }]) => Number.isFinite(goneAt))
    .map(([pid, { leftAt, goneAt }]) => {
      const how = kills.has(pid) ? "killed" : "left";
      return `${pid} ${how} ${clock(leftAt)}, gone ${clock(goneAt)}`;
    })
    .join("; ");
}

function clock(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(11, 23) : "never";
}
