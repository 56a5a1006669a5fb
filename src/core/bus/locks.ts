/**
 * Locks and leaderships of the bus: who holds a name, who waits for it, who gets it next. No I/O and no clock: `now`
 * and deadlines are in ms on the caller's clock. What a call returns is to be sent in that order. Numbers that are not
 * known (a member that is gone, a lock that was released) are no errors: news cross on the way.
 */
import { Deadlines, type Due } from "./deadlines.ts";
import type { MemberState } from "./terms.ts";

/** Held and waited for, together. */
const MOST_PER_MEMBER = 10_000;
const NOTHING: readonly LockOutcome[] = [];

export interface LockAsk {
  readonly member: number;
  /** The member's number for it, not in use by it here. */
  readonly id: number;
  readonly name: string;
  /** Only a ready member leads; one that starts or drains may lock, and one that is hung is given neither. */
  readonly isLeader: boolean;
  /** When it gives up, in ms; null: never. One that is not after `now` is tried once. */
  readonly deadline: number | null;
}

/** What is to be said to `member` of its lock `id`. */
export type LockOutcome =
  /** It holds the name. The fence is higher than that of every grant before, of whatever name. */
  | {
      readonly kind: "granted";
      readonly member: number;
      readonly id: number;
      readonly fence: number;
    }
  /** It does not get it: another one holds it, it is given none, or it has too many. */
  | {
      readonly kind: "refused";
      readonly member: number;
      readonly id: number;
      readonly why: "held" | "not-given" | "too-many";
    }
  /** It is to end its leadership, which is its own until it has. */
  | { readonly kind: "lost"; readonly member: number; readonly id: number };

export interface LocksOptions {
  /** The first fence is one higher. */
  readonly fence: number;
  /** Of one member, held and waited for (10,000). */
  readonly perMember?: number;
}

interface Claim extends Due {
  readonly id: number;
  readonly isLeader: boolean;
  readonly standing: Standing;
  readonly name: Name;
}

interface Standing {
  readonly member: number;
  state: MemberState;
  readonly claims: Map<number, Claim>;
}

/** It is there while somebody holds it or waits. Where nobody holds it, nobody who waits may have it. */
interface Name {
  readonly text: string;
  holder: Claim | null;
  /** In the order in which they came. */
  readonly waiting: Set<Claim>;
}

/** See the head of the file. */
export class Locks {
  readonly #names = new Map<string, Name>();
  readonly #members = new Map<number, Standing>();
  readonly #deadlines = new Deadlines<Claim>();
  readonly #perMember: number;
  #fence: number;
  #held = 0;
  #waiting = 0;

  constructor({ fence, perMember = MOST_PER_MEMBER }: LocksOptions) {
    this.#fence = fence;
    this.#perMember = perMember;
  }

  /** The last one that was given. */
  get fence(): number {
    return this.#fence;
  }

  /** How many are held, and how many wait. */
  sizes(): {
    readonly held: number;
    readonly waiting: number;
    readonly names: number;
    readonly members: number;
    readonly deadlines: number;
  } {
    return {
      ...{ held: this.#held, waiting: this.#waiting, names: this.#names.size },
      ...{ members: this.#members.size, deadlines: this.#deadlines.size },
    };
  }

  /** Whether the member holds, or waits for, something under this number. */
  has(member: number, id: number): boolean {
    return this.#members.get(member)?.claims.has(id) ?? false;
  }

  /** A member is there; one that is known stays as it is. */
  join(member: number, state: MemberState): void {
    if (this.#members.has(member)) return;
    this.#members.set(member, { member, state, claims: new Map() });
  }

  /** A member's state changes: it keeps what it holds, but is told to end its leaderships when it drains or hangs. */
  turn(member: number, state: MemberState): readonly LockOutcome[] {
    const standing = this.#members.get(member);
    if (standing === undefined || standing.state === state) return NOTHING;
    standing.state = state;
    const out: LockOutcome[] = [];
    for (const claim of standing.claims.values()) {
      const isHeld = claim.name.holder === claim;
      if (!isHeld && isEligible(claim)) this.#grantNext(claim.name, out);
      if (isHeld && claim.isLeader && (state === "draining" || state === "hung")) {
        out.push({ kind: "lost", member, id: claim.id });
      }
    }
    return out;
  }

  /** A member is gone: what it held goes to those who wait. */
  leave(member: number): readonly LockOutcome[] {
    const standing = this.#members.get(member);
    if (standing === undefined) return NOTHING;
    this.#members.delete(member);
    const out: LockOutcome[] = [];
    const claims = [...standing.claims.values()];
    // First what it waits for: nothing is given to one that is gone.
    for (const claim of claims) if (claim.name.holder !== claim) this.#remove(claim, out);
    for (const claim of claims) if (claim.name.holder === claim) this.#remove(claim, out);
    return out;
  }

  /** Somebody who has joined wants a name. */
  ask(ask: LockAsk, now: number): readonly LockOutcome[] {
    const { member, id, isLeader, deadline } = ask;
    const standing = this.#members.get(member);
    if (standing === undefined || standing.claims.has(id)) return NOTHING;
    if (standing.claims.size >= this.#perMember) {
      return [{ kind: "refused", member, id, why: "too-many" }];
    }
    const name = this.#names.get(ask.name) ?? { text: ask.name, holder: null, waiting: new Set() };
    const due = { deadline: deadline ?? Number.POSITIVE_INFINITY, place: -1 };
    const claim: Claim = { id, isLeader, standing, name, ...due };
    const isFree = name.holder === null && isEligible(claim);
    if (!isFree && claim.deadline <= now) {
      return [{ kind: "refused", member, id, why: whyNot(claim) }];
    }
    this.#names.set(name.text, name);
    standing.claims.set(id, claim);
    if (isFree) return [this.#grant(claim)];
    name.waiting.add(claim);
    this.#waiting += 1;
    if (deadline !== null) this.#deadlines.add(claim);
    return NOTHING;
  }

  /** A member gives up what it holds or waits for under this number. */
  release(member: number, id: number): readonly LockOutcome[] {
    const claim = this.#members.get(member)?.claims.get(id);
    if (claim === undefined) return NOTHING;
    const out: LockOutcome[] = [];
    this.#remove(claim, out);
    return out;
  }

  /** Refuses all that have waited until `now` or less. */
  expire(now: number): readonly LockOutcome[] {
    const out: LockOutcome[] = [];
    for (;;) {
      const claim = this.#deadlines.first();
      if (claim === undefined || claim.deadline > now) return out;
      const { id, standing } = claim;
      out.push({ kind: "refused", member: standing.member, id, why: whyNot(claim) });
      this.#remove(claim, out);
    }
  }

  /** When `expire` is to be called, in ms; null: nobody's waiting ends by itself. */
  nextDeadline(): number | null {
    return this.#deadlines.first()?.deadline ?? null;
  }

  #remove(claim: Claim, out: LockOutcome[]): void {
    const { id, standing, name } = claim;
    standing.claims.delete(id);
    if (name.holder === claim) {
      name.holder = null;
      this.#held -= 1;
      this.#grantNext(name, out);
    } else this.#waitNoMore(claim);
    if (name.holder === null && name.waiting.size === 0) this.#names.delete(name.text);
  }

  /** To the first who may have it, if it is free. */
  #grantNext(name: Name, out: LockOutcome[]): void {
    if (name.holder !== null) return;
    for (const claim of name.waiting) {
      if (!isEligible(claim)) continue;
      this.#waitNoMore(claim);
      out.push(this.#grant(claim));
      return;
    }
  }

  #grant(claim: Claim): LockOutcome {
    claim.name.holder = claim;
    this.#held += 1;
    this.#fence += 1;
    const { id, standing } = claim;
    return { kind: "granted", member: standing.member, id, fence: this.#fence };
  }

  #waitNoMore(claim: Claim): void {
    claim.name.waiting.delete(claim);
    this.#waiting -= 1;
    this.#deadlines.remove(claim);
  }
}

function isEligible({ isLeader, standing: { state } }: Claim): boolean {
  return isLeader ? state === "ready" : state !== "hung";
}

function whyNot(claim: Claim): "held" | "not-given" {
  return isEligible(claim) ? "held" : "not-given";
}
