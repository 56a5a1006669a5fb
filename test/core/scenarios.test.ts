/** Golden scenarios: the decisions of an app as text that reads like a story. A changed story is reviewed as prose. */

import { describe, expect, it } from "vitest";
import { type App, type AppEvent, type AppPolicy, newApp, step } from "../../src/core/app.ts";
import type { Effect, Report } from "../../src/core/effects.ts";
import type { Worker } from "../../src/core/worker.ts";

const POLICY: AppPolicy = {
  readyTimeoutMs: 10_000,
  drainTimeoutMs: 30_000,
  minUptimeMs: 1000,
  backoffBaseMs: 100,
  backoffCapMs: 15_000,
  maxRestarts: 3,
  restartWindowMs: 60_000,
  restartDelayMs: 0,
  autorestart: true,
  stopExitCodes: [],
  strategy: "rolling",
  ready: "listen",
  handover: false,
};

/** Plays events against the core and writes down what it orders. */
class Story {
  readonly #lines: string[] = [];
  readonly #policy: AppPolicy;
  #app: App;
  #now = 0;

  constructor(size: number, policy: Partial<AppPolicy> = {}) {
    this.#policy = { ...POLICY, ...policy };
    this.#app = newApp(size);
    this.tell("start", { type: "start" });
  }

  tell(what: string, event: AppEvent): this {
    const { app, effects } = step(this.#app, event, { now: this.#now, random: 1 }, this.#policy);
    this.#app = app;
    this.#lines.push(`> ${what}`, ...effects.map((effect) => `    ${line(effect)}`));
    return this;
  }

  listens(...ids: number[]): this {
    for (const id of ids) this.tell(`w${id} listens`, { type: "worker-listening", worker: id });
    return this;
  }

  exits(id: number, code = 0): this {
    const exit = { code, signal: null, reason: code === 0 ? "clean" : "error" } as const;
    return this.tell(`w${id} exits with ${code}`, { type: "worker-exited", worker: id, exit });
  }

  waits(ms: number): this {
    this.#now += ms;
    return this.tell(`${ms} ms pass`, { type: "tick" });
  }

  text(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

const name = ({ id, slot, generation }: Worker): string => `w${id} slot=${slot} gen=${generation}`;

function line(effect: Effect): string {
  switch (effect.type) {
    case "assign":
      return `accept: ${effect.workers.map((id) => `w${id}`).join(" ") || "nobody"}`;
    case "report":
      return `report ${told(effect.report)}`;
    case "drain":
      return `drain ${name(effect.worker)} (${effect.reason})`;
    default:
      return `${effect.type} ${name(effect.worker)}`;
  }
}

function told(report: Report): string {
  switch (report.type) {
    case "worker-started":
      return `started w${report.worker.id}`;
    case "worker-ready":
      return `ready w${report.worker.id}`;
    case "worker-exited":
      return `exited w${report.worker.id} (${report.reason})`;
    case "slot-waiting":
    case "slot-failed":
      return `${report.type} slot=${report.slot} until ${report.history.retryAt}`;
    case "slot-recovered":
      return `slot-recovered slot=${report.slot}`;
    case "slot-done":
      return `slot-done slot=${report.slot}`;
    case "reload-progress":
      return `reload-progress ${report.renewed} of ${report.of}`;
    case "reload-failed":
      return `reload-failed gen=${report.reload.generation} ${report.reload.failure?.outcome} (${report.reload.failure?.cause})`;
    case "reload-started":
    case "reload-done":
      return `${report.type} gen=${report.reload.generation}`;
    case "app-scaled":
      return `app-scaled ${report.size}`;
    case "app-stopped":
      return "app-stopped";
  }
}

const reload = (canGoBack: boolean): AppEvent => ({ type: "reload", canGoBack });
const running = (size: number, policy?: Partial<AppPolicy>): Story =>
  new Story(size, policy)
    .listens(...Array.from({ length: size }, (_, slot) => slot + 1))
    .waits(1000);

describe("scenarios", () => {
  const stories: Record<string, () => Story> = {
    "reload-succeeds": () =>
      running(2)
        .tell("reload", reload(true))
        .listens(3)
        .waits(1000)
        .exits(1)
        .listens(4)
        .waits(1000)
        .exits(2),
    "reload-canary-fails": () => running(2).tell("reload", reload(false)).listens(3).exits(3, 1),
    "reload-rolls-back": () =>
      running(2)
        .tell("reload", reload(true))
        .listens(3)
        .waits(1000)
        .exits(1)
        .exits(4, 1)
        .listens(5)
        .waits(1000)
        .exits(3),
    "reload-in-place-stays-mixed": () =>
      running(2).tell("reload", reload(false)).listens(3).waits(1000).exits(1).exits(4, 1),
    "reload-all-at-once": () =>
      running(2, { strategy: "all-at-once" })
        .tell("reload", reload(true))
        .listens(3)
        .waits(600)
        .listens(4)
        .waits(400)
        .waits(600)
        .exits(1)
        .exits(2),
    "reload-coalesces": () =>
      running(1)
        .tell("reload", reload(true))
        .tell("reload", reload(true))
        .tell("reload", reload(true))
        .listens(2)
        .waits(1000)
        .exits(1)
        .listens(3)
        .waits(1000)
        .exits(2),
    "hand-over": () =>
      running(1, { handover: true })
        .tell("reload", reload(true))
        .listens(2)
        .waits(1000)
        .tell("w1 has released its consumers", { type: "worker-released", worker: 1 })
        .exits(1),
    "crash-loop": () =>
      running(2)
        .exits(1, 1)
        .exits(3, 1)
        .waits(100)
        .exits(4, 1)
        .waits(200)
        .exits(5, 1)
        .waits(60_000)
        .listens(6)
        .waits(1000),
    "stop-during-reload": () =>
      running(2)
        .tell("reload", reload(true))
        .listens(3)
        .tell("stop", { type: "stop" })
        .exits(1)
        .exits(2)
        .tell("hurry", { type: "hurry", withinMs: 1000 })
        .waits(1000)
        .exits(3),
    "scale-and-restart": () =>
      running(1)
        .tell("scale to 2", { type: "scale", size: 2 })
        .listens(2)
        .tell("scale to 1", { type: "scale", size: 1 })
        .exits(2)
        .tell("restart", { type: "restart", slots: "all" })
        .exits(1)
        .listens(3),
    "jobs-that-are-done": () =>
      new Story(2, { stopExitCodes: [3] })
        .exits(1, 3)
        .exits(2, 1)
        .waits(100)
        .exits(3, 3)
        .tell("reload", reload(true))
        .exits(4, 3)
        .exits(5, 3),
    "never-restarted": () =>
      new Story(2, { autorestart: false }).exits(1, 0).exits(2, 1).waits(60_000),
    "unwell-worker-is-replaced": () =>
      running(2)
        .tell("w1 is unwell", { type: "worker-unwell", worker: 1, reason: "memory_limit" })
        .exits(3, 1)
        .waits(100)
        .listens(4)
        .waits(1000)
        .exits(1),
    "hung-worker-is-killed-after-its-successor-is-ready": () =>
      running(2)
        .tell("w1 hangs", { type: "worker-hung", worker: 1, hung: true })
        .listens(3)
        .exits(1, 137),
    "hung-worker-that-recovers-may-finish": () =>
      running(2)
        .tell("w1 hangs", { type: "worker-hung", worker: 1, hung: true })
        .tell("w1 turns again", { type: "worker-hung", worker: 1, hung: false })
        .listens(3)
        .waits(1000)
        .exits(1),
    "worker-above-its-hard-limit-is-killed-at-once": () =>
      running(2)
        .tell("w1 is over its limit", { type: "worker-over-limit", worker: 1 })
        .exits(1, 137),
    "restart-delay": () => running(1, { restartDelayMs: 5000 }).exits(1, 0).waits(4999).waits(1),
    "start-without-listening": () => new Story(1).waits(999).waits(1).waits(1000),
    "never-listens-again": () => running(1).tell("reload", reload(true)).waits(10_000).exits(2, 0),
  };
  for (const [title, story] of Object.entries(stories)) {
    it(title.replaceAll("-", " "), async () => {
      await expect(story().text()).toMatchFileSnapshot(`./scenarios/${title}.txt`);
    });
  }
});
