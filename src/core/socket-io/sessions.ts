/**
 * Sessions of the clients of all members, as each member knows them: who has one, and what is needed to go on with it
 * elsewhere. All members hear the same changes in the same order, so that only one of two who want a session gets it.
 * Pure; the clock comes in.
 */

/** Rooms, and what had been sent in the worker before they were joined, as text. */
export type JoinedText = readonly (readonly [since: string, rooms: readonly string[]])[];

/** A session as its owner tells it. */
export interface SessionNews {
  readonly nsp: string;
  readonly pid: string;
  readonly sid: string;
  readonly joined: JoinedText;
  readonly data: unknown;
  /** It has a client, has lost it, or will not be wanted any more. */
  readonly state: "on" | "left" | "over";
}

export interface Session {
  readonly nsp: string;
  readonly pid: string;
  readonly sid: string;
  joined: JoinedText;
  data: unknown;
  /** The member that has it; it may be gone. */
  owner: string;
  /** When it lost its client, in ms since 1970; null: it has one. */
  leftAt: number | null;
  /** Counts its owners: who wants it names the one it knows. */
  turn: number;
  /** The member that is to tell its last state. */
  from: string | null;
}

/** What became of a claim. */
export type Claimed =
  | { readonly kind: "refused" }
  | { readonly kind: "taken"; readonly session: Session; readonly from: string }
  /** Its last owner lives, and tells what it is like. */
  | { readonly kind: "awaited"; readonly session: Session; readonly from: string };

export interface ClaimTerms {
  readonly nsp: string;
  readonly pid: string;
  readonly turn: number;
}

export class Sessions {
  readonly #sessions = new Map<string, Session>();
  /** Those without a client, the one that lost it first in front. */
  readonly #left = new Map<string, Session>();
  readonly #maxLeft: number;

  constructor(maxLeft: number) {
    this.#maxLeft = maxLeft;
  }

  get size(): number {
    return this.#sessions.size;
  }

  find(nsp: string, pid: string): Session | undefined {
    return this.#sessions.get(keyOf(nsp, pid));
  }

  /** What a member tells of a session that is its own. */
  heard(news: SessionNews, from: string, at: number): void {
    const { nsp, pid, sid, joined, data, state } = news;
    const key = keyOf(nsp, pid);
    const known = this.#sessions.get(key);
    if (known && known.owner !== from) return;
    if (state === "over") return this.#forget(key);
    const session: Session = known ?? {
      ...{ nsp, pid, sid, joined, data, owner: from, leftAt: null, turn: 0, from: null },
    };
    session.joined = joined;
    session.data = data;
    // What its last owner may still tell is older than that.
    if (session.from !== from) session.from = null;
    this.#sessions.set(key, session);
    if (state === "on") this.#isOn(key, session);
    else this.#hasLeft(key, session, at);
  }

  /** A member wants a session that was another's, or its own. */
  claim(terms: ClaimTerms, by: string, at: number, isAlive: (member: string) => boolean): Claimed {
    const key = keyOf(terms.nsp, terms.pid);
    const session = this.#sessions.get(key);
    if (!session || session.turn !== terms.turn) return { kind: "refused" };
    const { owner } = session;
    const isOn = session.leftAt === null && isAlive(owner);
    session.owner = by;
    session.turn += 1;
    session.from = isOn ? owner : null;
    this.#hasLeft(key, session, session.leftAt ?? at);
    return { kind: isOn ? "awaited" : "taken", session, from: owner };
  }

  /** What a session was like with its last owner. */
  moved(news: Pick<SessionNews, "nsp" | "pid" | "joined" | "data">, from: string): Session | null {
    const session = this.find(news.nsp, news.pid);
    if (session?.from !== from) return null;
    session.joined = news.joined;
    session.data = news.data;
    session.from = null;
    return session;
  }

  /** A member is gone, and its clients with it. Gives back those that were to hear of it. */
  gone(member: string, at: number): readonly Session[] {
    const waiting: Session[] = [];
    for (const [key, session] of this.#sessions) {
      if (session.owner === member && session.leftAt === null) this.#hasLeft(key, session, at);
      if (session.from !== member) continue;
      session.from = null;
      waiting.push(session);
    }
    return waiting;
  }

  /** Forgets those whose clients are gone for too long. */
  trim(now: number, keptMs: number): void {
    for (const [key, { leftAt }] of this.#left) {
      if (leftAt !== null && leftAt < now - keptMs) this.#forget(key);
    }
  }

  /** All from a place on, so many at a time, and about so many bytes. */
  page(
    from: number,
    count: number,
    maxBytes: number,
  ): { sessions: readonly Session[]; next: number | null } {
    const sessions: Session[] = [];
    let bytes = 0;
    for (const session of [...this.#sessions.values()].slice(from, from + count)) {
      if (bytes > maxBytes) break;
      sessions.push(session);
      bytes += JSON.stringify(session).length;
    }
    const end = from + sessions.length;
    // Some may go until the next page is wanted: it begins with the last of this one once more.
    const next = end < this.#sessions.size ? end - Math.floor(sessions.length / 2) : null;
    return { sessions, next };
  }

  /** Members that are said to have clients. */
  owners(): ReadonlySet<string> {
    const owners = new Set<string>();
    for (const { owner, leftAt } of this.#sessions.values()) if (leftAt === null) owners.add(owner);
    return owners;
  }

  /** Told by another member; what is known here already is newer. */
  learn(session: Session): void {
    const key = keyOf(session.nsp, session.pid);
    if (this.#sessions.has(key)) return;
    this.#sessions.set(key, session);
    if (session.leftAt !== null) this.#hasLeft(key, session, session.leftAt);
  }

  #isOn(key: string, session: Session): void {
    session.leftAt = null;
    this.#left.delete(key);
  }

  #hasLeft(key: string, session: Session, at: number): void {
    session.leftAt = at;
    this.#left.set(key, session);
    if (this.#left.size <= this.#maxLeft) return;
    const [oldest] = this.#left.keys();
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(key: string): void {
    this.#sessions.delete(key);
    this.#left.delete(key);
  }
}

/** Both may be whatever a client sends: another pair has another key. */
function keyOf(nsp: string, pid: string): string {
  return `${pid.length} ${pid} ${nsp}`;
}
