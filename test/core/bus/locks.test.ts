/** Locks: one holder of each name, first come, first served among those who may have it, nothing left of who is gone. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LockOutcome, Locks } from "../../../src/core/bus/locks.ts";
import type { MemberState } from "../../../src/core/bus/terms.ts";

interface Asked {
  readonly member: number;
  readonly id: number;
  readonly name: string;
  readonly isLeader: boolean;
  readonly deadline: number | null;
  isHeld: boolean;
}

const PER_MEMBER = 4;

/** As simple as can be: one list in the order of asking; after each step all of it is looked at. */
class NaiveLocks {
  readonly states = new Map<number, MemberState>();
  asked: Asked[] = [];

  mayHave({ member, isLeader }: Asked): boolean {
    const state = this.states.get(member);
    return isLeader ? state === "ready" : state !== undefined && state !== "hung";
  }

  holder(name: string): Asked | undefined {
    return this.asked.find((each) => each.isHeld && each.name === name);
  }

  grant(): LockOutcome[] {
    return this.asked.flatMap((each) => {
      if (this.holder(each.name) || !this.mayHave(each)) return [];
      each.isHeld = true;
      return [{ kind: "granted" as const, member: each.member, id: each.id, fence: 0 }];
    });
  }

  ask(asking: Omit<Asked, "isHeld">, now: number): LockOutcome[] {
    const { member, id, name, deadline } = asking;
    const own = this.asked.filter((each) => each.member === member);
    if (!this.states.has(member) || own.some((each) => each.id === id)) return [];
    if (own.length >= PER_MEMBER) return [{ kind: "refused", member, id, why: "too-many" }];
    const claim = { ...asking, isHeld: false };
    const isHad = !this.holder(name) && this.mayHave(claim);
    if (isHad || deadline === null || deadline > now) {
      this.asked.push(claim);
      return this.grant();
    }
    return [{ kind: "refused", member, id, why: this.mayHave(claim) ? "held" : "not-given" }];
  }

  turn(member: number, state: MemberState): LockOutcome[] {
    const isNew = this.states.has(member) && this.states.get(member) !== state;
    if (!isNew) return [];
    this.states.set(member, state);
    const leads = this.asked.filter(
      (each) => each.member === member && each.isHeld && each.isLeader,
    );
    const isToEnd = state === "draining" || state === "hung";
    const lost = leads.map(({ id }) => ({ kind: "lost" as const, member, id }));
    return [...(isToEnd ? lost : []), ...this.grant()];
  }

  leave(member: number): LockOutcome[] {
    this.states.delete(member);
    this.asked = this.asked.filter((each) => each.member !== member);
    return this.grant();
  }

  release(member: number, id: number): LockOutcome[] {
    this.asked = this.asked.filter((each) => each.member !== member || each.id !== id);
    return this.grant();
  }

  expire(now: number): LockOutcome[] {
    const isLate = (each: Asked) => !each.isHeld && each.deadline !== null && each.deadline <= now;
    const late = this.asked.filter(isLate);
    this.asked = this.asked.filter((each) => !isLate(each));
    return late.map((each) => {
      const why = this.mayHave(each) ? "held" : "not-given";
      return { kind: "refused" as const, member: each.member, id: each.id, why };
    });
  }
}

/** Both side by side. */
class Pair {
  readonly locks = new Locks({ fence: 1000, perMember: PER_MEMBER });
  readonly naive = new NaiveLocks();
  now = 0;
  #fence = 1000;

  check(is: readonly LockOutcome[], should: readonly LockOutcome[]): void {
    for (const outcome of is) {
      if (outcome.kind !== "granted") continue;
      expect(outcome.fence).toBeGreaterThan(this.#fence);
      this.#fence = outcome.fence;
    }
    expect(is.map(told).sort()).toEqual(should.map(told).sort());
    const { asked, states } = this.naive;
    const waiting = asked.filter((each) => !each.isHeld);
    expect(this.locks.sizes()).toEqual({
      held: asked.length - waiting.length,
      waiting: waiting.length,
      names: new Set(asked.map(({ name }) => name)).size,
      members: states.size,
      deadlines: waiting.filter(({ deadline }) => deadline !== null).length,
    });
    const due = waiting.flatMap(({ deadline }) => (deadline === null ? [] : [deadline]));
    expect(this.locks.nextDeadline()).toBe(due.length === 0 ? null : Math.min(...due));
  }
}

function told(outcome: LockOutcome): string {
  return JSON.stringify(outcome.kind === "granted" ? { ...outcome, fence: 0 } : outcome);
}

type Step = (pair: Pair) => void;

const member = fc.integer({ min: 1, max: 4 });
const id = fc.integer({ min: 1, max: 6 });
const state = fc.constantFrom<MemberState>("starting", "ready", "ready", "draining", "hung");

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(member, state).map(([who, at]): Step => joins(who, at)) },
  {
    weight: 12,
    arbitrary: fc
      .record({
        ...{ member, id, name: fc.constantFrom("a", "a", "b"), isLeader: fc.boolean() },
        waitMs: fc.constantFrom(null, null, 0, 5, 50),
      })
      .map(
        ({ waitMs, ...rest }): Step =>
          (pair) => {
            const asked = { ...rest, deadline: waitMs === null ? null : pair.now + waitMs };
            pair.check(pair.locks.ask(asked, pair.now), pair.naive.ask(asked, pair.now));
          },
      ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(member, state).map(
      ([who, at]): Step =>
        (pair) => {
          pair.check(pair.locks.turn(who, at), pair.naive.turn(who, at));
        },
    ),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(member, id).map(
      ([who, which]): Step =>
        (pair) => {
          pair.check(pair.locks.release(who, which), pair.naive.release(who, which));
        },
    ),
  },
  {
    weight: 2,
    arbitrary: member.map(
      (who): Step =>
        (pair) => {
          pair.check(pair.locks.leave(who), pair.naive.leave(who));
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(1, 10, 60).map(
      (ms): Step =>
        (pair) => {
          pair.now += ms;
          pair.check(pair.locks.expire(pair.now), pair.naive.expire(pair.now));
        },
    ),
  },
);

function joins(who: number, at: MemberState): Step {
  return (pair) => {
    pair.locks.join(who, at);
    if (!pair.naive.states.has(who)) pair.naive.states.set(who, at);
  };
}

describe("any sequence of steps", () => {
  it("does what a naive model does, and leaves nothing when all are gone", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const pair = new Pair();
        for (const who of [1, 2, 3]) joins(who, "ready")(pair);
        for (const take of steps) take(pair);
        for (const who of [1, 2, 3, 4]) {
          pair.check(pair.locks.leave(who), pair.naive.leave(who));
        }
        expect(pair.locks.sizes()).toEqual({
          ...{ held: 0, waiting: 0, names: 0, members: 0, deadlines: 0 },
        });
      }),
      { numRuns: 1000 },
    );
  });
});

/** Members that are ready, by number. */
function withMembers(...members: readonly number[]): Locks {
  const locks = new Locks({ fence: 0 });
  for (const each of members) locks.join(each, "ready");
  return locks;
}

const ask = { isLeader: false, deadline: null };

describe("a lock", () => {
  it("goes from holder to holder in the order in which they came, with higher fences", () => {
    const locks = withMembers(1, 2, 3);
    expect(locks.ask({ ...ask, member: 1, id: 7, name: "a" }, 0)).toEqual([
      { kind: "granted", member: 1, id: 7, fence: 1 },
    ]);
    expect(locks.ask({ ...ask, member: 3, id: 8, name: "a" }, 0)).toEqual([]);
    expect(locks.ask({ ...ask, member: 2, id: 9, name: "a" }, 0)).toEqual([]);
    expect(locks.release(1, 7)).toEqual([{ kind: "granted", member: 3, id: 8, fence: 2 }]);
    expect(locks.leave(3)).toEqual([{ kind: "granted", member: 2, id: 9, fence: 3 }]);
    expect(locks.fence).toBe(3);
  });

  it("is not the same member's twice, and a gone member gets nothing it waited for", () => {
    const locks = withMembers(1, 2);
    locks.ask({ ...ask, member: 1, id: 1, name: "a" }, 0);
    expect(locks.ask({ ...ask, member: 1, id: 2, name: "a" }, 0)).toEqual([]);
    locks.ask({ ...ask, member: 2, id: 1, name: "a" }, 0);
    expect(locks.leave(1)).toEqual([{ kind: "granted", member: 2, id: 1, fence: 2 }]);
  });

  it("is had by who starts or drains, but not led by them", () => {
    const locks = withMembers(2);
    locks.join(1, "starting");
    locks.ask({ ...ask, member: 1, id: 1, name: "a" }, 0);
    expect(locks.ask({ ...ask, member: 1, id: 2, name: "b", isLeader: true }, 0)).toEqual([]);
    expect(locks.turn(1, "ready")).toEqual([{ kind: "granted", member: 1, id: 2, fence: 2 }]);
    expect(locks.turn(1, "draining")).toEqual([{ kind: "lost", member: 1, id: 2 }]);
    expect(locks.turn(1, "draining")).toEqual([]);
    expect(locks.ask({ ...ask, member: 1, id: 3, name: "c" }, 0)).toEqual([
      { kind: "granted", member: 1, id: 3, fence: 3 },
    ]);
    const led = { ...ask, member: 1, id: 4, name: "d", isLeader: true };
    expect(locks.ask({ ...led, deadline: 0 }, 0)).toEqual([
      { kind: "refused", member: 1, id: 4, why: "not-given" },
    ]);
    locks.ask({ ...ask, member: 2, id: 1, name: "b", isLeader: true }, 0);
    expect(locks.ask({ ...ask, member: 2, id: 2, name: "a", deadline: 0 }, 0)).toEqual([
      { kind: "refused", member: 2, id: 2, why: "held" },
    ]);
    expect(locks.release(1, 2)).toEqual([{ kind: "granted", member: 2, id: 1, fence: 4 }]);
    locks.ask({ ...ask, member: 1, id: 5, name: "b" }, 0);
    expect(locks.release(2, 1)).toEqual([{ kind: "granted", member: 1, id: 5, fence: 5 }]);
  });

  it("is not given to who hangs, and its leaderships are to end, until it is well again", () => {
    const locks = withMembers(1, 2);
    locks.ask({ ...ask, member: 1, id: 1, name: "led", isLeader: true }, 0);
    locks.ask({ ...ask, member: 2, id: 1, name: "a" }, 0);
    locks.ask({ ...ask, member: 1, id: 2, name: "a" }, 0);
    expect(locks.turn(1, "hung")).toEqual([{ kind: "lost", member: 1, id: 1 }]);
    expect(locks.release(2, 1)).toEqual([]);
    expect(locks.ask({ ...ask, member: 1, id: 3, name: "b", deadline: 0 }, 0)).toEqual([
      { kind: "refused", member: 1, id: 3, why: "not-given" },
    ]);
    expect(locks.turn(1, "draining")).toEqual([
      { kind: "lost", member: 1, id: 1 },
      { kind: "granted", member: 1, id: 2, fence: 3 },
    ]);
  });

  it("is refused to a member that has 10,000", () => {
    const locks = withMembers(1, 2);
    for (let id = 1; id <= 10_000; id++) locks.ask({ ...ask, member: 1, id, name: `n${id}` }, 0);
    expect(locks.ask({ ...ask, member: 1, id: 10_001, name: "more" }, 0)).toEqual([
      { kind: "refused", member: 1, id: 10_001, why: "too-many" },
    ]);
    expect(locks.ask({ ...ask, member: 2, id: 1, name: "more" }, 0)).toHaveLength(1);
  });
});
