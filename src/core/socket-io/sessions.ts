/**
 * Sessions of the clients of all members, as each member knows them: who has one, and what is needed to go on with it
 * elsewhere. All members hear the same changes in the same order, so that only one of two who want a session gets it.
 * What one member says may also come late, after what others have said later: turns and steps tell what is older.
 * Pure; the clock comes in.
 */

import type { Claimed, ClaimTerms, Moved, Session, SessionNews, Told } from "./session.ts";
import { isNext, isOld, tell } from "./session.ts";

/** So late may still come what others say of a session. */
export const LATE_MS = 10_000;

export class Sessions {
  readonly #sessions = new Map<string, Session>();
  /** Those without a client, the one that lost it first in front. */
  readonly #left = new Map<string, Session>();
  /** Those that are over: what is older than that may still come. */
  readonly #over = new Map<string, Told & { readonly at: number }>();
  /** Claims of those that nobody has told of here yet. */
  readonly #early = new Map<string, { turn: number; owner: string; at: number }>();
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

  /** What a member tells of a session that is its own. False: it changes what is not known here. */
  heard(news: SessionNews, from: string, at: number): boolean {
    const key = keyOf(news.nsp, news.pid);
    const known = this.#sessions.get(key);
    const last = known ?? this.#over.get(key);
    if (last && isOld(news, from, last)) return true;
    const { turn, step, state } = news;
    if (state === "over") {
      // Who has claimed it has it still.
      if (known && turn < known.turn) return true;
      this.#forget(key);
      this.#over.set(key, { told: turn, teller: from, step, at });
      return true;
    }
    if (news.after !== null && !isNext(news, from, known)) {
      return known !== undefined && turn < known.turn;
    }
    const session = known ?? this.#begin(key, news, from);
    tell(session, news, from);
    if (turn < session.turn) return true;
    session.owner = from;
    session.turn = turn;
    // What its last owner may still tell is older than that.
    session.from = null;
    if (state === "on") this.#isOn(key, session);
    else this.#hasLeft(key, session, at);
    return true;
  }

  /** A member wants a session that was another's, or its own. */
  claim(terms: ClaimTerms, by: string, at: number, isAlive: (member: string) => boolean): Claimed {
    const key = keyOf(terms.nsp, terms.pid);
    const turn = terms.turn + 1;
    const session = this.#sessions.get(key);
    if (!session && !this.#over.has(key)) {
      const known = this.#early.get(key);
      if (!known || known.turn < turn) this.#early.set(key, { turn, owner: by, at });
    }
    // Who names a later turn has heard of owners that are not known here yet.
    if (!session || turn <= session.turn) return { kind: "refused" };
    const { owner } = session;
    const isOn = session.leftAt === null && isAlive(owner);
    session.owner = by;
    session.turn = turn;
    session.from = isOn ? owner : null;
    this.#hasLeft(key, session, session.leftAt ?? at);
    return { kind: isOn ? "awaited" : "taken", session, from: owner };
  }

  /** What a session was like with its last owner. */
  moved(news: Moved, from: string): Session | null {
    const session = this.find(news.nsp, news.pid);
    // It is the last that this owner tells.
    const last = { ...news, step: Number.MAX_SAFE_INTEGER, after: null, left: [] };
    if (!session || news.turn > session.turn || isOld(last, from, session)) return null;
    tell(session, last, from);
    if (session.from === from) session.from = null;
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

  /** Forgets those whose clients are gone for too long, and that nobody can claim any more. */
  trim(now: number, keptMs: number): void {
    const oldest = now - LATE_MS;
    for (const [key, { leftAt }] of this.#left) {
      if (leftAt !== null && leftAt < oldest - keptMs) this.#forget(key);
    }
    for (const late of [this.#over, this.#early]) {
      for (const [key, { at }] of late) if (at < oldest) late.delete(key);
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

  /** Told by another member; what is known here may be newer. */
  learn(session: Session): void {
    const key = keyOf(session.nsp, session.pid);
    const known = this.#sessions.get(key);
    const told = { turn: session.told, step: session.step };
    const isAsNew = known?.turn === session.turn && !isOld(told, session.teller, known);
    if (known && session.turn <= known.turn && !isAsNew) return;
    this.#sessions.set(key, session);
    if (session.leftAt === null) this.#isOn(key, session);
    else this.#hasLeft(key, session, session.leftAt);
  }

  /** One that is heard of for the first time. */
  #begin(key: string, { nsp, pid, sid, turn, step }: SessionNews, from: string): Session {
    const told = { told: turn, teller: from, step };
    const session: Session = {
      ...{ nsp, pid, sid, joined: [], data: {}, owner: from, leftAt: null, turn, from: null },
      ...told,
    };
    this.#sessions.set(key, session);
    const claim = this.#early.get(key);
    if (claim && claim.turn > turn) {
      session.owner = claim.owner;
      session.turn = claim.turn;
      this.#hasLeft(key, session, claim.at);
    }
    return session;
  }

  #isOn(key: string, session: Session): void {
    session.leftAt = null;
    this.#left.delete(key);
  }

  #hasLeft(key: string, session: Session, at: number): void {
    session.leftAt = at;
    this.#left.set(key, session);
    const [oldest] = this.#left.keys();
    if (this.#left.size > this.#maxLeft && oldest !== undefined) this.#forget(oldest);
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
