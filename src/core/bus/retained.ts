/** The last value of each subject that retains one: who comes late gets the present first. Bounded. Pure. */
import { matches, patternFault, subjectFault } from "./subjects.ts";

interface Kept<T> {
  readonly value: T;
  readonly bytes: number;
}

/** One retained value and its subject. */
export interface RetainedValue<T> {
  readonly subject: string;
  readonly value: T;
}

const MOST_VALUES = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

/** Last values by subject. */
export class Retained<T> {
  readonly #kept = new Map<string, Kept<T>>();
  readonly #mostValues: number;
  readonly #mostBytes: number;
  #bytes = 0;

  /** `values`: how many subjects (10,000); `bytes`: of all values together (16 MiB). */
  constructor(limits: { readonly values?: number; readonly bytes?: number } = {}) {
    this.#mostValues = limits.values ?? MOST_VALUES;
    this.#mostBytes = limits.bytes ?? MOST_BYTES;
  }

  get size(): number {
    return this.#kept.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a value in place of the last one. False: there is no room, and the last one stays. */
  set(subject: string, value: T, bytes: number): boolean {
    const last = this.#kept.get(subject);
    const total = this.#bytes - (last?.bytes ?? 0) + bytes;
    if (total > this.#mostBytes) return false;
    if (last === undefined && this.#kept.size >= this.#mostValues) return false;
    this.#kept.set(subject, { value, bytes });
    this.#bytes = total;
    return true;
  }

  get(subject: string): T | undefined {
    return this.#kept.get(subject)?.value;
  }

  /** All values whose subject fits the pattern, in the order their subjects were first set. */
  match(pattern: string): readonly RetainedValue<T>[] {
    if (subjectFault(pattern) === null) {
      const kept = this.#kept.get(pattern);
      return kept === undefined ? [] : [{ subject: pattern, value: kept.value }];
    }
    if (patternFault(pattern) !== null) return [];
    const found: RetainedValue<T>[] = [];
    for (const [subject, { value }] of this.#kept) {
      if (matches(pattern, subject)) found.push({ subject, value });
    }
    return found;
  }

  /** Whether there was one. */
  delete(subject: string): boolean {
    this.#bytes -= this.#kept.get(subject)?.bytes ?? 0;
    return this.#kept.delete(subject);
  }
}
