/** Who takes part beside this process. */

export interface MemberFacts {
  readonly app: string | null;
  /** Its worker's number; null: it is no worker of Holdfast. */
  readonly worker: number | null;
}

/** What a member tells one that says hello, or that it does not know: the last number it has said before. */
export interface Here extends MemberFacts {
  readonly n: number;
  /** It had taken the other one for gone, and its clients with it. */
  readonly wasGone: boolean;
}

interface Known extends MemberFacts {
  /** The connection by which it was heard of last. */
  readonly by: number;
}

/** Of those that are gone, so many are remembered. */
const MOST_GONE = 1000;

export class Members {
  readonly #known = new Map<string, Known>();
  /** Taken for gone; one that was only frozen comes back. */
  readonly #gone = new Set<string>();

  get size(): number {
    return this.#known.size;
  }

  has(member: string): boolean {
    return this.#known.has(member);
  }

  all(): readonly string[] {
    return [...this.#known.keys()];
  }

  /** True: it was not heard of by this connection before. */
  heard(member: string, facts: MemberFacts, connection: number): boolean {
    const isNew = this.#known.get(member)?.by !== connection;
    this.#gone.delete(member);
    this.#known.set(member, { app: facts.app, worker: facts.worker, by: connection });
    return isNew;
  }

  remove(member: string): boolean {
    if (!this.#known.delete(member)) return false;
    this.#gone.add(member);
    const [oldest] = this.#gone;
    if (this.#gone.size > MOST_GONE && oldest !== undefined) this.#gone.delete(oldest);
    return true;
  }

  wasGone(member: string): boolean {
    return this.#gone.has(member);
  }

  /** Whose end the supervisor tells. */
  isWorker(member: string): boolean {
    return (this.#known.get(member)?.worker ?? null) !== null;
  }

  /** Those that were in this worker. */
  of(app: string, worker: number): readonly string[] {
    return this.all().filter((member) => {
      const known = this.#known.get(member);
      return known?.app === app && known.worker === worker;
    });
  }

  /** Those that have not said by this connection who they are. */
  unmet(connection: number): readonly string[] {
    return this.all().filter((member) => this.#known.get(member)?.by !== connection);
  }
}
