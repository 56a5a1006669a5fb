import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type App, nextDeadline } from "../../src/core/app.ts";
import { isHolding } from "../../src/core/worker.ts";
import { history, Play, POLICY } from "./play.ts";

const ready = (app: App): number => app.workers.filter((worker) => worker.phase === "ready").length;

describe("step, over random histories", () => {
  it("mirrors its effects, keeps every waiting phase bounded, and ends calm with every slot served", () => {
    fc.assert(
      fc.property(history, ([size, strategy, list]) => {
        const play = new Play(size, { ...POLICY, strategy }, (_before, after) => {
          for (const worker of after.workers) {
            const waits = worker.phase === "starting" || worker.phase === "draining";
            if (waits) expect(worker.deadline).toBeLessThan(Number.POSITIVE_INFINITY);
          }
        });
        for (const act of list) play.act(act);
        play.calm();
        expect(play.app.reload).toBeNull();
        for (let slot = 0; slot < play.app.size; slot++) {
          const serving = play.app.workers.filter((worker) => worker.slot === slot);
          expect(serving.map((worker) => worker.phase)).toEqual(["ready"]);
          expect(serving[0]?.unwell).toBeNull();
          if (!play.app.mixed) expect(serving[0]?.generation).toBe(play.app.target);
        }
        expect(play.app.workers).toHaveLength(play.app.size);
      }),
      { numRuns: 3000 },
    );
  });

  it("never takes a ready worker out of a slot that no other ready worker serves, but on request", () => {
    fc.assert(
      fc.property(history, ([size, strategy, list]) => {
        const play = new Play(size, { ...POLICY, strategy }, (before, after) => {
          for (const worker of before.workers) {
            if (worker.phase !== "ready") continue;
            const is = after.workers.find((candidate) => candidate.id === worker.id);
            if (is?.phase !== "draining") continue;
            if (is.leaving !== "reload" && is.leaving !== "memory_limit") continue;
            const heir = after.workers.some(
              (other) => other.slot === worker.slot && other.phase === "ready" && other.settled,
            );
            expect(heir).toBe(true);
          }
        });
        for (const act of list) play.act(act);
      }),
      { numRuns: 3000 },
    );
  });

  it("keeps at least as many workers ready during a reload as before it", () => {
    const gentle = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant("ready" as const), pick: fc.nat(9) }),
        fc.record({ do: fc.constant("exit-leaving" as const), pick: fc.nat(9) }),
        fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 700 }) }),
        fc.record({ do: fc.constant("reload" as const), canGoBack: fc.boolean() }),
      ),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom("rolling" as const, "all-at-once" as const),
        gentle,
        (size, strategy, list) => {
          const play = new Play(size, { ...POLICY, strategy }, (before, after) => {
            if (ready(before) >= size) expect(ready(after)).toBeGreaterThanOrEqual(size);
          });
          play.calm();
          play.act({ do: "reload", canGoBack: true });
          for (const act of list) play.act(act);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("bounds the restarts of a slot in any window, whatever dies and for as long as it dies", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 900 }), fc.boolean()), {
          minLength: 50,
          maxLength: 150,
        }),
        (lives) => {
          const play = new Play(1, POLICY);
          const crashes: number[] = [];
          for (const [ms, getsReady] of lives) {
            while (!play.app.workers.some(isHolding)) {
              play.now = nextDeadline(play.app, play.now);
              play.tell({ type: "tick" });
            }
            const id = play.app.workers[0]?.id ?? 0;
            if (getsReady) play.tell({ type: "worker-ready", worker: id });
            play.act({ do: "wait", ms });
            if (!play.alive.has(id)) continue;
            crashes.push(play.now);
            play.exit(id);
          }
          for (const from of crashes) {
            const within = crashes.filter((at) => at >= from && at < from + POLICY.restartWindowMs);
            expect(within.length).toBeLessThanOrEqual(POLICY.maxRestarts + 2);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("always stops: draining ends at a deadline, and nothing is started again", () => {
    fc.assert(
      fc.property(history, ([size, strategy, list]) => {
        const play = new Play(size, { ...POLICY, strategy });
        for (const act of list) play.act(act);
        play.tell({ type: "stop" });
        const spawned = play.effects.filter((effect) => effect.type === "spawn").length;
        for (let round = 0; round < 100 && play.app.status !== "stopped"; round++) {
          for (const worker of play.app.workers)
            if (worker.phase === "killing") play.exit(worker.id);
          play.now += 500;
          play.tell({ type: "tick" });
        }
        expect(play.app.status).toBe("stopped");
        expect(play.effects.filter((effect) => effect.type === "spawn")).toHaveLength(spawned);
      }),
      { numRuns: 500 },
    );
  });
});
