/** What became of numbered things on their way. */
export interface Verdict {
  /** Sent, and never received. */
  readonly lost: readonly number[];
  /** Received more than once. */
  readonly doubled: readonly number[];
  /** Received, and never sent. */
  readonly strange: readonly number[];
  /** Received after one with a higher number. */
  readonly late: readonly number[];
}

export const FAULTLESS: Verdict = { lost: [], doubled: [], strange: [], late: [] };

/** Compares what was sent with what came, in the order it came. */
export function judge(sent: Iterable<number>, received: Iterable<number>): Verdict {
  const expected = new Set(sent);
  const seen = new Set<number>();
  const doubled: number[] = [];
  const strange: number[] = [];
  const late: number[] = [];
  let highest = Number.NEGATIVE_INFINITY;
  for (const number of received) {
    if (!expected.has(number)) strange.push(number);
    if (seen.has(number)) doubled.push(number);
    else if (number < highest) late.push(number);
    seen.add(number);
    highest = Math.max(highest, number);
  }
  return { lost: [...expected].filter((number) => !seen.has(number)), doubled, strange, late };
}

/** All whole numbers from `first` to `last`. */
export function numbers(first: number, last: number): readonly number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
