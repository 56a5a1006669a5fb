/** Any sequence of calls: the exchange does what a naive one says, each request is answered once, nothing is kept. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NaiveExchange } from "./naive-exchange.ts";

const member = fc.integer({ min: 1, max: 5 });
const number = fc.integer({ min: 1, max: 3 });
const request = fc.integer({ min: 1, max: 8 });
const state = fc.constantFrom("starting", "ready", "ready", "ready", "draining");
const subject = fc.constantFrom("a", "b", "a.b", "a.c");
const pattern = fc.constantFrom("a", "b", "a.b", "*", "a.*", "*.b", ">", "a.>");
const queue = fc.constantFrom(null, null, "one", "two");
const by = fc.constantFrom("turns", "idle", "key");
const kind = fc.constantFrom("listen", "reply", "reply");
const key = fc.constantFrom(undefined, "red", "green");
const ms = fc.constantFrom(0, 5, 50, 50, 200);
const often = fc.constantFrom(false, true, true);

type Step = (exchange: NaiveExchange) => void;

const step: fc.Arbitrary<Step> = fc.oneof(
  arbitrary(6, fc.tuple(member, state, fc.option(pattern)), ([id, next, replies]) => (e) => {
    e.join(id, next);
    if (replies !== null) e.subscribe(replying(id, replies));
  }),
  arbitrary(
    2,
    fc.tuple(member, state),
    ([id, next]) =>
      (e) =>
        e.turn(id, next),
  ),
  arbitrary(3, member, (id) => (e) => e.leave(id)),
  arbitrary(
    5,
    fc.record({ member, number, pattern, kind, queue, by }),
    (subscription) => (e) => e.subscribe(subscription),
  ),
  arbitrary(
    1,
    fc.tuple(member, number),
    ([id, one]) =>
      (e) =>
        e.unsubscribe(id, one),
  ),
  arbitrary(
    1,
    fc.tuple(member, fc.boolean()),
    ([id, isFull]) =>
      (e) =>
        e.fill(id, isFull),
  ),
  arbitrary(
    1,
    fc.tuple(member, number),
    ([id, one]) =>
      (e) =>
        e.worked(id, one),
  ),
  arbitrary(
    6,
    fc.tuple(member, subject, key, fc.option(ms)),
    ([from, to, by_, hold]) =>
      (e) =>
        e.publish(from, to, by_, hold),
  ),
  arbitrary(
    8,
    fc.tuple(member, request, subject, key, fc.record({ idempotent: often, hold: often }), ms),
    ([from, id, to, of, flags, timeout]) =>
      (e) =>
        e.request(asked(from, id, to, of, flags), timeout),
  ),
  arbitrary(
    3,
    fc.tuple(member, request, subject, fc.boolean(), ms),
    ([from, id, to, hold, timeout]) =>
      (e) =>
        e.request({ from, id, subject: to, all: true, hold }, timeout),
  ),
  arbitrary(
    5,
    fc.tuple(fc.nat(40), fc.nat(5)),
    ([which, other]) =>
      (e) =>
        e.reply(which, other === 0),
  ),
  arbitrary(
    1,
    fc.tuple(member, request),
    ([from, id]) =>
      (e) =>
        e.cancel(from, id),
  ),
  arbitrary(2, ms, (passed) => (e) => e.pass(passed)),
);

function arbitrary<T>(weight: number, given: fc.Arbitrary<T>, stepOf: (value: T) => Step) {
  return {
    weight,
    arbitrary: given.map((value) =>
      Object.assign(stepOf(value), {
        [fc.toStringMethod]: () => `${stepOf}: ${fc.stringify(value)}`,
      }),
    ),
  };
}

/** One more subscription of a member, which no other step takes away: enough that requests are worked on. */
function replying(member: number, to: string) {
  return { member, number: 4, pattern: to, kind: "reply", queue: null, by: "turns" } as const;
}

function asked(
  from: number,
  id: number,
  to: string,
  of: string | undefined,
  flags: { idempotent: boolean; hold: boolean },
) {
  return { from, id, subject: to, ...flags, ...(of === undefined ? {} : { key: of }) };
}

describe("the exchange", () => {
  it("does what a naive one says, answers each request once, and keeps nothing", () => {
    const counts = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: "max" }), often, (steps, isPeopled) => {
        const exchange = new NaiveExchange();
        for (const id of [1, 2, 3]) {
          exchange.join(id, "ready");
          if (isPeopled) exchange.subscribe(replying(id, ">"));
        }
        for (const one of steps) one(exchange);
        exchange.end();
        for (const [what, times] of exchange.counts) {
          counts.set(what, (counts.get(what) ?? 0) + times);
        }
      }),
      { numRuns: 200 },
    );
    const happened = [
      ...["published", "hold", "held", "no room", "held request", "ask", "ask again", "answer"],
      ...["lost", "cancelled", "gathered", "gathered in part", "gather overloaded"],
      ...["TIMEOUT", "WORKER_LOST", "NO_RESPONDERS", "OVERLOADED"],
    ];
    expect(happened.filter((what) => !counts.has(what))).toEqual([]);
  });
});
