/** The last values of subjects: what clients retain, and apart from it what the supervisor itself says. */

import { Retained } from "../../core/bus/retained.ts";
import { isOwnSubject } from "../../core/bus/subjects.ts";
import { FORMAT } from "../../link/bus-frames.ts";
import { bytesOf, own, type Parcel } from "./parcel.ts";

export class LastValues {
  readonly #told = new Retained<Parcel>();
  /** One for each slot of the apps that run: bounded by these, and never crowded out by what clients retain. */
  readonly #own = new Retained<Parcel>({
    values: Number.POSITIVE_INFINITY,
    bytes: Number.POSITIVE_INFINITY,
  });

  /** Keeps the subject's last value, or forgets it where it is undefined. False: too much is kept. */
  set(parcel: Parcel): boolean {
    const { subject, format } = parcel;
    if (format === FORMAT.none) {
      this.delete(subject);
      return true;
    }
    own(parcel);
    return this.#of(subject).set(subject, parcel, bytesOf(parcel));
  }

  /** Whether a client's value would be one of so many, and all of them together no larger than that. */
  hasRoom(subject: string, bytes: number, mostValues: number, mostBytes: number): boolean {
    const last = this.#told.get(subject);
    const before = this.#told.bytes - (last === undefined ? 0 : bytesOf(last));
    return before + bytes <= mostBytes && (last !== undefined || this.#told.size < mostValues);
  }

  delete(subject: string): void {
    this.#of(subject).delete(subject);
  }

  /** All whose subject fits the pattern. */
  match(pattern: string): readonly Parcel[] {
    const found = [...this.#own.match(pattern), ...this.#told.match(pattern)];
    return found.map(({ value }) => value);
  }

  #of(subject: string): Retained<Parcel> {
    return isOwnSubject(subject) ? this.#own : this.#told;
  }
}
