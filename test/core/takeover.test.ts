/** An app's state as the next supervisor takes it up. */

import { describe, expect, it } from "vitest";
import { type App, type AppPolicy, newApp, step } from "../../src/core/app.ts";
import { takenUp } from "../../src/core/takeover.ts";
import type { Worker } from "../../src/core/worker.ts";

const policy: AppPolicy = {
  ...{ readyTimeoutMs: 1000, drainTimeoutMs: 1000, minUptimeMs: 100 },
  ...{ backoffBaseMs: 100, backoffCapMs: 1000, maxRestarts: 3, restartWindowMs: 60_000 },
  ...{ restartDelayMs: 0, autorestart: true, stopExitCodes: [] },
  ...{ strategy: "rolling", ready: "listen", handover: false },
};
const unknown = { code: null, signal: null, reason: "unknown" } as const;

function at(app: App, now: number, ...events: Parameters<typeof step>[1][]): App {
  return events.reduce((told, event) => step(told, event, { now, random: 0 }, policy).app, app);
}

/** One worker, ready and settled, and a reload whose newcomer starts. */
function reloading(): App {
  const running = at(newApp(1), 0, { type: "start" }, { type: "worker-listening", worker: 1 });
  return at(at(running, 200, { type: "tick" }), 300, { type: "reload", canGoBack: false });
}

function worker(app: App, id: number): Worker | undefined {
  return app.workers.find((each) => each.id === id);
}

describe("an app that is taken up", () => {
  it("judges nobody at once by what passed while there was no supervisor", () => {
    const app = takenUp(reloading(), 50_000);
    expect(worker(app, 2)?.phase).toBe("starting");
    expect(worker(app, 2)?.deadline).toBeGreaterThan(50_000);
    expect(worker(app, 1)?.deadline).toBe(Number.POSITIVE_INFINITY);
    const ticked = at(app, 50_000, { type: "tick" });
    expect(ticked.workers.map(({ phase }) => phase)).toEqual(["ready", "starting"]);
    expect(worker(at(ticked, 60_000, { type: "tick" }), 2)?.phase).toBe("killing");
  });

  it("keeps deadlines that are still to come", () => {
    const before = reloading();
    expect(takenUp(before, 310).workers.map(({ deadline }) => deadline)).toEqual([
      Number.POSITIVE_INFINITY,
      2310,
    ]);
    expect(takenUp(before, -5000).workers).toEqual(before.workers);
  });

  it("starts anew who was lost on the way up, and blames neither the slot nor the reload", () => {
    const app = takenUp(reloading(), 50_000);
    const event = { type: "worker-exited", worker: 2, exit: unknown } as const;
    const blamed = at(app, 50_001, event);
    expect(blamed.reload?.failure ?? blamed.ended?.failure).not.toBeNull();
    const spared = at(app, 50_001, { ...event, isBlameless: true });
    expect(spared.reload).toMatchObject({ generation: 2, failure: null });
    expect(spared.workers.map(({ id, phase }) => [id, phase])).toEqual([
      [1, "ready"],
      [3, "starting"],
    ]);
    expect(spared.histories[0]?.crashes).toEqual([]);
  });
});
