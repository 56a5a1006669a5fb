/** What another member has heard and this one has not, fetched page by page. */

import type { Inflow } from "../core/socket-io/inflow.ts";
import type { Dropped, Ledger } from "../core/socket-io/ledger.ts";
import { positionsOf, textOf } from "../core/socket-io/positions.ts";
import type { ClaimTerms, Moved, Session, SessionNews } from "../core/socket-io/session.ts";
import type { Sessions } from "../core/socket-io/sessions.ts";
import type { Entry, Positions } from "../core/socket-io/terms.ts";

const PAGE_BYTES = 2 * 1024 * 1024;
const PAGE_SESSIONS = 2000;
const PAGE_SESSION_BYTES = 1024 * 1024;
const PAGE_WITHIN_MS = 3000;
/** Of a page that is late, another member is asked, or the same one again, so often; what has come stays. */
const PAGE_TRIES = 3;

/** What is asked for. */
interface Want {
  readonly id: number;
  readonly had: string;
  /** From which session on; null: none. */
  readonly sessions: number | null;
}

type PackedEntry = readonly [string, number, number, string, unknown, Uint8Array];

interface Page {
  readonly id: number;
  readonly entries: readonly PackedEntry[];
  readonly isLast: boolean;
  /** How far the member that answers has come. */
  readonly positions: string;
  /** What it had to drop. */
  readonly dropped: readonly Dropped[];
  readonly sessions: readonly Session[];
  readonly next: number | null;
}

/** It has not come in time, or its member is gone. */
type Unanswered = "late" | "gone";

/** All that a member has told. */
export interface Told {
  readonly entries: readonly Entry[];
  readonly sessions: readonly Session[];
  readonly positions: Positions;
  readonly dropped: readonly Dropped[];
}

/** Notes the sessions that were told, page by page, and what has changed between the pages. */
export function learnFrom({ sessions: told, entries }: Told, sessions: Sessions): void {
  for (const session of told) sessions.learn(session);
  for (const { kind, from, at, meta } of entries) {
    // What builds on a session that is over since is not asked for: it is not wanted.
    if (kind === "sessions") {
      for (const news of meta as readonly SessionNews[]) sessions.heard(news, from, at);
    } else if (kind === "claim") sessions.claim(meta as ClaimTerms, from, at, () => false);
    else if (kind === "moved") sessions.moved(meta as Moved, from);
  }
}

export interface CatchUpPort {
  readonly inflow: Inflow<Entry>;
  readonly ledger: Ledger<Entry>;
  readonly sessions: Sessions;
  post(to: string, kind: "want" | "page", value: unknown): void;
}

export class CatchUp {
  readonly #port: CatchUpPort;
  readonly #waiting = new Map<number, { of: string; end(page: Page | Unanswered): void }>();
  #last = 0;

  constructor(port: CatchUpPort) {
    this.#port = port;
  }

  /** What the first of these members that answers has beyond `had`, page by page; null: none of them tells all of it. */
  async fetch(
    members: readonly string[],
    had: Positions,
    withSessions: boolean,
    came: (entries: readonly Entry[]) => void = () => {},
  ): Promise<Told | null> {
    const asked = [...members];
    const entries: Entry[] = [];
    const sessions: Session[] = [];
    const dropped = new Map<string, Dropped>();
    const has = new Map(had);
    let next = withSessions ? 0 : null;
    let id = this.#nextId();
    for (let tries = PAGE_TRIES; tries > 0; ) {
      const [member] = asked;
      if (member === undefined) return null;
      const page = await this.#ask(id, member, { had: textOf(has), sessions: next });
      if (typeof page === "string") {
        tries -= 1;
        asked.shift();
        if (page === "late") asked.push(member);
        // The same one may still answer the first time it was asked.
        if (asked[0] === member) continue;
        id = this.#nextId();
        // Places are those of one member.
        if (withSessions) next = 0;
        continue;
      }
      tries = PAGE_TRIES;
      id = this.#nextId();
      const some = page.entries.map(unpacked);
      for (const { from, n } of some) has.set(from, Math.max(n, has.get(from) ?? 0));
      entries.push(...some);
      came(some);
      sessions.push(...page.sessions);
      // What one had to drop the next is not asked for, where it goes on.
      for (const each of page.dropped) {
        if (each[1] > (dropped.get(each[0])?.[1] ?? 0)) dropped.set(each[0], each);
      }
      ({ next } = page);
      if (!page.isLast || next !== null) continue;
      const positions = positionsOf(page.positions) ?? new Map();
      return { entries, sessions, positions, dropped: [...dropped.values()] };
    }
    return null;
  }

  heardWant(from: string, { id, had, sessions }: Want): void {
    const { ledger, inflow } = this.#port;
    const { entries, isLast } = ledger.page(positionsOf(had) ?? new Map(), PAGE_BYTES);
    const told =
      sessions === null
        ? { sessions: [], next: null }
        : this.#port.sessions.page(sessions, PAGE_SESSIONS, PAGE_SESSION_BYTES);
    const page: Page = {
      ...{ id, isLast, entries: entries.map(packed), positions: textOf(inflow.positions) },
      dropped: ledger.dropped,
      ...told,
    };
    this.#port.post(from, "page", page);
  }

  heardPage(page: Page): void {
    this.#waiting.get(page.id)?.end(page);
  }

  gone(member: string): void {
    for (const { of, end } of [...this.#waiting.values()]) if (of === member) end("gone");
  }

  #nextId(): number {
    this.#last += 1;
    return this.#last;
  }

  #ask(id: number, of: string, what: Omit<Want, "id">): Promise<Page | Unanswered> {
    return new Promise((resolve) => {
      const end = (page: Page | Unanswered): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(page);
      };
      const timer = setTimeout(() => end("late"), PAGE_WITHIN_MS).unref();
      this.#waiting.set(id, { of, end });
      this.#port.post(of, "want", { id, ...what } satisfies Want);
    });
  }
}

function packed({ from, n, at, kind, meta, body }: Entry): PackedEntry {
  return [from, n, at, kind, meta, body];
}

function unpacked([from, n, at, kind, meta, body]: PackedEntry): Entry {
  return { from, n, at, kind, meta, body };
}
