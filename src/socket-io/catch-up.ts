/** What another member has heard and this one has not, fetched page by page. */

import type { Inflow } from "../core/socket-io/inflow.ts";
import type { Dropped, Ledger } from "../core/socket-io/ledger.ts";
import { positionsOf, textOf } from "../core/socket-io/positions.ts";
import type { Session, Sessions } from "../core/socket-io/sessions.ts";
import type { Entry, Positions } from "../core/socket-io/terms.ts";

const PAGE_BYTES = 2 * 1024 * 1024;
const PAGE_SESSIONS = 2000;
const PAGE_SESSION_BYTES = 1024 * 1024;
const PAGE_WITHIN_MS = 3000;

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

/** All that a member has told. */
export interface Told {
  readonly entries: readonly Entry[];
  readonly sessions: readonly Session[];
  readonly positions: Positions;
  readonly dropped: readonly Dropped[];
}

export interface CatchUpPort {
  readonly inflow: Inflow<Entry>;
  readonly ledger: Ledger<Entry>;
  readonly sessions: Sessions;
  post(to: string, kind: "want" | "page", value: unknown): void;
}

export class CatchUp {
  readonly #port: CatchUpPort;
  readonly #waiting = new Map<number, { of: string; end(page: Page | null): void }>();
  #last = 0;

  constructor(port: CatchUpPort) {
    this.#port = port;
  }

  /** What the member has beyond `had`, also page by page; null: it has not answered in time. */
  async fetch(
    member: string,
    had: Positions,
    withSessions: boolean,
    came: (entries: readonly Entry[]) => void = () => {},
  ): Promise<Told | null> {
    const entries: Entry[] = [];
    const sessions: Session[] = [];
    const has = new Map(had);
    let isLast = false;
    for (let next: number | null = withSessions ? 0 : null; !isLast || next !== null; ) {
      const page = await this.#ask(member, has, next);
      if (!page) return null;
      const some = page.entries.map(unpacked);
      for (const { from, n } of some) has.set(from, Math.max(n, has.get(from) ?? 0));
      entries.push(...some);
      came(some);
      sessions.push(...page.sessions);
      ({ isLast, next } = page);
      if (isLast && next === null) {
        const positions = positionsOf(page.positions) ?? new Map();
        return { entries, sessions, positions, dropped: page.dropped };
      }
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
    for (const { of, end } of [...this.#waiting.values()]) if (of === member) end(null);
  }

  #ask(member: string, had: Positions, sessions: number | null): Promise<Page | null> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve) => {
      const end = (page: Page | null): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(page);
      };
      const timer = setTimeout(() => end(null), PAGE_WITHIN_MS).unref();
      this.#waiting.set(id, { of: member, end });
      this.#port.post(member, "want", { id, had: textOf(had), sessions } satisfies Want);
    });
  }
}

function packed({ from, n, at, kind, meta, body }: Entry): PackedEntry {
  return [from, n, at, kind, meta, body];
}

function unpacked([from, n, at, kind, meta, body]: PackedEntry): Entry {
  return { from, n, at, kind, meta, body };
}
