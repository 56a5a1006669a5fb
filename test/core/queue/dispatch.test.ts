/** Who is given the next messages, after any history. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dispatcher, type Take } from "../../../src/core/queue/dispatch.ts";

const HOLDERS = ["a", "b", "c", "d"] as const;
type Holder = (typeof HOLDERS)[number];

interface Seat {
  readonly concurrency: number;
  readonly member: number;
  has: number;
}

/** One queue with messages, its consumers, and a store that answers in its own time. */
class Stand {
  readonly dispatcher = new Dispatcher();
  readonly seats = new Map<Holder, Seat>();
  readonly barred = new Set<number>();
  readonly asked: { readonly take: Take; readonly seat: Seat }[] = [];
  messages = 0;

  add(holder: Holder, concurrency: number): void {
    const seat = { concurrency, member: HOLDERS.indexOf(holder), has: 0 };
    this.seats.set(holder, seat);
    this.dispatcher.add({ holder, queue: "q", ...seat });
    this.dispatcher.due("q");
  }

  remove(holder: Holder): void {
    this.seats.delete(holder);
    this.dispatcher.remove(holder);
  }

  bar(member: number, isBarred: boolean): void {
    this.barred[isBarred ? "add" : "delete"](member);
    this.dispatcher[isBarred ? "bar" : "lift"](member, "why");
  }

  enqueue(count: number): void {
    this.messages += count;
    this.dispatcher.due("q");
  }

  ask(): void {
    for (let take = this.dispatcher.next(); take; take = this.dispatcher.next()) {
      const seat = this.seats.get(take.holder as Holder);
      if (!seat) throw new Error("asked for one that is not there");
      expect(this.barred.has(seat.member)).toBe(false);
      expect(take.limit).toBeGreaterThan(0);
      this.asked.push({ take, seat });
      expect(seat.has + this.wanted(seat)).toBeLessThanOrEqual(seat.concurrency);
    }
  }

  /** The store answers the oldest question. */
  answer(): void {
    const first = this.asked.shift();
    if (!first) return;
    const { take, seat } = first;
    const came = Math.min(take.limit, this.messages);
    const isThere = this.seats.get(take.holder as Holder) === seat;
    expect(this.dispatcher.took(take, came, came * 100)).toBe(isThere);
    this.messages -= isThere ? came : 0;
    if (isThere) seat.has += came;
    // What nobody gets goes back, and the store says so.
    else if (came > 0) this.dispatcher.due("q");
  }

  end(holder: Holder): void {
    const seat = this.seats.get(holder);
    if (!seat || seat.has === 0) return;
    seat.has -= 1;
    this.dispatcher.ended(holder);
  }

  wanted(seat: Seat): number {
    return this.asked
      .filter((each) => each.seat === seat)
      .reduce((sum, { take }) => sum + take.limit, 0);
  }

  /** All that is asked is answered, until nothing more is asked. */
  settle(): void {
    for (this.ask(); this.asked.length > 0; this.ask()) this.answer();
  }
}

const holder = fc.constantFrom(...HOLDERS);
const step = fc.oneof(
  fc.record({ do: fc.constant("add" as const), holder, n: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant("remove" as const), holder }),
  fc.record({ do: fc.constant("bar" as const), member: fc.nat(3), is: fc.boolean() }),
  fc.record({ do: fc.constant("enqueue" as const), n: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ do: fc.constant("ask" as const) }),
  fc.record({ do: fc.constant("answer" as const) }),
  fc.record({ do: fc.constant("end" as const), holder }),
);

describe("after any history", () => {
  it("nobody has more than wanted, and nothing lies where somebody has room", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const stand = new Stand();
        for (const each of steps) {
          if (each.do === "add") stand.add(each.holder, each.n);
          else if (each.do === "remove") stand.remove(each.holder);
          else if (each.do === "bar") stand.bar(each.member, each.is);
          else if (each.do === "enqueue") stand.enqueue(each.n);
          else if (each.do === "ask") stand.ask();
          else if (each.do === "answer") stand.answer();
          else stand.end(each.holder);
        }
        stand.settle();
        const free = [...stand.seats.values()].filter(
          ({ has, concurrency, member }) => has < concurrency && !stand.barred.has(member),
        );
        for (const { has, concurrency } of stand.seats.values()) {
          expect(has).toBeLessThanOrEqual(concurrency);
        }
        if (stand.messages > 0) expect(free).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it("all who have room get as much, by turns", () => {
    const stand = new Stand();
    for (const name of HOLDERS) stand.add(name, 1000);
    stand.settle();
    for (let round = 0; round < 40; round++) {
      stand.enqueue(10);
      stand.settle();
    }
    const shares = [...stand.seats.values()].map(({ has }) => has);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(400);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(40);
  });

  it("large messages are asked for a few at a time", () => {
    const dispatcher = new Dispatcher();
    dispatcher.add({ holder: "a", queue: "q", member: 1, concurrency: 1000 });
    dispatcher.due("q");
    let most = 0;
    for (let n = 0; n < 20; n++) {
      const take = dispatcher.next();
      if (!take) break;
      if (n > 0) most = Math.max(most, take.limit);
      dispatcher.took(take, take.limit, take.limit * 128 * 1024);
    }
    expect(most).toBe(2);
  });
});
