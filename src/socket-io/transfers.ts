/** Sessions on their way from one member to another. */

import type { JoinedText } from "../core/socket-io/joined.ts";
import type { Ledger } from "../core/socket-io/ledger.ts";
import { positionsOf, provenBy } from "../core/socket-io/positions.ts";
import type { Joined } from "../core/socket-io/rooms.ts";
import type {
  Claimed,
  ClaimTerms,
  Moved,
  Session,
  SessionNews,
} from "../core/socket-io/session.ts";
import { LATE_MS, type Sessions } from "../core/socket-io/sessions.ts";
import type { Entry, Positions } from "../core/socket-io/terms.ts";
import type { Intake } from "./intake.ts";
import type { Local } from "./local.ts";

/** What the client has had may still be on its way to this member. */
const BEHIND_WITHIN_MS = 4000;
/** Without a supervisor it waits for the next one. */
const CLAIM_WITHIN_MS = LATE_MS;
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
  /** What this member tells of its sessions builds on what is not known here. */
  lacks(member: string): void;
  /** It has not told what a session of its own is like, and may be gone. */
  doubt(member: string): void;
}

/** A session that is this member's now, and what its client has had. */
export interface Taken {
  readonly session: Session;
  /** Of the session as it was taken: what its last owner tells later is not for its client any more. */
  readonly joined: JoinedText;
  readonly had: Positions;
  /** Which of its owners this member is. */
  readonly turn: number;
  /** Nobody else has taken it since, and it is not too old by now. */
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
    const isTooOld = ({ leftAt }: Session): boolean =>
      leftAt !== null && leftAt < Date.now() - keptMs;
    if (isTooOld(session)) return null;
    if (!ledger.hasAllAfter(had)) return null;
    const turn = session.turn + 1;
    const claimed = await this.#claim({ nsp, pid, turn: session.turn });
    if (claimed.kind === "refused") return null;
    if (claimed.kind === "awaited") {
      const isTold = await intake.when(() => claimed.session.from === null, MOVED_WITHIN_MS);
      if (!isTold) this.#port.doubt(claimed.from);
    }
    const { session: mine } = claimed;
    // What its client has missed is not kept for longer, however long it is on its way in.
    const isValid = (): boolean =>
      mine.turn === turn && mine.owner === this.#port.me && !isTooOld(mine);
    return isValid() ? { session: mine, joined: mine.joined, had, turn, isValid } : null;
  }

  /** An entry about sessions, in its turn. */
  heard({ kind, from, n, at, meta }: Entry): void {
    const { sessions, me } = this.#port;
    if (kind === "sessions") {
      this.#heardNews(meta as readonly SessionNews[], from, at);
    } else if (kind === "moved") {
      sessions.moved(meta as Moved, from);
    } else if (kind === "claim") {
      const terms = meta as ClaimTerms;
      const { turn = 0 } = sessions.find(terms.nsp, terms.pid) ?? {};
      const claimed = sessions.claim(terms, from, at, (member) => this.#isAlive(member));
      if (from === me) this.#claims.get(n)?.(claimed);
      if (claimed.kind !== "refused" && claimed.from === me) this.#handOver({ ...terms, turn });
    }
  }

  /** Forgets what nobody comes back for. */
  trim(keptMs: number, hasMetAll: boolean): void {
    this.#port.sessions.trim(Date.now(), keptMs);
    if (hasMetAll) this.#forgetStrangers();
  }

  gone(member: string): void {
    this.#port.sessions.gone(member, Date.now());
  }

  /** Owners that this member has never met, and that will not be heard of. */
  #forgetStrangers(): void {
    for (const owner of this.#port.sessions.owners()) if (!this.#isAlive(owner)) this.gone(owner);
  }

  #heardNews(all: readonly SessionNews[], from: string, at: number): void {
    const { sessions, me, local, lacks } = this.#port;
    let isLacking = false;
    for (const news of all) {
      const { nsp, pid } = news;
      const wasMine = from !== me && sessions.find(nsp, pid)?.owner === me;
      if (!sessions.heard(news, from, at)) isLacking = true;
      // Its client is there, however that came unheard: what this member has is an old connection.
      if (wasMine && sessions.find(nsp, pid)?.owner !== me) local(nsp)?.handOver(pid);
    }
    if (isLacking && from !== me) lacks(from);
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

  /** `turn`: as whose it is told. */
  #handOver({ nsp, pid, turn }: ClaimTerms): void {
    const told = this.#port.local(nsp)?.handOver(pid);
    const known = this.#port.sessions.find(nsp, pid);
    const last = told ?? (known && { joined: known.joined, data: known.data });
    if (last) this.#port.say("moved", { nsp, pid, turn, ...last } satisfies Moved);
  }
}

export function joinedOf(text: JoinedText): readonly Joined[] {
  return text.map(([since, rooms]) => ({ since: positionsOf(since) ?? new Map(), rooms }));
}
