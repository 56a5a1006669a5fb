/** An app at play: random acts against the real step function, and what an operating system would make of its effects. */

import fc from "fast-check";
import { expect } from "vitest";
import {
  type App,
  type AppEvent,
  type AppPolicy,
  newApp,
  nextDeadline,
  step,
} from "../../src/core/app.ts";
import type { Effect } from "../../src/core/effects.ts";
import { isHolding } from "../../src/core/worker.ts";

export const POLICY: AppPolicy = {
  readyTimeoutMs: 1000,
  drainTimeoutMs: 3000,
  minUptimeMs: 500,
  backoffBaseMs: 100,
  backoffCapMs: 1500,
  maxRestarts: 5,
  restartWindowMs: 10_000,
  restartDelayMs: 0,
  autorestart: true,
  stopExitCodes: [],
  strategy: "rolling",
  ready: "listen",
  handover: false,
};

export type Act =
  | {
      do: "ready" | "crash" | "disconnect" | "exit-leaving" | "unwell" | "hang" | "recover";
      pick: number;
    }
  | { do: "reload"; canGoBack: boolean }
  | { do: "scale"; size: number }
  | { do: "restart" }
  | { do: "wait"; ms: number };

export const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("ready" as const), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), pick: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("disconnect" as const), pick: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unwell" as const), pick: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("hang" as const), pick: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("recover" as const), pick: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("exit-leaving" as const), pick: fc.nat(20) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("reload" as const), canGoBack: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("scale" as const),
      size: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.integer({ min: 1, max: 1200 }),
    }),
  },
);

/** Plays acts against the real step function and mirrors its effects like an operating system would. */
export class Play {
  app: App;
  now = 0;
  readonly policy: AppPolicy;
  readonly alive = new Set<number>();
  readonly effects: Effect[] = [];
  readonly check: (before: App, after: App, event: AppEvent, effects: readonly Effect[]) => void;

  constructor(size: number, policy: AppPolicy, check: Play["check"] = () => {}) {
    this.app = newApp(size);
    this.policy = policy;
    this.check = check;
    this.tell({ type: "start" });
  }

  /** The same world under one who has restored `app`, and whose clock is `ahead` of this one's. */
  successor(app: App, ahead: number): Play {
    const next = new Play(0, this.policy);
    next.app = app;
    next.now = this.now + ahead;
    next.effects.length = 0;
    next.alive.clear();
    for (const { id } of app.workers) next.alive.add(id);
    return next;
  }

  tell(event: AppEvent): void {
    const before = this.app;
    const { app, effects } = step(before, event, { now: this.now, random: 0.5 }, this.policy);
    this.app = app;
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.type === "spawn") {
        expect(this.alive.has(effect.worker.id)).toBe(false);
        this.alive.add(effect.worker.id);
      }
      if (effect.type === "drain" || effect.type === "kill")
        expect(this.alive.has(effect.worker.id)).toBe(true);
      if (effect.type === "report" && effect.report.type === "worker-exited") {
        expect(this.alive.delete(effect.report.worker.id)).toBe(true);
      }
    }
    expect([...this.alive].sort()).toEqual(app.workers.map((worker) => worker.id).sort());
    this.check(before, app, event, effects);
  }

  exit(id: number): void {
    this.tell({
      type: "worker-exited",
      worker: id,
      exit: { code: 1, signal: null, reason: "error" },
    });
  }

  act(act: Act): void {
    if (act.do === "ready") {
      this.pick("starting", act.pick, (id) => this.tell({ type: "worker-listening", worker: id }));
    } else if (act.do === "crash") this.pick("holding", act.pick, (id) => this.exit(id));
    else if (act.do === "disconnect") {
      this.pick("holding", act.pick, (id) =>
        this.tell({ type: "worker-disconnected", worker: id }),
      );
    } else if (act.do === "unwell") {
      this.pick("ready", act.pick, (id) =>
        this.tell({ type: "worker-unwell", worker: id, reason: "memory_limit" }),
      );
    } else if (act.do === "hang" || act.do === "recover") {
      const hung = act.do === "hang";
      this.pick("ready", act.pick, (id) => this.tell({ type: "worker-hung", worker: id, hung }));
    } else if (act.do === "exit-leaving") this.pick("leaving", act.pick, (id) => this.exit(id));
    else if (act.do === "reload") this.tell({ type: "reload", canGoBack: act.canGoBack });
    else if (act.do === "scale") this.tell({ type: "scale", size: act.size });
    else if (act.do === "restart") this.tell({ type: "restart", slots: "all" });
    else if (act.do === "wait") {
      this.now += act.ms;
      this.tell({ type: "tick" });
    }
  }

  private pick(
    kind: "starting" | "ready" | "holding" | "leaving",
    pick: number,
    run: (id: number) => void,
  ): void {
    const found = this.app.workers.filter((worker) =>
      kind === "starting" || kind === "ready"
        ? worker.phase === kind
        : kind === "holding"
          ? isHolding(worker)
          : !isHolding(worker),
    );
    const worker = found[pick % Math.max(1, found.length)];
    if (worker) run(worker.id);
  }

  /** Everything that starts becomes ready, everything asked to go goes, until nothing moves. */
  calm(): void {
    for (let round = 0; round < 400; round++) {
      const starting = this.app.workers.find((worker) => worker.phase === "starting");
      const leaving = this.app.workers.find((worker) => !isHolding(worker));
      if (starting) this.tell({ type: "worker-listening", worker: starting.id });
      else if (leaving) this.exit(leaving.id);
      else {
        const next = nextDeadline(this.app, this.now);
        if (next === Number.POSITIVE_INFINITY) return;
        this.now = Math.max(this.now, next);
        this.tell({ type: "tick" });
      }
    }
    throw new Error(`never calm: ${JSON.stringify(this.app, null, 1)}`);
  }
}

/** How many slots, by which strategy, and what happens. */
export const history = fc.tuple(
  fc.integer({ min: 1, max: 4 }),
  fc.constantFrom("rolling" as const, "all-at-once" as const),
  fc.array(acts, { maxLength: 60 }),
);
