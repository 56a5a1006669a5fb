/** The supervisor as a library, by the package's own name. */

import { createSupervisor, HoldfastError, type SupervisorEvents } from "holdfast";
import { describe, expect, it } from "vitest";
import { get, getJson, refusal } from "../agent/served.ts";
import { fixture } from "../support/holdfast.ts";
import { isAlive } from "../support/processes.ts";
import { embed, puppet } from "./embedded.ts";

/** The code of the HoldfastError a promise rejects with; "none" when it resolves. */
function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

/** True when the events came in this order, whatever came between them. */
function inOrder(events: readonly string[], ...expected: string[]): boolean {
  const rest = [...expected];
  for (const event of events) if (event === rest[0]) rest.shift();
  if (rest.length > 0) throw new Error(`no "${rest[0]}" in its place:\n${events.join("\n")}`);
  return true;
}

describe("createSupervisor", () => {
  it("starts, reloads, scales, restarts and stops, and tells each step in order", async () => {
    const app = await puppet();
    const { supervisor, events } = embed(app);
    const status = () => supervisor.status()[0];
    expect(status()).toMatchObject({ status: "idle", instances: 2, ready: 0, addresses: [] });

    await supervisor.start();
    expect(status()).toMatchObject({ status: "running", ready: 2, generation: 1 });
    expect(status()?.addresses).toEqual([`127.0.0.1:${app.port}`]);
    expect([...events].sort()).toEqual(
      ["ready", "start"].flatMap((what) => [`worker:${what} 0/1`, `worker:${what} 1/1`]),
    );
    expect(status()?.workers.map(({ pid }) => isAlive(pid ?? -1))).toEqual([true, true]);

    expect(await supervisor.reload()).toBe(2);
    inOrder(
      events,
      ...["reload:start 2", "worker:start 0/2", "worker:ready 0/2", "worker:drain 0/1"],
      ...["worker:ready 1/2", "worker:drain 1/1", "worker:exit 1/1"],
      "reload:done 2",
    );
    inOrder(events, "worker:drain 0/1", "worker:exit 0/1", "reload:done 2");
    expect(status()).toMatchObject({ ready: 2, generation: 2, reloading: false, mixed: false });

    await supervisor.scale(4);
    expect(status()).toMatchObject({ instances: 4, ready: 4 });
    inOrder(events, "app:scaled", "worker:start 3/2", "worker:ready 3/2");
    await supervisor.scale(1);
    expect(status()).toMatchObject({ instances: 1, ready: 1 });
    expect(status()?.workers.map(({ slot }) => slot)).toEqual([0]);

    const [before] = status()?.workers ?? [];
    await supervisor.restart();
    inOrder(events, "worker:drain 0/2", "worker:exit 0/2", "worker:start 0/3", "worker:ready 0/3");
    expect(isAlive(before?.pid ?? -1)).toBe(false);
    expect(status()?.workers[0]?.pid).not.toBe(before?.pid);
    expect((await getJson<{ slot: string }>({ port: app.port })).slot).toBe("0");

    await supervisor.stop();
    expect(events.at(-1)).toBe("app:stopped");
    expect(status()).toMatchObject({ status: "stopped", workers: [], addresses: [] });
    expect(await refusal({ port: app.port })).toBe("ECONNREFUSED");
    await supervisor.stop();
  });

  it("gives events their facts: reason, cause, last output, messages of the app", async () => {
    const app = await puppet({ instances: 1 });
    const { supervisor } = embed(app);
    const exit = new Promise<SupervisorEvents["worker:exit"][0]>((resolve) =>
      supervisor.once("worker:exit", resolve),
    );
    const message = new Promise<SupervisorEvents["worker:message"][0]>((resolve) =>
      supervisor.once("worker:message", resolve),
    );
    await supervisor.start();
    await getJson({ port: app.port }, "/ipc-flood?n=1");
    expect(await message).toMatchObject({ app: "puppet", slot: 0, message: { flood: 1 } });
    await get({ port: app.port }, "/throw").catch(() => "it died before it answered");
    const event = await exit;
    expect(event).toMatchObject({
      app: "puppet",
      slot: 0,
      generation: 1,
      reason: "uncaught",
      code: 1,
    });
    expect(event.cause).toMatch(/uncaught Error: puppet: told to throw/);
    expect(event.lastOutput.join("\n")).toMatch(/Error: puppet: told to throw\n/);
    await supervisor.stop();
  });

  it("ends the waiting with an AbortSignal, and the work goes on", async () => {
    const env = { PUPPET_BOOT_MS: "300", PUPPET_READY: "message" };
    const { supervisor, seen } = embed(await puppet({ env, ready: "message" }));
    const started = codeOf(supervisor.start({ signal: AbortSignal.timeout(50) }));
    expect(await started).toBe("HF_ABORTED");
    await Promise.all([seen("worker:ready 0/1"), seen("worker:ready 1/1")]);

    const aborted = AbortSignal.abort();
    expect(await codeOf(supervisor.reload({ signal: aborted }))).toBe("HF_ABORTED");
    await seen("reload:done 2");
    expect(supervisor.status()[0]).toMatchObject({ generation: 2, ready: 2 });
    expect(await codeOf(supervisor.stop({ signal: AbortSignal.timeout(0) }))).toBe("HF_ABORTED");
    await seen("app:stopped");
  });

  it("runs two apps that know nothing of each other", async () => {
    const [one, two] = [await puppet({ name: "one" }), await puppet({ name: "two", instances: 1 })];
    const { supervisor } = embed(one, two);
    await supervisor.start();
    expect(await codeOf(supervisor.reload())).toBe("HF_NO_SUCH_APP");
    expect(await codeOf(supervisor.scale(2, { app: "three" }))).toBe("HF_NO_SUCH_APP");
    const pids = () => supervisor.status().map((app) => app.workers.map(({ pid }) => pid));
    const [, before] = pids();
    expect(await supervisor.reload({ app: "one" })).toBe(2);
    expect(supervisor.status().map(({ generation }) => generation)).toEqual([2, 1]);
    expect(pids()[1]).toEqual(before);
    const ids = supervisor.status().flatMap((app) => app.workers.map(({ id }) => id));
    expect(new Set(ids).size).toBe(3);
    for (const { port } of [one, two]) expect(await refusal({ port })).toBe("served");
    await supervisor.stop();
  });

  it("refuses what cannot be, each with its code", async () => {
    const { supervisor } = embed(await puppet());
    for (const call of [supervisor.reload(), supervisor.restart(), supervisor.scale(3)])
      expect(await codeOf(call)).toBe("HF_NOT_RUNNING");
    await supervisor.stop();
    expect(() => createSupervisor({ script: "x", instances: "many" as never })).toThrow(
      expect.objectContaining({ code: "HF_CONFIG_INVALID" }),
    );
    const missing = createSupervisor({ script: fixture("apps/not-there.mjs") });
    expect(await codeOf(missing.start())).toBe("HF_SCRIPT_NOT_FOUND");
    await missing.stop();
  });

  it("starts again what was stopped, as often as wanted", async () => {
    const app = await puppet();
    const { supervisor } = embed(app);
    for (let time = 0; time < 3; time += 1) {
      await supervisor.start();
      expect(await refusal({ port: app.port })).toBe("served");
      await supervisor.stop();
      expect(supervisor.status()[0]).toMatchObject({ status: "stopped", ready: 0 });
      expect(await refusal({ port: app.port })).not.toBe("served");
    }
  });

  it("rejects a start when every slot has given up, with the last output, and keeps trying", async () => {
    const failing = { env: { PUPPET_FAIL: "throw" }, maxRestarts: 1, backoffBase: 10 };
    // Longer than a busy machine takes to get to the throw: what lives for so long without listening is ready.
    const app = await puppet({ ...failing, minUptime: "20s" });
    const { supervisor, events } = embed(app);
    const error = await supervisor.start().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "HF_START_FAILED", exitStatus: 1 });
    expect((error as Error).message).toMatch(/Error: puppet: told to throw at import/);
    expect(supervisor.status()[0]?.slots.map(({ state }) => state)).toEqual(["failed", "failed"]);
    expect(supervisor.status()[0]?.slots[0]?.retryInMs).toBeGreaterThan(1000);
    inOrder(events, "worker:exit 0/1", "slot:waiting 0", "worker:exit 0/1", "slot:failed 0");
    await supervisor.stop();
  });

  it("is disposed of by `await using`", async () => {
    const app = await puppet();
    const { supervisor } = embed(app);
    await supervisor.start();
    const pids = supervisor.status()[0]?.workers.map(({ pid }) => pid ?? -1) ?? [];
    await supervisor[Symbol.asyncDispose]();
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(await refusal({ port: app.port })).toBe("ECONNREFUSED");
  });

  it("does what it is about although a listener throws, whose fault comes as an uncaught exception", async () => {
    const app = await puppet();
    const { supervisor } = embed(app);
    supervisor.once("worker:ready", () => {
      throw new Error("a listener's own");
    });
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
    try {
      await supervisor.start();
      expect(await thrown).toMatchObject({ message: "a listener's own" });
    } finally {
      for (const other of others) process.on("uncaughtException", other);
    }
    expect(supervisor.status()[0]).toMatchObject({ ready: 2 });
    await supervisor.stop();
    expect(await refusal({ port: app.port })).toBe("ECONNREFUSED");
  });
});
