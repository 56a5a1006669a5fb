/** What is asked of one app while something else is under way. */

import { describe, expect, it } from "vitest";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad } from "../support/load.ts";
import { embed, puppet } from "./embedded.ts";

/** How a call ended: its value, or the code of its error. */
function ending(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: { code?: string }) => error.code ?? String(error));
}

describe("calls that overlap", () => {
  it("reloads coalesce: three at once are two new generations, and all three know theirs", async () => {
    const app = await puppet();
    const { supervisor, events } = embed(app);
    await supervisor.start();
    const load = startFreshLoad({ port: app.port, clients: 2 });
    const calls = [supervisor.reload(), supervisor.reload(), supervisor.reload()];
    expect(await Promise.all(calls)).toEqual([2, 3, 3]);
    expect(events.filter((event) => event.startsWith("reload:start"))).toHaveLength(2);
    expect(supervisor.status()[0]).toMatchObject({ generation: 3, ready: 2, reloading: false });
    expectClean(await load.stop(), { minOk: 50 });
    await supervisor.stop();
  });

  it("a scaling during a reload, and the other way round, both arrive", async () => {
    const app = await puppet();
    const { supervisor, seen } = embed(app);
    await supervisor.start();
    const load = startFreshLoad({ port: app.port, clients: 2 });
    const up = [supervisor.reload(), supervisor.scale(4)];
    expect(await Promise.all(up)).toEqual([2, undefined]);
    const workers = () => supervisor.status()[0]?.workers.map((w) => `${w.slot}/${w.generation}`);
    expect(workers()?.sort()).toEqual(["0/2", "1/2", "2/2", "3/2"]);

    const reload = supervisor.reload();
    await seen("worker:ready 0/3");
    await supervisor.scale(2);
    expect(await reload).toBe(3);
    expect(workers()?.sort()).toEqual(["0/3", "1/3"]);
    expectClean(await load.stop(), { minOk: 50 });
    await supervisor.stop();
  });

  it("a reload asked for during a stop is refused; a stop during a reload ends both", async () => {
    const { supervisor, seen, events } = embed(await puppet());
    await supervisor.start();
    const running = ending(supervisor.reload());
    const queued = ending(supervisor.reload());
    await seen("worker:start 0/2");
    const stopped = supervisor.stop();
    expect(await ending(supervisor.reload())).toBe("HF_NOT_RUNNING");
    expect(await ending(supervisor.scale(3))).toBe("HF_NOT_RUNNING");
    expect([await running, await queued]).toEqual(["HF_RELOAD_FAILED", "HF_RELOAD_FAILED"]);
    await stopped;
    expect(events.at(-1)).toBe("app:stopped");
    expect(supervisor.status()[0]).toMatchObject({ status: "stopped", workers: [] });
  });

  it("a restart during a reload replaces everything; the calls of that one and of the one queued are told", async () => {
    const { supervisor, seen } = embed(await puppet());
    await supervisor.start();
    const failure = (reload: Promise<number>) => reload.catch((error: unknown) => error);
    const [running, queued] = [failure(supervisor.reload()), failure(supervisor.reload())];
    await seen("worker:ready 0/2");
    await supervisor.restart();
    const superseded = expect.objectContaining({
      code: "HF_RELOAD_FAILED",
      message: expect.stringContaining("superseded by a restart"),
    });
    expect([await running, await queued]).toEqual([superseded, superseded]);
    const [app] = supervisor.status();
    expect(app).toMatchObject({ generation: 3, ready: 2, reloading: false, mixed: false });
    expect(app?.workers.map(({ generation }) => generation)).toEqual([3, 3]);
    await supervisor.stop();
  });

  it("a reload of an app that boots longer than minUptime, before its first workers listen", async () => {
    const { supervisor, events, seen } = embed(await puppet({ env: { PUPPET_BOOT_MS: "500" } }));
    const started = ending(supervisor.start());
    await seen("worker:ready 1/1");
    // Slot 1 of the old generation says that it listens while its successor is starting.
    expect(await ending(supervisor.reload())).toBe(2);
    expect(events.filter((event) => event === "worker:start 1/2")).toHaveLength(1);
    expect(await started).toBeUndefined();
    await supervisor.stop();
  });

  it("a stop during a start rejects the start", async () => {
    const { supervisor } = embed(await puppet({ env: { PUPPET_BOOT_MS: "3000" } }));
    const started = ending(supervisor.start());
    await supervisor.stop();
    expect(await started).toBe("HF_NOT_RUNNING");
  });
});
