/** Sessions on their way from one member to another. */

import type { Ledger } from "../core/socket-io/ledger.ts";
import { positionsOf, provenBy } from "../core/socket-io/positions.ts";
import type { Joined } from "../core/socket-io/rooms.ts";
import type {
  Claimed,
  ClaimTerms,
  JoinedText,
  Session,
  SessionNews,
  Sessions,
} from "../core/socket-io/sessions.ts";
import type { Entry, Positions } from "../core/socket-io/terms.ts";
import type { Intake } from "./intake.ts";
import type { Local } from "./local.ts";

/** What the client has had may still be on its way to this member. */
const BEHIND_WITHIN_MS = 4000;
/** Without a supervisor it waits for the next one. */
const CLAIM_WITHIN_MS = 10_000;
/** The last owner lives, but may be stuck: then what is known of the session has to do. */
const MOVED_WITHIN_MS = 1000;

export interface TransfersPort {
  readonly me: string;
  readonly intake: Intake;
  readonly ledger: Ledger<Entry>;
  readonly sessions: Sessions;
  whenSettled(): Promise<void>;
  isMember(member: string): boolean;
  /** The number of what is said next. */
  nextNumber(): number;
  say(kind: "claim" | "moved", meta: unknown): void;
  local(nsp: string): Local | undefined;
}

/** A session that is this member's now, and what its client has had. */
export interface Taken {
  readonly session: Session;
  /** Of the session as it was taken: what its last owner tells later is not for its client any more. */
  readonly joined: JoinedText;
  readonly had: Positions;
  /** Nobody else has taken it since. */
  isValid(): boolean;
}

export class Transfers {
  readonly #port: TransfersPort;
  readonly #claims = new Map<number, (claimed: Claimed) => void>();

  constructor(port: TransfersPort) {
    this.#port = port;
  }

  /** Null: the session is not known, too old, somebody else's, or not all its client has missed is here. */
  async take(nsp: string, pid: string, offset: string, keptMs: number): Promise<Taken | null> {
    const proven = provenBy(offset);
    if (!proven) return null;
    const { intake, sessions, ledger } = this.#port;
    await this.#port.whenSettled();
    if (!(await intake.whenHad(proven, BEHIND_WITHIN_MS))) return null;
    // Names that nobody knows are of no use, and each packet that is sent again would tell them.
    const had = new Map([...proven].filter(([from]) => intake.inflow.knows(from)));
    const session = sessions.find(nsp, pid);
    if (!session) return null;
    const now = Date.now();
    if (session.leftAt !== null && session.leftAt < now - keptMs) return null;
    if (!ledger.hasAllAfter(had)) return null;
    const { turn } = session;
    const claimed = await this.#claim({ nsp, pid, turn });
    if (claimed.kind === "refused") return null;
    if (claimed.kind === "awaited") {
      await intake.when(() => claimed.session.from === null, MOVED_WITHIN_MS);
    }
    const { session: mine } = claimed;
    const isValid = (): boolean => mine.turn === turn + 1;
    return isValid() ? { session: mine, joined: mine.joined, had, isValid } : null;
  }

  /** An entry about sessions, in its turn. */
  heard({ kind, from, n, at, meta }: Entry): void {
    const { sessions, me } = this.#port;
    if (kind === "sessions") {
      for (const news of meta as readonly SessionNews[]) sessions.heard(news, from, at);
    } else if (kind === "moved") {
      sessions.moved(meta as SessionNews, from);
    } else if (kind === "claim") {
      const terms = meta as ClaimTerms;
      const claimed = sessions.claim(terms, from, at, (member) => this.#isAlive(member));
      if (claimed.kind !== "refused" && claimed.from === me) this.#handOver(terms);
      if (from === me) this.#claims.get(n)?.(claimed);
    }
  }

  gone(member: string): void {
    this.#port.sessions.gone(member, Date.now());
  }

  /** Owners that this member has never met, and that will not be heard of. */
  forgetStrangers(): void {
    for (const owner of this.#port.sessions.owners()) if (!this.#isAlive(owner)) this.gone(owner);
  }

  #isAlive(member: string): boolean {
    return member === this.#port.me || this.#port.isMember(member);
  }

  #claim(terms: ClaimTerms): Promise<Claimed> {
    return new Promise((resolve) => {
      const n = this.#port.nextNumber();
      const end = (claimed: Claimed): void => {
        clearTimeout(timer);
        this.#claims.delete(n);
        resolve(claimed);
      };
      const timer = setTimeout(() => end({ kind: "refused" }), CLAIM_WITHIN_MS).unref();
      this.#claims.set(n, end);
      this.#port.say("claim", terms);
    });
  }

  #handOver({ nsp, pid }: ClaimTerms): void {
    const told = this.#port.local(nsp)?.handOver(pid);
    const known = this.#port.sessions.find(nsp, pid);
    const last = told ?? (known && { joined: known.joined, data: known.data });
    if (last) this.#port.say("moved", { nsp, pid, ...last });
  }
}

export function joinedOf(text: JoinedText): readonly Joined[] {
  return text.map(([since, rooms]) => ({ since: positionsOf(since) ?? new Map(), rooms }));
}
