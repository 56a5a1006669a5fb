/** The number of workers follows the load, on real workers: up under it, down after it, no request lost. */

import type { SupervisorEvents } from "holdfast";
import { describe, expect, it } from "vitest";
import { Autoscale } from "../../src/supervisor/autoscale.ts";
import { Pulse } from "../../src/supervisor/pulse.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { until } from "../support/until.ts";
import { embed, puppet } from "./embedded.ts";

type Scaled = SupervisorEvents["app:autoscaled"][0];

/** Windows as short as beats allow, which come once a second, and a target that a busy machine reaches. */
const QUICK = { min: 1, max: 3, target: 0.4, upAfter: 300, downAfter: 1500 };

async function scaled(instances: object) {
  const app = await puppet({ instances: instances as never });
  const { supervisor, events } = embed(app);
  const steps: Scaled[] = [];
  supervisor.on("app:autoscaled", (step) => steps.push(step));
  await supervisor.start();
  const status = () => {
    const [found] = supervisor.status();
    if (!found) throw new Error("no app");
    return found;
  };
  const ready = (count: number, timeoutMs = 30_000): Promise<boolean> =>
    until(() => status().instances === count && status().workers.length === count, {
      what: `${count} workers, there are ${status().workers.length}`,
      timeoutMs,
    });
  return { app, supervisor, events, steps, status, ready };
}

describe("an app with a range of instances", () => {
  it("starts with the least, gets more under load, and loses no request when the load is over", async () => {
    const { app, steps, status, ready, events } = await scaled(QUICK);
    expect(status()).toMatchObject({ instances: 1, ready: 1, range: { min: 1, max: 3 } });
    const { port } = app;
    // Who is there all the time sees workers come and go.
    const visitors = [
      startKeepAliveLoad({ port, clients: 4, thinkMs: 200, name: "keep-alive" }),
      startFreshLoad({ port, clients: 2, thinkMs: 200, name: "fresh" }),
    ];
    const burning = startFreshLoad({ port, clients: 8, path: "/block?ms=20", name: "burning" });
    await ready(3);
    const up = steps.length;
    expectClean(await burning.stop(), { minOk: 10 });
    await ready(1);
    for (const load of visitors) expectClean(await load.stop(), { minOk: 20 });
    expect(steps[up - 1]).toMatchObject({ to: 3 });
    expect(steps.at(-1)).toMatchObject({ to: 1 });
    for (const { from, to } of steps)
      expect(to < from ? from - to : to / from).toBeLessThanOrEqual(to < from ? 1 : 2);
    const down = steps.filter(({ from, to }) => to === from - 1);
    expect(down.length).toBeGreaterThanOrEqual(2);
    expect(steps[0]).toMatchObject({
      app: "puppet",
      why: expect.stringMatching(/^its event loops are \d+ % busy, and 40 % is aimed at$/),
    });
    const drained = events.filter((event) => event.startsWith("worker:drain"));
    expect(drained).toHaveLength(down.length);
    expect(events).not.toContain("worker:exit 0/1");
  }, 90_000);

  it("keeps its size over a reload, a stop and a start", async () => {
    const { supervisor, status, ready } = await scaled({ ...QUICK, downAfter: "1m" });
    await supervisor.scale({ ...QUICK, min: 2, downAfter: "1m" });
    expect(status()).toMatchObject({ instances: 2, range: { min: 2, max: 3 } });
    await supervisor.scale({ ...QUICK, downAfter: "1m" });
    expect(status()).toMatchObject({ instances: 2, range: { min: 1, max: 3 } });
    await supervisor.reload();
    await ready(2);
    await supervisor.stop();
    await supervisor.start();
    await ready(2);
  });

  it("follows the load no more once it is scaled to a number, and again once it is scaled to a range", async () => {
    const [fixed, other] = [await scaled(QUICK), await scaled(QUICK)];
    await fixed.supervisor.scale(2);
    expect(fixed.status()).toMatchObject({ instances: 2, range: null });
    const load = [fixed, other].map(({ app }) =>
      startFreshLoad({ port: app.port, clients: 6, path: "/block?ms=20" }),
    );
    // What makes the other one act has been there for this one, too.
    await other.ready(3);
    expect(fixed.steps).toEqual([]);
    await fixed.supervisor.scale("1..2");
    await fixed.supervisor.scale(QUICK);
    expect(fixed.status()).toMatchObject({ instances: 2, range: { min: 1, max: 3 } });
    await fixed.ready(3);
    for (const each of load) expectClean(await each.stop(), { minOk: 10 });
  }, 90_000);

  it.each([
    [{ min: 3, max: 2 }, "instances"],
    [{ min: "some" }, "instances.min"],
  ])("refuses %j", async (range, path) => {
    const { supervisor } = await scaled(QUICK);
    await expect(supervisor.scale(range as never)).rejects.toMatchObject({
      code: "HF_CONFIG_INVALID",
      message: expect.stringContaining(`${path}: received`),
    });
  });
});

describe("the autoscaler where memory is short", () => {
  it("does not add what does not fit, says so once, and adds it when it fits", async () => {
    const told: string[] = [];
    const policy = { min: 1, max: 8, target: 0.5, upAfterMs: 100, downAfterMs: 60_000 };
    let [size, room] = [2, 0];
    const autoscale = new Autoscale(
      {
        policy: () => policy,
        scene: () => ({ size, workers: [1, 2], held: false }),
        affordable: (now, wanted) => Math.min(wanted, now + room),
        scale: (from, to) => {
          told.push(`${from} -> ${to}`);
          size = to;
        },
        lacksMemory: (now, wanted) => told.push(`still ${now} of ${wanted}`),
      },
      new Pulse(),
    );
    autoscale.arm();
    let looks = 0;
    const beat = (): number => {
      looks += 1;
      for (const worker of [1, 2]) autoscale.heard(worker, { active: looks * 1000, idle: 0 });
      return looks;
    };
    try {
      await until(() => beat() && told.length > 0, { what: "the refusal" });
      const refusedAt = looks;
      await until(() => beat() > refusedAt + 30, { what: "more samples" });
      expect(told).toEqual(["still 2 of 4"]);
      room = 1;
      await until(() => beat() && told.length > 1, { what: "one more worker" });
      expect(told).toEqual(["still 2 of 4", "2 -> 3"]);
    } finally {
      autoscale.disarm();
    }
  });
});
