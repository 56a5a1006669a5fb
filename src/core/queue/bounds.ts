/** What a message of a durable queue may be like. Pure. */

const DAY_MS = 24 * 60 * 60 * 1000;

export const QUEUE_BOUNDS = {
  /** Characters of `key`, `dedupe` and `once`. */
  textLength: 255,
  /** Characters of all names and values of headers. */
  headersLength: 16 * 1024,
  /** Longest `delay`, `ttl` and wait before a retry. */
  waitMs: 365 * DAY_MS,
  dedupeMs: 7 * DAY_MS,
  attempts: 1000,
  priority: 9,
} as const;

/** People see so much of a body. */
export const QUEUE_PEEK_BYTES = 4096;

export const QUEUE_DEFAULTS = {
  priority: 4,
  attempts: 5,
  dedupeMs: 5 * 60_000,
} as const;

export interface MessageTerms {
  readonly once: string;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly delayMs: number;
  readonly ttlMs: number | null;
  readonly priority: number;
  readonly attempts: number;
  readonly dedupe: string | null;
  readonly dedupeMs: number;
}

export interface TermFault {
  readonly option: string;
  /** What was received and what is expected. */
  readonly fault: string;
}

/** The first term that is out of bounds; null: all are well. */
export function termsFault(terms: MessageTerms): TermFault | null {
  const { waitMs, dedupeMs, attempts, priority } = QUEUE_BOUNDS;
  return (
    textFault("once", terms.once) ??
    textFault("key", terms.key) ??
    textFault("dedupe", terms.dedupe) ??
    headersFault(terms.headers) ??
    numberFault("delay", terms.delayMs, 0, waitMs) ??
    numberFault("ttl", terms.ttlMs ?? 1, 1, waitMs) ??
    numberFault("priority", terms.priority, 0, priority) ??
    numberFault("attempts", terms.attempts, 1, attempts) ??
    numberFault("dedupeWindow", terms.dedupeMs, 1, dedupeMs)
  );
}

function textFault(option: string, text: string | null): TermFault | null {
  if (text === null || (text.length >= 1 && text.length <= QUEUE_BOUNDS.textLength)) return null;
  return {
    option,
    fault: `received ${text.length} characters, expected 1 to ${QUEUE_BOUNDS.textLength}`,
  };
}

function headersFault(headers: Readonly<Record<string, string>> | null): TermFault | null {
  const length = Object.entries(headers ?? {}).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  );
  if (length <= QUEUE_BOUNDS.headersLength) return null;
  const fault = `received ${length} characters, expected at most ${QUEUE_BOUNDS.headersLength} of all together`;
  return { option: "headers", fault };
}

function numberFault(option: string, value: number, least: number, most: number): TermFault | null {
  if (Number.isInteger(value) && value >= least && value <= most) return null;
  return { option, fault: `received ${value}, expected a whole number from ${least} to ${most}` };
}
