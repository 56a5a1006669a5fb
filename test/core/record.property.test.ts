/** What is written down of an app's state is that state: whoever restores it goes on as the one of before would have. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type App, type AppEvent, newApp, nextDeadline } from "../../src/core/app.ts";
import type { Effect } from "../../src/core/effects.ts";
import { recordApp, restoreApp } from "../../src/core/record.ts";
import { acts, history, Play, POLICY } from "./play.ts";

/** Whole numbers, so that adding and subtracting them is exact. */
const offset = fc.integer({ min: 0, max: 2 ** 40 });
const INSTANTS = ["deadline", "startedAt", "readyAt", "crashes", "retryAt"];

/** What people ask for beside reloads. */
const orders = fc.constantFrom<AppEvent>(
  { type: "restart", slots: "all" },
  { type: "restart", slots: [0] },
  { type: "reload", canGoBack: false },
  { type: "stop" },
  { type: "hurry", withinMs: 10 },
  { type: "kill" },
  { type: "tick" },
);

/** Written by a process whose clock is `from` behind the shared one, read by one that is `to` behind it. */
function handOver(app: App, from: number, to: number): App {
  const restored = restoreApp(JSON.parse(JSON.stringify(recordApp(app, from))), to);
  if (!restored) throw new Error(`not restored: ${JSON.stringify(app)}`);
  return restored;
}

/** What is done, apart from when by whose clock. */
function deeds(effects: readonly Effect[]): string {
  return JSON.stringify(effects, (key, value) => (INSTANTS.includes(key) ? undefined : value));
}

/** The state by the shared clock. An instant from which on a slot may try again says no more once it has passed. */
function seen({ app, now }: Play, own: number): unknown {
  const histories = app.histories.map((each) => ({
    ...each,
    retryAt: Math.max(each.retryAt, now),
  }));
  return recordApp({ ...app, histories }, own);
}

describe("a state that is written down and restored by another process", () => {
  it("goes on in every way as it would have", () => {
    const later = fc.array(acts, { maxLength: 30 });
    fc.assert(
      fc.property(history, later, offset, offset, ([size, strategy, list], rest, from, any) => {
        const before = new Play(size, { ...POLICY, strategy });
        for (const act of list) before.act(act);
        // No clock shows less than nothing.
        const to = any % (from + before.now + 1);
        const after = before.successor(handOver(before.app, from, to), from - to);
        expect(seen(after, to)).toEqual(seen(before, from));
        for (const act of rest) {
          for (const play of [before, after]) {
            play.effects.length = 0;
            play.act(act);
          }
          expect(deeds(after.effects)).toBe(deeds(before.effects));
          expect(seen(after, to)).toEqual(seen(before, from));
          expect(nextDeadline(after.app, after.now) + to).toBe(
            nextDeadline(before.app, before.now) + from,
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is the same state where the clock is the same", () => {
    fc.assert(
      fc.property(history, fc.array(orders), offset, ([size, strategy, list], last, own) => {
        const play = new Play(size, { ...POLICY, strategy });
        for (const act of list) play.act(act);
        for (const order of last) {
          play.tell(order);
          expect(handOver(play.app, own, own)).toEqual(play.app);
        }
      }),
    );
  });

  it("keeps what never comes, and loses no instant to fractions", () => {
    const play = new Play(1, POLICY);
    play.act({ do: "ready", pick: 0 });
    play.now += 500.125;
    play.tell({ type: "tick" });
    const [worker] = handOver(play.app, 86_400_000.25, 86_400_000.25).workers;
    expect(worker).toMatchObject({ phase: "ready", settled: true, deadline: Infinity, readyAt: 0 });
    const done = { crashes: [], streak: 0, retryAt: Infinity, failed: false, done: true };
    const app: App = { ...newApp(1), histories: [done] };
    expect(handOver(app, 5, 1000).histories).toEqual([done]);
  });
});

describe("what is no state", () => {
  const damage = fc.constantFrom<unknown>(undefined, null, "x", -1, 0.5, [], {}, [null], true);

  it("is refused whatever is wrong with it, and nothing is thrown", () => {
    const play = new Play(3, POLICY);
    play.act({ do: "crash", pick: 0 });
    play.act({ do: "reload", canGoBack: true });
    const whole = recordApp(play.app, 0);
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(whole)), damage, (key, value) => {
        const restored = restoreApp(JSON.parse(JSON.stringify({ ...whole, [key]: value })), 0);
        // Some damage is another state: what it says can be acted upon.
        if (restored) play.successor(restored, 0).act({ do: "wait", ms: 1 });
      }),
      { numRuns: 500 },
    );
    for (const nothing of [undefined, null, 1, "", [], {}])
      expect(restoreApp(nothing, 0)).toBe(null);
    const [worker, ...others] = whole.workers;
    for (const key of Object.keys(worker ?? {})) {
      const workers = [{ ...worker, [key]: {} }, ...others];
      expect(restoreApp({ ...whole, workers }, 0)).toBe(null);
    }
  });
});
