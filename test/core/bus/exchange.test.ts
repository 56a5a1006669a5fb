import { describe, expect, it } from "vitest";
import {
  type Ask,
  Exchange,
  type ExchangeLimits,
  type Member,
  type MemberState,
  type Subscription,
} from "../../../src/core/bus/exchange.ts";

const nobody = () => false;
const all = () => true;

function member(id: number): Member {
  return { id, app: "web", slot: id, worker: id * 10, name: null };
}

/** An exchange with ready members 1 to `count`. */
function exchangeOf(count: number, limits?: ExchangeLimits): Exchange {
  const exchange = new Exchange(limits);
  for (let id = 1; id <= count; id += 1) exchange.join(member(id), "ready");
  return exchange;
}

/** Subscribes each of `members` to `pattern`, under number 7. */
function join(
  exchange: Exchange,
  members: readonly number[],
  pattern: string,
  how: Partial<Subscription> = {},
): void {
  for (const id of members) {
    const rest = { pattern, kind: "listen", queue: null, by: "turns", ...how } as const;
    exchange.subscribe({ member: id, number: 7, ...rest }, 0);
  }
}

const reply = { kind: "reply" } as const;
const ask = (more: Partial<Ask> = {}): Ask => ({
  ...{ from: 1, id: 5, subject: "price", deadline: 1000, payload: "how much" },
  ...more,
});

/** Who of the queue gets each of `count` publishes. */
function takers(exchange: Exchange, count: number, key?: string): number[] {
  return Array.from({ length: count }, () => {
    const targets = exchange.publish("job", key, nobody);
    expect(targets).toHaveLength(1);
    return targets[0]?.member ?? -1;
  });
}

describe("publish", () => {
  it("reaches each member that listens once, its sender and those not ready among them", () => {
    const exchange = exchangeOf(2);
    exchange.join(member(3), "starting");
    join(exchange, [1, 2, 3], "a.*");
    exchange.subscribe(
      { member: 1, number: 8, pattern: "a.b", kind: "listen", queue: null, by: "turns" },
      0,
    );
    const targets = exchange.publish("a.b", undefined, all);
    expect(targets).toEqual([1, 2, 3].map((id) => ({ member: id, to: 0 })));
    expect(exchange.publish("a.b", undefined, all)).toBe(targets);
    expect(exchange.publish("b", undefined, nobody)).toEqual([]);
  });

  it("is not heard by those that reply, nor a request by those that listen", () => {
    const exchange = exchangeOf(1);
    join(exchange, [1], "price", reply);
    expect(exchange.publish("price", undefined, nobody)).toEqual([]);
    join(exchange, [1], "price");
    expect(exchange.request(ask(), 0, nobody)).toMatchObject([{ code: "NO_RESPONDERS" }]);
  });

  it("goes to one ready member of a queue, by turns", () => {
    const exchange = exchangeOf(3);
    exchange.join(member(4), "starting");
    exchange.join(member(5), "draining");
    join(exchange, [1, 2, 3, 4, 5], "job", { queue: "jobs" });
    const first = takers(exchange, 3);
    expect(first.toSorted()).toEqual([1, 2, 3]);
    expect(takers(exchange, 6)).toEqual([...first, ...first]);
  });

  it("is one queue by name, whatever patterns brought its members there", () => {
    const exchange = exchangeOf(3);
    join(exchange, [1], "job", { queue: "jobs" });
    join(exchange, [2], ">", { queue: "jobs" });
    join(exchange, [3], "*", { queue: "others" });
    const targets = exchange.publish("job", undefined, nobody);
    expect(targets).toHaveLength(2);
    expect(targets).toContainEqual({ member: 3, to: 7 });
  });

  it("passes a member by that is full, and waits for one when all are", () => {
    const exchange = exchangeOf(3);
    join(exchange, [1, 2, 3], "job", { queue: "jobs" });
    for (let count = 0; count < 5; count += 1) {
      const isFull = (id: number) => id !== 2;
      expect(exchange.publish("job", undefined, isFull)).toEqual([{ member: 2, to: 7 }]);
    }
    const waiting = [1, 2, 3].map(() => exchange.publish("job", undefined, all)[0]?.member);
    expect(waiting.toSorted()).toEqual([1, 2, 3]);
  });

  it("goes to the one with the least under way, requests among it, where a queue is by idle", () => {
    const exchange = exchangeOf(3);
    join(exchange, [1, 2, 3], "job", { queue: "jobs", by: "idle" });
    expect(takers(exchange, 3).toSorted()).toEqual([1, 2, 3]);
    exchange.worked(2, 7);
    expect(takers(exchange, 1)).toEqual([2]);
    exchange.worked(3, 7);
    exchange.worked(3, 7);
    exchange.subscribe(
      { member: 3, number: 9, pattern: "price", kind: "reply", queue: null, by: "turns" },
      0,
    );
    exchange.request(ask(), 0, nobody);
    exchange.request(ask({ id: 6 }), 0, nobody);
    expect(takers(exchange, 2).toSorted()).toEqual([1, 2]);
  });

  it("goes to the owner of its key as long as it is there, full or not", () => {
    const exchange = exchangeOf(4);
    join(exchange, [1, 2, 3, 4], "job", { queue: "jobs", by: "key" });
    const keys = Array.from({ length: 40 }, (_, index) => `customer-${index}`);
    const owners = new Map(keys.map((key) => [key, takers(exchange, 1, key)[0] as number]));
    expect(new Set(owners.values()).size).toBe(4);
    for (const key of keys) {
      expect(exchange.publish("job", key, all)[0]?.member).toBe(owners.get(key));
    }
    exchange.leave(4, 0);
    for (const key of keys.filter((one) => owners.get(one) !== 4)) {
      expect(takers(exchange, 1, key)).toEqual([owners.get(key)]);
    }
    expect(takers(exchange, 3).toSorted()).toEqual([1, 2, 3]);
  });
});

describe("held publishes", () => {
  it("go to the first that listens, once, in their order", () => {
    const exchange = exchangeOf(2);
    for (const payload of ["one", "two"]) expect(exchange.hold("a.b", 100, payload)).toBe(true);
    expect(exchange.hold("b", 50, "other")).toBe(true);
    const plain = { pattern: "a.*", kind: "listen", queue: null, by: "turns" } as const;
    expect(exchange.subscribe({ member: 2, number: 1, ...plain }, 10)).toEqual([
      { kind: "held", member: 2, to: 0, payload: "one" },
      { kind: "held", member: 2, to: 0, payload: "two" },
    ]);
    expect(exchange.subscribe({ member: 1, number: 1, ...plain }, 10)).toEqual([]);
    expect(exchange.nextDeadline()).toBe(50);
    expect(exchange.expire(50)).toEqual([]);
    expect(exchange.sizes()).toMatchObject({ held: 0, deadlines: 0, lapsed: 1 });
  });

  it("wait for a member of a queue to be ready", () => {
    const exchange = new Exchange();
    exchange.join(member(1), "starting");
    exchange.hold("job", 100, "one");
    const queue = { pattern: "job", kind: "listen", queue: "jobs", by: "turns" } as const;
    expect(exchange.subscribe({ member: 1, number: 3, ...queue }, 0)).toEqual([]);
    expect(exchange.turn(1, "ready", 10)).toEqual([
      { kind: "held", member: 1, to: 3, payload: "one" },
    ]);
  });

  it("are bounded by number and bytes", () => {
    const exchange = exchangeOf(1, { held: 2, heldBytes: 10 });
    expect(exchange.hold("a", 100, "one", 8)).toBe(true);
    expect(exchange.hold("a", 100, "two", 3)).toBe(false);
    expect(exchange.request(ask({ hold: true, bytes: 2 }), 0, nobody)).toEqual([]);
    expect(exchange.hold("a", 100, "three")).toBe(false);
    expect(exchange.request(ask({ id: 6, hold: true }), 0, nobody)).toMatchObject([
      { kind: "failed", id: 6, code: "OVERLOADED", isLast: true },
    ]);
    exchange.expire(1000);
    expect(exchange.sizes()).toMatchObject({ held: 0, heldBytes: 0 });
  });
});

describe("request", () => {
  it("is answered by one member, and by none after that", () => {
    const exchange = exchangeOf(3);
    join(exchange, [2, 3], "price", reply);
    const [asked] = exchange.request(ask(), 0, nobody);
    expect(asked).toMatchObject({ kind: "ask", to: 7, from: 1, attempt: 1, deadline: 1000 });
    const { member: worker, exchange: number } = asked as { member: number; exchange: number };
    const other = worker === 2 ? 3 : 2;
    expect(exchange.reply(other, number, "stolen")).toEqual([]);
    expect(exchange.reply(worker, number, 42)).toEqual([
      { kind: "answer", member: 1, id: 5, from: member(worker), payload: 42 },
    ]);
    expect(exchange.reply(worker, number, 43)).toEqual([]);
    expect(exchange.leave(worker, 0)).toEqual([]);
    expect(exchange.expire(1000)).toEqual([]);
  });

  it("fails at once where nobody replies, or all are full, or it is late", () => {
    const exchange = exchangeOf(2, { exchanges: 1 });
    const failed = { kind: "failed", member: 1, id: 5, from: null, isLast: true };
    const send = (isFull: () => boolean, now = 0) => exchange.request(ask(), now, isFull);
    expect(send(nobody)).toEqual([{ ...failed, code: "NO_RESPONDERS" }]);
    join(exchange, [2], "price", reply);
    expect(send(all)).toEqual([{ ...failed, code: "OVERLOADED" }]);
    expect(send(nobody, 1000)).toEqual([{ ...failed, code: "TIMEOUT" }]);
    exchange.request(ask({ id: 1 }), 0, nobody);
    expect(send(nobody)).toEqual([{ ...failed, code: "OVERLOADED" }]);
    exchange.turn(2, "draining", 0);
    expect(send(nobody)).toEqual([{ ...failed, code: "NO_RESPONDERS" }]);
  });

  it("times out, and who works on it is told", () => {
    const exchange = exchangeOf(2);
    join(exchange, [2], "price", reply);
    const [asked] = exchange.request(ask(), 0, nobody);
    const number = (asked as { exchange: number }).exchange;
    expect(exchange.nextDeadline()).toBe(1000);
    expect(exchange.expire(999)).toEqual([]);
    expect(exchange.expire(1000)).toEqual([
      { kind: "cancel", member: 2, exchange: number },
      { kind: "failed", member: 1, id: 5, code: "TIMEOUT", from: member(2), isLast: true },
    ]);
    expect(exchange.reply(2, number, "late")).toEqual([]);
  });

  it("fails when its worker is lost; an idempotent one goes to another, once", () => {
    const exchange = exchangeOf(4);
    join(exchange, [2, 3, 4], "price", reply);
    const lost = { kind: "failed", member: 1, code: "WORKER_LOST", isLast: true };
    const [plain] = exchange.request(ask({ id: 1 }), 0, nobody);
    const first = (plain as { member: number }).member;
    expect(exchange.leave(first, 10)).toEqual([{ ...lost, id: 1, from: member(first) }]);
    const [asked] = exchange.request(ask({ idempotent: true }), 10, nobody);
    const second = (asked as { member: number }).member;
    const [again] = exchange.leave(second, 20);
    const third = 9 - first - second;
    expect(again).toMatchObject({ kind: "ask", member: third, attempt: 2, payload: "how much" });
    exchange.join(member(5), "ready");
    join(exchange, [5], "price", reply);
    expect(exchange.leave(third, 30)).toEqual([{ ...lost, id: 5, from: member(third) }]);
  });

  it("is not sent again where the others are full or its time is over", () => {
    const lost = { kind: "failed", code: "WORKER_LOST", isLast: true };
    for (const [now, isFull] of [[10, all] as const, [1000, nobody] as const]) {
      const exchange = exchangeOf(3);
      join(exchange, [2, 3], "price", reply);
      const [asked] = exchange.request(ask({ idempotent: true }), 0, nobody);
      const { member: worker } = asked as { member: number };
      expect(exchange.leave(worker, now, isFull)).toMatchObject([lost]);
    }
  });

  it("is weighed as what it is wherever it may go, also after others have passed", () => {
    const exchange = exchangeOf(3);
    join(exchange, [2, 3], "price", reply);
    const job = { number: 8, pattern: "job", kind: "listen", queue: "q", by: "turns" } as const;
    exchange.subscribe({ member: 2, ...job }, 0);
    const weighed: number[] = [];
    const isFull = (_member: number, bytes: number) => {
      weighed.push(bytes);
      return false;
    };
    const [asked] = exchange.request(ask({ idempotent: true, bytes: 700 }), 0, isFull);
    exchange.publish("job", undefined, isFull, 3);
    exchange.leave((asked as { member: number }).member, 10, isFull);
    expect(weighed).toEqual([700, 3, 700]);
  });

  it("waits with hold for somebody who replies; an idempotent one also after a loss", () => {
    const exchange = exchangeOf(2);
    const late = ask({ hold: true, idempotent: true });
    expect(exchange.request(late, 0, nobody)).toEqual([]);
    exchange.subscribe(
      { member: 2, number: 7, pattern: ">", queue: null, by: "idle", ...reply },
      1,
    );
    expect(exchange.sizes()).toMatchObject({ held: 0, exchanges: 1 });
    expect(exchange.leave(2, 2)).toEqual([]);
    expect(exchange.sizes()).toMatchObject({ held: 1, exchanges: 0, requests: 1 });
    expect(exchange.expire(1000)).toEqual([
      { kind: "failed", member: 1, id: 5, code: "WORKER_LOST", from: member(2), isLast: true },
    ]);
    exchange.request(ask({ hold: true, deadline: 2000 }), 1000, nobody);
    expect(exchange.expire(2000)).toMatchObject([{ code: "NO_RESPONDERS", from: null }]);
  });

  it("that is cancelled, or whose sender is gone, is cancelled at the worker and answered no more", () => {
    const exchange = exchangeOf(3);
    join(exchange, [2], "price", reply);
    const numbers = [1, 2, 2].map((id) => {
      const outcomes = exchange.request(ask({ id }), 0, nobody);
      return (outcomes.at(-1) as { exchange: number }).exchange;
    });
    const cancelled = (at: number) => ({ kind: "cancel", member: 2, exchange: numbers[at] });
    expect(exchange.reply(2, numbers[1] as number, "replaced")).toEqual([]);
    expect(exchange.cancel(1, 1)).toEqual([cancelled(0)]);
    expect(exchange.cancel(1, 1)).toEqual([]);
    expect(exchange.leave(1, 0)).toEqual([cancelled(2)]);
    expect(exchange.reply(2, numbers[2] as number, "late")).toEqual([]);
    expect(exchange.expire(1000)).toEqual([]);
  });

  it("prefers the owner of its key, and takes another where the owner is full", () => {
    const exchange = exchangeOf(4);
    join(exchange, [2, 3, 4], "price", { ...reply, by: "key" });
    const to = (isFull: (id: number) => boolean) => {
      const asked = exchange.request(ask({ key: "k" }), 0, isFull).at(-1);
      return (asked as { member: number }).member;
    };
    const owner = to(nobody);
    expect(to(nobody)).toBe(owner);
    const other = to((id) => id === owner);
    expect(other).not.toBe(owner);
    expect(exchange.request(ask({ key: "k" }), 0, all).at(-1)).toMatchObject({
      code: "OVERLOADED",
    });
  });
});

describe("gather", () => {
  it("has answers, errors and who is missing of all that were there when it was sent", () => {
    const exchange = exchangeOf(5);
    const states: [number, MemberState][] = [
      [6, "starting"],
      [7, "draining"],
    ];
    for (const [id, state] of states) exchange.join(member(id), state);
    join(exchange, [2, 3, 4, 5, 6, 7], "price", reply);
    const sent = exchange.request(ask({ all: true }), 0, (id) => id === 5);
    expect(sent).toMatchObject([
      { kind: "ask", member: 2 },
      { kind: "ask", member: 3 },
      { kind: "ask", member: 4 },
      { kind: "failed", code: "OVERLOADED", from: member(5), isLast: false },
    ]);
    exchange.turn(6, "ready", 1);
    const numbers = sent.map((outcome) => (outcome as { exchange: number }).exchange);
    expect(exchange.reply(2, numbers[0] as number, "two")).toMatchObject([{ kind: "answer" }]);
    expect(exchange.leave(3, 2)).toEqual([
      { kind: "failed", member: 1, id: 5, code: "WORKER_LOST", from: member(3), isLast: false },
    ]);
    expect(exchange.expire(1000)).toEqual([
      { kind: "cancel", member: 4, exchange: numbers[2] },
      { kind: "gathered", member: 1, id: 5, missing: [member(4)] },
    ]);
  });

  it("ends early when all have answered or are gone, and at once where nobody replies", () => {
    const exchange = exchangeOf(3);
    const gathered = { kind: "gathered", member: 1, id: 5, missing: [] };
    expect(exchange.request(ask({ all: true }), 0, nobody)).toEqual([gathered]);
    join(exchange, [2, 3], "price", reply);
    const [first] = exchange.request(ask({ all: true }), 0, nobody);
    expect(exchange.leave(3, 0)).toHaveLength(1);
    const number = (first as { exchange: number }).exchange;
    expect(exchange.reply(2, number, "two")).toMatchObject([{ kind: "answer" }, gathered]);
  });
});

describe("members", () => {
  it("are known until they are gone, and then nothing is kept of them", () => {
    const exchange = exchangeOf(3);
    join(exchange, [1, 2], "price", reply);
    join(exchange, [1, 3], "job", { queue: "jobs" });
    exchange.request(ask(), 0, nobody);
    takers(exchange, 3);
    expect(exchange.senderOf(2)).toEqual(member(2));
    for (const id of [1, 2, 3]) exchange.leave(id, 0);
    expect(exchange.senderOf(2)).toBeUndefined();
    const { lapsed, ...kept } = exchange.sizes();
    expect(lapsed).toBe(0);
    expect(Object.values(kept).every((size) => size === 0)).toBe(true);
    expect(exchange.leave(1, 0)).toEqual([]);
    expect(exchange.turn(1, "ready", 0)).toEqual([]);
    expect(exchange.request(ask(), 0, nobody)).toEqual([]);
    exchange.worked(1, 7);
    exchange.unsubscribe(1, 7);
  });
});
