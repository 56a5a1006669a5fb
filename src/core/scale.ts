/**
 * How many workers an app should have for its load, decided once a second. Pure.
 *
 * As the Kubernetes autoscaler does: each sample recommends a size, `size * utilisation / target`, with
 * a tolerance; up goes the lowest recommendation of a short window, down the highest of a long one. And
 * as suits few workers: up at most doubles, down goes one worker at a time, and any change upwards or
 * break in the samples begins both windows anew. So between a step up and the next one down at least
 * `downAfterMs` pass: no load, whatever its shape, makes the size go up and down more often than that.
 */

export interface ScalePolicy {
  /** 1 or more, and at least `min`. */
  readonly min: number;
  readonly max: number;
  /** The event loop utilisation that is aimed at, above 0 and below 1. */
  readonly target: number;
  /** How long every sample must ask for more before there are more. */
  readonly upAfterMs: number;
  /** How long every sample must ask for fewer before there is one fewer. */
  readonly downAfterMs: number;
}

export interface ScaleSample {
  /** Milliseconds of a clock that also counts while the machine is suspended. */
  readonly at: number;
  /** Slots the app has. */
  readonly size: number;
  /** The utilisation, 0 to 1, of the workers that have told theirs; null or left out where it is not known. */
  readonly workers: readonly (number | null)[];
  /** Its numbers mean nothing now: a reload is under way, or a slot has failed. */
  readonly held: boolean;
}

/** What is kept from sample to sample; null: nothing yet. */
export type ScaleState = Windows | null;

interface Windows {
  readonly at: number;
  readonly size: number;
  readonly upSince: number;
  readonly downSince: number;
  /** Recommendations that may still be the lowest of the short window, ascending; the first is. */
  readonly low: readonly Mark[];
  /** Those that may still be the highest of the long window, descending; the first is. */
  readonly high: readonly Mark[];
}

interface Mark {
  readonly at: number;
  readonly size: number;
}

export interface ScaleDecision {
  readonly state: ScaleState;
  /** The size the app should have from now on. */
  readonly size: number;
  /** A sentence where that is another size than it has, else null. */
  readonly why: string | null;
}

/** Within this of the target nothing changes. */
const TOLERANCE = 0.1;
/** From here on nobody can tell how much load there really is. */
const SATURATED = 0.95;
/** Steps down within one `downAfterMs`, at most. */
export const STEPS_DOWN_PER_WINDOW = 5;
/** Samples come once a second; after a pause like this the ones before it tell nothing. */
export const LONGEST_GAP_MS = 5000;
/** What floating point adds to a whole number must not cost a worker. */
const ROUNDING = 1e-9;

/** One decision. The app is expected to have its size at the next sample; if not, the windows begin anew. */
export function decide(
  before: ScaleState,
  sample: ScaleSample,
  policy: ScalePolicy,
): ScaleDecision {
  const { at, size, held } = sample;
  if (held) return { state: null, size, why: null };
  const bounded = within(size, policy);
  if (bounded !== size) {
    const why = `it is to have ${policy.min} to ${policy.max} workers`;
    return { state: begin(at, bounded), size: bounded, why };
  }
  const state = hear(follows(before, sample) ? before : begin(at, size), sample, policy);
  const lowest = within(state.low[0]?.size ?? size, policy);
  if (lowest > size && at - state.upSince >= policy.upAfterMs) {
    return { state: begin(at, lowest), size: lowest, why: reason(sample, policy) };
  }
  const highest = within(state.high[0]?.size ?? size, policy);
  if (highest < size && at - state.downSince >= policy.downAfterMs) {
    return { state: lowered(state, policy), size: size - 1, why: reason(sample, policy) };
  }
  return { state, size, why: null };
}

/**
 * How far up an app may go with the memory that is left, if each new worker needs as much as the largest
 * there is. Bytes; where one of the two is not known, as far as it wants.
 */
export function affordableSize(
  size: number,
  wanted: number,
  availableBytes: number | null,
  workerBytes: number | null,
): number {
  if (availableBytes === null || workerBytes === null || workerBytes <= 0) return wanted;
  return Math.min(wanted, size + Math.floor(availableBytes / workerBytes));
}

function begin(at: number, size: number): Windows {
  return { at, size, upSince: at, downSince: at, low: [], high: [] };
}

/** The next step down may come after a part of the window; one up must see a whole window of the new size. */
function lowered(state: Windows, { downAfterMs }: ScalePolicy): Windows {
  const downSince = state.at - downAfterMs + downAfterMs / STEPS_DOWN_PER_WINDOW;
  return { ...state, size: state.size - 1, downSince, upSince: state.at, low: [] };
}

function follows(before: ScaleState, { at, size }: ScaleSample): before is Windows {
  return (
    before !== null && before.size === size && at >= before.at && at - before.at <= LONGEST_GAP_MS
  );
}

/** Writes a sample into the windows. Who has not told anything counts as idle for up, as saturated for down. */
function hear(state: Windows, sample: ScaleSample, policy: ScalePolicy): Windows {
  const { at } = sample;
  const low = { at, size: recommend(sample, 0, policy) };
  const high = { at, size: recommend(sample, 1, policy) };
  return {
    ...state,
    at,
    low: [
      ...state.low.filter((mark) => mark.at >= at - policy.upAfterMs && mark.size < low.size),
      low,
    ],
    high: [
      ...state.high.filter((mark) => mark.at >= at - policy.downAfterMs && mark.size > high.size),
      high,
    ],
  };
}

/** The size that would bring the utilisation to its target, with `unknown` for workers that have told none. */
function recommend(sample: ScaleSample, unknown: number, policy: ScalePolicy): number {
  const { size } = sample;
  const utilisation = meanOf(sample, unknown);
  const ratio = utilisation / policy.target;
  if (utilisation >= SATURATED) return 2 * size;
  if (Math.abs(ratio - 1) <= TOLERANCE) return size;
  return Math.min(2 * size, Math.ceil(size * ratio - ROUNDING));
}

function meanOf({ size, workers }: ScaleSample, unknown: number): number {
  const known = knownOf(workers).slice(0, size);
  const sum = known.reduce((total, each) => total + each, unknown * (size - known.length));
  return sum / size;
}

/** What workers say is not trusted. */
function knownOf(workers: ScaleSample["workers"]): readonly number[] {
  return workers.flatMap((each) =>
    each === null || Number.isNaN(each) ? [] : [Math.min(1, Math.max(0, each))],
  );
}

function within(size: number, { min, max }: ScalePolicy): number {
  return Math.max(min, Math.min(max, size));
}

function reason(sample: ScaleSample, { target }: ScalePolicy): string {
  const known = knownOf(sample.workers);
  const mean = known.reduce((total, each) => total + each, 0) / Math.max(1, known.length);
  return `its event loops are ${percent(mean)} busy, and ${percent(target)} is aimed at`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
