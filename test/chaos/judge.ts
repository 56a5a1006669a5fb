/**
 * Whether everything was as promised: what was asked and answered, laid beside what was done. Pure.
 *
 * What a request may fail by is the death of the worker that had it, and nothing else: no death of a supervisor or an
 * heir, no stop, reload, scaling, restart or upgrade. Which worker had it is not guessed: a worker is stopped an instant
 * before it is killed (or stops itself before it throws), and the connections it then holds are read from its
 * descriptors. A failure is excused if, and only if,
 *  - it is a reset or a cut answer, never a refusal, a timeout or a wrong answer, and
 *  - its connection is among those of a worker that died, or was on its way from one process to another just then, and
 *    was opened before that, and
 *  - it ended after the worker stood still, and no later than LATE_MS after its death.
 * A connection excuses one failure: over it nothing more is sent. A WebSocket may be closed in the same way, or with 1012
 * while workers were being drained.
 */

import { growthFaults, lookFaults } from "./judge-look.ts";
import type { Closed, Command, Death, Failed, Gone, History, Span } from "./ledger.ts";
import { titleOf } from "./schedule.ts";

/** Times of two processes, and of one that had to wait for the CPU. */
const SLACK_MS = 100;
/** So late the end of a connection may be noticed, on a machine with more to do than CPUs. */
const LATE_MS = 3000;
/** A drain goes on when its command has ended, within `drainTimeout`. */
const DRAINED_WITHIN_MS = 11_000;
/** What is on the bus needs the supervisor: until everybody has found the next one. */
const BUS_FOUND_WITHIN_MS = 3000;
/** Promised is a second; where everything is killed all the time and the machine is full it may be more. */
const IN_CHARGE_WITHIN_MS = 3000;
const HEIR_WITHIN_MS = 10_000;
/** How the bus may fail where workers and supervisors die. */
const BUS_MAY_SAY =
  /^HF_BUS_(CONNECTION_LOST|WORKER_LOST|NO_RESPONDERS|TIMEOUT|UNREACHABLE|CLOSED)$/;
/** Exit status of a command that found no supervisor, lost it, or waited in vain. */
const MAY_END_WITH = [1, 3, 5, 6];
/** There is no such slot any more. */
const UNKNOWN = 4;

export interface Verdict {
  readonly faults: readonly string[];
  /** By step: failures and closed WebSockets that were excused by it. */
  readonly costs: ReadonlyMap<number, Cost>;
}

export interface Cost {
  readonly requests: number;
  readonly sockets: number;
}

/** Faults so far; `isOver`: all accepted messages should have been handled, too. */
export function judge(history: History, { isOver }: { readonly isOver: boolean }): Verdict {
  const costs = new Map<number, { requests: number; sockets: number }>();
  const charge = (step: number, what: keyof Cost): void => {
    const cost = costs.get(step) ?? { requests: 0, sockets: 0 };
    cost[what] += 1;
    costs.set(step, cost);
  };
  const times = { ...history, drains: drainsOf(history), outages: withoutSupervisor(history) };
  const faults = [
    ...history.failed.flatMap((failed) => failedFault(failed, times, charge)),
    ...history.closed.flatMap((closed) => closedFault(closed, times, charge)),
    ...history.commands.flatMap((command) => commandFault(command, times)),
    ...history.gone.flatMap((gone) => goneFault(gone, times)),
    ...outageFaults(history),
    ...history.lines.filter(({ what }) => what === "wrong").map(({ name }) => `the app: ${name}`),
    ...history.looks.flatMap(lookFaults),
    ...growthFaults(history.looks),
    ...(isOver ? [...lostMessages(history), ...idleLoads(history), ...history.remains] : []),
  ];
  return { faults, costs };
}

type Charge = (step: number, what: keyof Cost) => void;

/** When failures may have come of what was done. */
interface Times {
  readonly deaths: readonly Death[];
  readonly commands: readonly Command[];
  readonly drains: readonly { readonly step: number; readonly span: Span }[];
  /** When nobody was in charge. */
  readonly outages: readonly Span[];
}

function failedFault(failed: Failed, times: Times, charge: Charge): string[] {
  if (failed.kind === "bus") {
    const isExcused = BUS_MAY_SAY.test(failed.detail) && isBusUnrest(times, failed);
    return isExcused ? [] : [`${failed.load}: ${failed.detail} ${when(failed)}`];
  }
  const death = deathOf(failed, failed.to, times.deaths);
  const isCut = failed.kind === "reset" || failed.kind === "truncated";
  if (!death || !isCut) {
    const who = failed.worker === null ? "on a new connection" : `${failed.worker} answered last`;
    return [`${failed.load}: ${failed.kind}, ${failed.detail} (${who}) ${when(failed)}`];
  }
  charge(death.step, "requests");
  return [];
}

function deathOf(
  { port, openedAt }: { readonly port: number | null; readonly openedAt: number },
  endedAt: number,
  deaths: readonly Death[],
): Death | undefined {
  return deaths.find(
    (death) =>
      port !== null &&
      death.ports.includes(port) &&
      openedAt <= death.at + SLACK_MS &&
      endedAt >= death.at - SLACK_MS &&
      endedAt <= death.at + LATE_MS,
  );
}

function closedFault(closed: Closed, times: Times, charge: Charge): string[] {
  const death = deathOf(closed, closed.at, times.deaths);
  if (closed.code === 1006 && death) {
    charge(death.step, "sockets");
    return [];
  }
  const drain = times.drains.find(({ span }) => overlaps(span, [closed.at, closed.at]));
  if (closed.code === 1012 && drain) {
    charge(drain.step, "sockets");
    return [];
  }
  return [`a WebSocket was closed with ${closed.code} at ${clock(closed.at)}, ${closed.owed} owed`];
}

/** When workers may have been drained, by commands that were given or by what the deaths of others made of them. */
function drainsOf({ commands, looks }: History): { readonly step: number; readonly span: Span }[] {
  return commands
    .filter((command) => command.drains)
    .map(({ step, from, to, status }) => {
      const rest = looks.find(({ at }) => at >= to)?.at ?? Number.POSITIVE_INFINITY;
      // One that was not carried out to its end goes on by itself.
      const end = status === 0 ? Math.min(rest, to + DRAINED_WITHIN_MS) : rest;
      return { step, span: [from - SLACK_MS, end + SLACK_MS] };
    });
}

function isBusUnrest({ deaths, outages, drains }: Times, { from, to }: Failed): boolean {
  const spans: Span[] = [
    ...deaths.map(({ at }): Span => [at - SLACK_MS, at + BUS_FOUND_WITHIN_MS]),
    ...outages.map(([gone, back]): Span => [gone, back + BUS_FOUND_WITHIN_MS]),
    ...drains.map(({ span }) => span),
  ];
  return spans.some((span) => overlaps(span, [from, to]));
}

function withoutSupervisor({ outages }: History): Span[] {
  return outages
    .filter(({ what }) => what !== "heir")
    .map(({ from, to }) => [from - SLACK_MS, (to ?? Number.POSITIVE_INFINITY) + SLACK_MS]);
}

function commandFault(command: Command, times: Times): string[] {
  const { status, from, to, title, said } = command;
  if (status === 0) return [];
  const span: Span = [from, to];
  const isMissed = times.outages.some((outage) => overlaps(outage, span));
  const isHit =
    command.drains && times.deaths.some(({ at }) => overlaps([at - SLACK_MS, at + LATE_MS], span));
  if ((isMissed || isHit) && status !== null && MAY_END_WITH.includes(status)) return [];
  const others = times.commands.filter((other) => other !== command && other.drains);
  const isMoved = others.some((other) => overlaps([other.from, other.to], span));
  if (status === UNKNOWN && isMoved) return [];
  const how = status === null ? "hung" : `ended with ${status}`;
  return [`holdfast ${title} ${how} after ${to - from} ms at ${clock(to)}: ${said}`];
}

function goneFault({ pid, slot, lastSeen, at }: Gone, times: Times): string[] {
  const within = (span: Span): boolean => overlaps(span, [lastSeen, at]);
  const isWanted =
    slot === null
      ? times.outages.some(within)
      : times.deaths.some((death) => death.pid === pid) ||
        times.drains.some(({ span }) => within(span));
  if (isWanted) return [];
  const who = slot === null ? `supervisor ${pid}` : `worker ${pid} of slot ${slot}`;
  return [`${who} ended at ${clock(at)}: nobody asked it to`];
}

function outageFaults({ outages }: History): string[] {
  return outages.flatMap(({ step, what, from, to }) => {
    const within = what === "heir" ? HEIR_WITHIN_MS : IN_CHARGE_WITHIN_MS;
    const whom = what === "heir" ? "an heir was there" : "somebody was in charge";
    if (to === null) return [`#${step}: never again ${whom} after the death at ${clock(from)}`];
    // Whoever is started by a command takes as long as a start does.
    if (what === "both" || to - from <= within) return [];
    return [`#${step}: ${whom} only ${to - from} ms after the death at ${clock(from)}`];
  });
}

function lostMessages({ accepted, lines }: History): string[] {
  const ended = new Set(lines.filter(({ what }) => what === "end").map(({ name }) => name));
  return [...accepted]
    .filter(([name]) => !ended.has(name))
    .map(([name, at]) => `message ${name}, accepted at ${clock(at)}, was never handled to its end`);
}

/** A load that never ran proves nothing. */
function idleLoads({ ok }: History): string[] {
  const names = ["keep-alive", "fresh", "slow", "ask", "publish", "enqueue", "websocket"];
  return names
    .filter((name) => (ok.get(name) ?? 0) === 0)
    .map((name) => `${name}: nothing went well`);
}

/** What a step was, and when. */
export function told({ deeds }: History, step: number): string {
  const deed = deeds.find((each) => each.step.n === step);
  return deed ? `#${step} ${titleOf(deed.step.action)} at ${clock(deed.at)}` : `#${step}`;
}

function overlaps([a, b]: Span, [c, d]: Span): boolean {
  return a <= d && c <= b;
}

function when({ from, to }: { readonly from: number; readonly to: number }): string {
  return `at ${clock(to)} after ${Math.round(to - from)} ms`;
}

export function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}
