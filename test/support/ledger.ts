/** How a request can fail. A hang ("timeout") is counted apart from a cut connection ("reset"). */
export type FailureKind = "refused" | "reset" | "truncated" | "timeout" | "wrong" | "error";
export type OutcomeKind = "ok" | FailureKind;

/** One request that was not answered as it should have been. */
export interface Failure {
  kind: FailureKind;
  detail: string;
  /** When it ended, in epoch milliseconds, to lay beside the supervisor's log. */
  at: number;
  /** How long after its start it ended. */
  afterMs: number;
}

/** What became of all requests so far. */
export interface Summary {
  name: string;
  ok: number;
  failures: Failure[];
  /** Milliseconds from start to complete response, of the requests that were ok. */
  latencies: number[];
  tally: Record<OutcomeKind, number>;
  /** Requests begun and not ended. None after a load's `stop`. */
  pending: number;
}

/** A request that was begun and must end as exactly one outcome. */
export interface Entry {
  /** The first end counts; a later one is ignored and answered with `false`. */
  end(kind: OutcomeKind, detail?: string): boolean;
  /** Takes the request out of the books: it was allowed to stay unanswered and is counted elsewhere. */
  drop(): void;
}

/** A client-side account of every request: the oracle of all tests under load. */
export interface Ledger {
  readonly name: string;
  readonly ok: number;
  readonly failed: number;
  /** Requests that ended, well or not. */
  readonly settled: number;
  /** Requests begun and not ended yet. */
  readonly pending: number;
  begin(): Entry;
  /** Books a fault that belongs to no request, such as the reset of an idle connection. */
  record(kind: FailureKind, detail: string): void;
  summary(): Summary;
}

/** Opens an empty ledger. The name is what a failing test shows. */
export function createLedger(name: string): Ledger {
  const failures: Failure[] = [];
  const latencies: number[] = [];
  let pending = 0;

  function begin(): Entry {
    const startedAt = performance.now();
    let open = true;
    pending += 1;
    const close = (): boolean => {
      if (!open) return false;
      open = false;
      pending -= 1;
      return true;
    };
    return {
      end(kind, detail = "") {
        if (!close()) return false;
        const afterMs = performance.now() - startedAt;
        if (kind === "ok") latencies.push(afterMs);
        else failures.push({ kind, detail, at: Date.now(), afterMs });
        return true;
      },
      drop: () => void close(),
    };
  }

  return {
    name,
    get ok() {
      return latencies.length;
    },
    get failed() {
      return failures.length;
    },
    get settled() {
      return latencies.length + failures.length;
    },
    get pending() {
      return pending;
    },
    begin,
    record: (kind, detail) => void failures.push({ kind, detail, at: Date.now(), afterMs: 0 }),
    summary: () => summarise(name, failures, latencies, pending),
  };
}

function summarise(
  name: string,
  failures: Failure[],
  latencies: number[],
  pending: number,
): Summary {
  const tally = {
    ok: latencies.length,
    refused: 0,
    reset: 0,
    truncated: 0,
    timeout: 0,
    wrong: 0,
    error: 0,
  };
  for (const failure of failures) tally[failure.kind] += 1;
  return {
    name,
    ok: latencies.length,
    failures: [...failures],
    latencies: [...latencies],
    tally,
    pending,
  };
}

/** What a test lets pass. */
export interface CleanOptions {
  /** Fewer good requests than this is a failure too: a load that never ran proves nothing. */
  minOk?: number;
  /** Up to so many failures of a kind are part of the promise (requests inside a killed worker). */
  allow?: Partial<Record<FailureKind, number>>;
}

/** Throws with a readable tally unless every request was ok (or is within what `allow` grants). */
export function expectClean(
  account: Ledger | Summary,
  { minOk = 1, allow = {} }: CleanOptions = {},
): Summary {
  const summary = "begin" in account ? account.summary() : account;
  const faults: string[] = [];
  for (const [kind, count] of Object.entries(summary.tally) as [OutcomeKind, number][]) {
    if (kind === "ok") continue;
    const granted = allow[kind] ?? 0;
    if (count > granted)
      faults.push(granted ? `${count} ${kind} (allowed: ${granted})` : `${count} ${kind}`);
  }
  if (summary.pending > 0) faults.push(`${summary.pending} not ended`);
  if (summary.ok < minOk) faults.push(`only ${summary.ok} ok (wanted at least ${minOk})`);
  if (faults.length > 0) {
    throw new Error(
      `${summary.name}: ${faults.join(", ")}; ${summary.ok} ok\n${listFailures(summary)}`,
    );
  }
  return summary;
}

/** The failures as text, alike ones together, with when the first and the last of them happened. */
export function listFailures(summary: Summary): string {
  const groups = new Map<string, Failure[]>();
  for (const failure of summary.failures) {
    const key = `${failure.kind}: ${failure.detail}`;
    const group = groups.get(key);
    if (group) group.push(failure);
    else groups.set(key, [failure]);
  }
  const clock = (failure: Failure | undefined) =>
    failure
      ? `${new Date(failure.at).toISOString().slice(11, 23)} after ${Math.round(failure.afterMs)} ms`
      : "";
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, 20)
    .map(([key, group]) => {
      const last = group.length > 1 ? ` .. ${clock(group.at(-1))}` : "";
      return `  ${group.length} x ${key} [${clock(group[0])}${last}]`;
    })
    .join("\n");
}

/** Sorts a socket error into the ledger's kinds. */
export function kindOfError(error: unknown): FailureKind {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ECONNREFUSED" || code === "ENOENT") return "refused";
  if (code === "ECONNRESET" || code === "EPIPE" || code === "ECONNABORTED") return "reset";
  if (code === "ETIMEDOUT") return "timeout";
  // A pending HTTP/2 stream names the session's fault as its cause.
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? "error" : kindOfError(cause);
}

/** One line about an error, with its code where the message does not say it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return code && !error.message.includes(code) ? `${code} ${error.message}` : error.message;
}

/** The latency below which the given share (0..1) of the good requests stayed; NaN without any. */
export function percentile(summary: Summary, share: number): number {
  const sorted = [...summary.latencies].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
