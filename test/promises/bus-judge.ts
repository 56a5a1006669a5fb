/** Whether durable messages were handled as promised: what handlers have written, laid beside who was killed. */

export interface Kill {
  readonly what: "worker" | "supervisor";
  readonly pid: number;
  /** Milliseconds since 1970, as all times here; just before the signal. */
  readonly at: number;
}

/** A line of the ledger: a handler's begin or end, or a message that was accepted. */
export interface Line {
  readonly what: string;
  readonly id: string;
  readonly attempt: number;
  readonly pid: number;
  readonly at: number;
  /** Of the call of `enqueue`. */
  readonly name: string;
}

export interface Account {
  readonly lines: readonly Line[];
  /** What was accepted of those who keep no ledger. */
  readonly accepted: readonly { readonly id: string; readonly name: string }[];
  readonly kills: readonly Kill[];
  /** When supervisors had all their workers ready. */
  readonly readies: readonly number[];
}

/** From and to, in milliseconds since 1970. */
export type Span = readonly [number, number];

/** From the deaths of supervisors until the next one's workers are ready and, with `ups`, a client is connected again. */
export function outagesOf(
  { kills, readies }: Pick<Account, "kills" | "readies">,
  ups?: readonly number[],
): Span[] {
  return kills
    .filter(({ what }) => what === "supervisor")
    .map(({ at }) => {
      const next = (times: readonly number[]) =>
        times.find((each) => each > at) ?? Number.POSITIVE_INFINITY;
      return [at - OVER_MS, Math.max(next(readies), ups ? next(ups) : 0) + OVER_MS];
    });
}

export interface Verdict {
  readonly faults: readonly string[];
  readonly accepted: number;
  /** Of each handler that had ended and was followed by another: how long after its end the kill came. */
  readonly twice: readonly number[];
  /** Messages that were handed out again to another handler. */
  readonly again: number;
  /** The longest a message waited that a killed worker had, with a supervisor there. */
  readonly slowestReturnMs: number;
  /** The longest a message waited that was at work when the supervisor was killed. */
  readonly slowestAfterSupervisorMs: number;
}

/** A handler of a message at work. */
interface Delivery {
  readonly begin: Line;
  readonly end: Line | null;
}

/** Two processes look at one clock, one after the other, and one of them may stand still meanwhile. */
const SLACK_MS = 100;
/** So long after its handler's end a message may not be acknowledged yet. */
const ACKNOWLEDGED_WITHIN_MS = 500;
/** "At once", with processes that boot and are killed beside it. */
const RETURNED_WITHIN_MS = 5000;
/** What is under way when an outage is over may still fail by it. */
const OVER_MS = 500;

export function readLines(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [what = "", id = "", attempt, pid, at, name = ""] = line.split(" ");
      return { what, id, attempt: Number(attempt), pid: Number(pid), at: Number(at), name };
    });
}

export function judge({ lines, accepted, kills, readies }: Account): Verdict {
  const outages = outagesOf({ kills, readies });
  const stored = [...accepted, ...lines.filter(({ what }) => what === "stored")];
  const byId = deliveries(lines);
  const histories = [...byId.values()];
  const returns = histories.flatMap((history) => returnTimes(history, kills, outages));
  return {
    faults: [
      ...lines
        .filter(({ what }) => what === "wrong")
        .map(({ name }) => `a worker was told ${name}`),
      ...stored.filter(({ id }) => !byId.get(id)?.some(({ end }) => end)).map(lost),
      ...histories.flatMap((history) => unexcused(history, kills)),
      ...returns.filter(({ tookMs }) => tookMs > RETURNED_WITHIN_MS).map(({ told }) => told),
      ...storedTwice([...stored, ...lines.filter(({ what }) => what === "begin")]),
    ],
    accepted: stored.length,
    twice: histories.flatMap((history) => killsAfterEnds(history, kills)),
    again: histories.filter((history) => history.length > 1).length,
    slowestReturnMs: Math.max(0, ...returns.map(({ tookMs }) => tookMs)),
    slowestAfterSupervisorMs: Math.max(0, ...histories.flatMap((one) => waitsMs(one, kills))),
  };
}

function lost({ id, name }: { readonly id: string; readonly name: string }): string {
  return `${id} (${name}) was accepted and never handled to its end`;
}

/** By message, in order of their begins. */
function deliveries(lines: readonly Line[]): Map<string, Delivery[]> {
  const ends = new Map(
    lines.filter(({ what }) => what === "end").map((line) => [keyOf(line), line]),
  );
  const found = new Map<string, Delivery[]>();
  for (const begin of lines.filter(({ what }) => what === "begin")) {
    const history = found.get(begin.id) ?? [];
    history.push({ begin, end: ends.get(keyOf(begin)) ?? null });
    found.set(begin.id, history);
  }
  return found;
}

function keyOf({ id, attempt, pid }: Line): string {
  return `${id} ${attempt} ${pid}`;
}

/** Those that were followed by another, though nobody was killed before they could be acknowledged. */
function unexcused(history: readonly Delivery[], kills: readonly Kill[]): string[] {
  return followed(history).flatMap(({ delivery, next }) => {
    if (excuse(delivery, next, kills)) return [];
    const { begin, end } = delivery;
    const how = end ? `had ended at ${end.at}` : "had not ended";
    const again = `attempt ${next.begin.attempt} began at ${next.begin.at} in ${next.begin.pid}`;
    return [`${begin.id}: ${again}, though attempt ${begin.attempt} ${how} and ${begin.pid} lived`];
  });
}

function killsAfterEnds(history: readonly Delivery[], kills: readonly Kill[]): number[] {
  return followed(history).flatMap(({ delivery, next }) => {
    const kill = excuse(delivery, next, kills);
    return delivery.end && kill ? [kill.at - delivery.end.at] : [];
  });
}

function waitsMs(history: readonly Delivery[], kills: readonly Kill[]): number[] {
  return followed(history).flatMap(({ delivery, next }) => {
    const kill = excuse(delivery, next, kills);
    return kill?.what === "supervisor" ? [next.begin.at - kill.at] : [];
  });
}

function followed(history: readonly Delivery[]) {
  return history.slice(1).map((next, index) => ({ delivery: history[index] as Delivery, next }));
}

/** Who was killed before it could be acknowledged. */
function excuse(
  { begin, end }: Delivery,
  next: Delivery,
  kills: readonly Kill[],
): Kill | undefined {
  const until = Math.min(next.begin.at, end ? end.at + ACKNOWLEDGED_WITHIN_MS : next.begin.at);
  return kills.find(({ what, pid, at }) => {
    // Of a supervisor's workers none can acknowledge any more, also what ends a moment later.
    const from = what === "worker" && end ? end.at : begin.at;
    const isTheirs = what === "supervisor" || pid === begin.pid;
    return isTheirs && at >= from - SLACK_MS && at <= until + SLACK_MS;
  });
}

/** How long messages waited that killed workers had at their first attempt, while the supervisor was there. */
function returnTimes(
  history: readonly Delivery[],
  kills: readonly Kill[],
  outages: readonly Span[],
) {
  const [first, second] = history;
  if (!first || !second || first.begin.attempt !== 1 || second.begin.attempt !== 2) return [];
  const kill = kills.find(({ what, pid }) => what === "worker" && pid === first.begin.pid);
  if (!kill || kill.at < first.begin.at - SLACK_MS) return [];
  const until = kill.at + RETURNED_WITHIN_MS;
  if (outages.some(([from, to]) => from <= until && kill.at <= to)) return [];
  const tookMs = second.begin.at - kill.at;
  const who = `${kill.pid}, killed at ${kill.at}`;
  return [{ tookMs, told: `${first.begin.id} came back ${tookMs} ms after its worker ${who}` }];
}

/** A call that is said again over a new connection is one message. */
function storedTwice(all: readonly { readonly id: string; readonly name: string }[]): string[] {
  const ids = new Map<string, Set<string>>();
  for (const { id, name } of all) ids.set(name, (ids.get(name) ?? new Set()).add(id));
  return [...ids]
    .filter(([, some]) => some.size > 1)
    .map(([name, some]) => `${name} was stored as ${[...some].join(" and ")}`);
}
