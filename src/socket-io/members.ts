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

export class Members {
  readonly #known = new Map<string, Known>();

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
    this.#known.set(member, { app: facts.app, worker: facts.worker, by: connection });
    return isNew;
  }

  remove(member: string): boolean {
    return this.#known.delete(member);
  }

  /** Those that were in this worker. */
  of(app: string, worker: number): readonly string[] {
    return this.all().filter((member) => {
      const known = this.#known.get(member);
      return known?.app === app && known.worker === worker;
    });
  }

  /** Those that have said nothing by this connection. */
  silent(connection: number): readonly string[] {
    return this.all().filter((member) => this.#known.get(member)?.by !== connection);
  }
}
