/** Credit in bytes, so that neither side of a link grows by what the other cannot work off. Pure. */

/** How much may still be sent: what the other side allows at once, less what it has not worked off. */
export class Window {
  readonly #size: number;
  #open: number;

  constructor(bytes: number) {
    this.#size = bytes;
    this.#open = bytes;
  }

  /** Takes a frame of so many bytes, or not: false, and nothing has changed. */
  takes(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false;
    this.#open -= bytes;
    return true;
  }

  /** Whether it would take a frame of so many bytes now. */
  hasRoom(bytes: number): boolean {
    // A frame longer than the window goes when nothing else is under way, or it would never go.
    return bytes <= this.#open || this.#open >= this.#size;
  }

  /** So many bytes were worked off. The window is never larger than it was at first. */
  give(bytes: number): void {
    this.#open = Math.min(this.#size, this.#open + bytes);
  }
}

/** The receiving side: what has come, what of it is worked off, and when to say so. */
export class Intake {
  readonly #size: number;
  /** Received and not worked off. */
  #atWork = 0;
  /** Worked off and not given back. */
  #owed = 0;

  constructor(windowBytes: number) {
    this.#size = windowBytes;
  }

  /** A frame has come; false: the sender has gone past its window. */
  took(bytes: number): boolean {
    const before = this.#atWork + this.#owed;
    this.#atWork += bytes;
    return before === 0 || before + bytes <= this.#size;
  }

  /** Never more than has come: credit for what was not sent would open the window too far. */
  worked(bytes: number): void {
    const done = Math.min(bytes, this.#atWork);
    this.#atWork -= done;
    this.#owed += done;
  }

  /** Enough to be worth a write of its own. */
  get isMuch(): boolean {
    return this.#owed > 0 && this.#owed >= this.#size / 4;
  }

  /** Enough to be worth a frame, or the last: the sender may be waiting for a window that is open altogether. */
  get isDue(): boolean {
    return this.isMuch || (this.#owed > 0 && this.#atWork === 0);
  }

  /** What to give back now, which is then no longer owed; 0: not yet. */
  grant(): number {
    if (!this.isDue) return 0;
    const granted = this.#owed;
    this.#owed = 0;
    return granted;
  }
}
