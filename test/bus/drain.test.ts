/** How a worker's bus leaves: what it takes, ends and may still do while its process drains. */

import { describe, expect, it } from "vitest";
import type { WorkerHooks } from "../../src/agent/hooks.ts";
import { createWorkerBus } from "../../src/bus/worker-bus.ts";
import { until } from "../support/until.ts";
import { atEnd, codeOf, deferred, type Served, serve } from "./served.ts";

/** A bus as a worker has it that is ready, and the drain of that worker. */
function worker({ bus }: Served) {
  const known = { app: "app", slot: 1, worker: 2, generation: 1 };
  const settings = bus.admit(known, { uid: null, gid: null });
  bus.hear("worker:ready", { ...known, pid: process.pid } as never);
  const draining = new AbortController();
  const hooks: [string, () => unknown][] = [];
  const own = createWorkerBus(() => {
    const agent = {
      bus: settings && { ...settings, worker: 2 },
      draining: draining.signal,
      onDrain: (stage: string, hook: () => unknown) => hooks.push([stage, hook]),
    };
    return agent as unknown as WorkerHooks;
  });
  atEnd(() => own.close({ timeout: 1 }));
  const drain = async (): Promise<void> => {
    draining.abort();
    await Promise.all(hooks.map(([, hook]) => hook()));
  };
  return { own, hooks, drain, draining };
}

describe("a worker that drains", () => {
  it("ends what it has, takes nothing more of what others could do, and goes on otherwise", async () => {
    const served = serve();
    const [{ own, hooks, drain }, client] = [worker(served), await served.client()];
    const [asked, queued, gate] = [deferred(), deferred(), deferred()];
    await own.reply("work", async () => {
      asked.resolve();
      await gate.promise;
      return "done";
    });
    const taken: unknown[] = [];
    const take = async (data: unknown): Promise<void> => {
      queued.resolve();
      await gate.promise;
      taken.push(data);
    };
    await own.subscribe("jobs", take, { queue: "q" });
    const heard: unknown[] = [];
    await own.subscribe("news", (data) => heard.push(data));
    expect(hooks.map(([stage]) => stage)).toEqual(["consumers"]);

    const asking = client.request("work", 1, { timeout: "1h" });
    await client.publish("jobs", 1);
    await Promise.all([asked.promise, queued.promise]);
    let isOver = false;
    const draining = drain().then(() => {
      isOver = true;
    });
    const isLeft = async (): Promise<boolean> =>
      (await codeOf(client.request("work"))) === "HF_BUS_NO_RESPONDERS";
    await until(isLeft, { what: "the worker to be asked no more" });
    await client.publish("jobs", 2, { confirm: true });
    await client.flush();
    expect(isOver).toBe(false);
    gate.resolve();
    expect(await asking).toBe("done");
    await draining;
    expect(taken).toEqual([1]);

    // Requests of other kinds, HTTP ones for example, are still under way and need it.
    await client.reply("price", () => 42);
    expect(await own.request("price")).toBe(42);
    await own.publish("news", "still");
    await until(() => heard.length === 1, { what: "news" });
  });

  it("ends also what it has of a reply that has been ended before", async () => {
    const served = serve();
    const [{ own, drain }, client] = [worker(served), await served.client()];
    const [asked, gate] = [deferred(), deferred()];
    const replying = await own.reply("work", async () => {
      asked.resolve();
      await gate.promise;
      return "done";
    });
    const asking = client.request("work", 1, { timeout: "1h" });
    await asked.promise;
    await replying.unsubscribe();
    let isOver = false;
    const draining = drain().then(() => {
      isOver = true;
    });
    // What it says while it leaves is answered before these are.
    for (let n = 0; n < 4; n++) await own.flush();
    expect(isOver).toBe(false);
    gate.resolve();
    expect(await asking).toBe("done");
    await draining;
  });

  it("takes nothing where its bus is used for the first time then", async () => {
    const served = serve();
    const [{ own, draining }, client] = [worker(served), await served.client()];
    draining.abort();
    await own.reply("work", () => 1);
    expect(await codeOf(client.request("work"))).toBe("HF_BUS_NO_RESPONDERS");
  });

  it("does not wait for a supervisor that is not there", async () => {
    const served = serve();
    const { own, drain } = worker(served);
    await own.reply("work", () => 1);
    await served.stop();
    await drain();
  });
});
