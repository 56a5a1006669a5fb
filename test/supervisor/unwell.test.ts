/** Workers that are replaced for failing their probe, for their memory, their age or their requests. */

import type { Supervisor, SupervisorEvents } from "holdfast";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { embed, puppet } from "./embedded.ts";

type Options = Parameters<typeof puppet>[0];

const HEALTH = { path: "/healthz", interval: 100, timeout: 300, failures: 2 };

async function unwell(options: Options = {}) {
  const app = await puppet({ script: fixture("apps/unwell.mjs"), ...options });
  const { supervisor, events } = embed(app);
  const ask = (path: string) =>
    fetch(`http://127.0.0.1:${app.port}${path}`, { headers: { connection: "close" } });
  return { app, supervisor, events, ask };
}

function heard<Name extends keyof SupervisorEvents>(supervisor: Supervisor, name: Name) {
  const events: SupervisorEvents[Name][0][] = [];
  supervisor.on(name as never, ((event: SupervisorEvents[Name][0]) => events.push(event)) as never);
  return events;
}

/** Asks until the worker of the slot has heard it. */
async function tell(ask: (path: string) => Promise<Response>, path: string): Promise<void> {
  await until(async () => ((await (await ask(path)).json()) as { isMeant: boolean }).isMeant, {
    what: `${path} to reach its slot`,
  });
}

describe("a health probe", () => {
  it("of HTTP: who fails it several times in a row is replaced, its successor first", async () => {
    const { supervisor, events, ask } = await unwell({ health: HEALTH });
    const faults = heard(supervisor, "worker:unhealthy");
    const fired = heard(supervisor, "trigger:fired");
    const exits = heard(supervisor, "worker:exit");
    await supervisor.start();
    await tell(ask, "/become?health=sick&slot=1");
    await until(() => exits.length > 0, { what: "the end of the sick one" });
    expect(faults).toEqual([expect.objectContaining({ slot: 1, fault: "/healthz answered 500" })]);
    expect(fired).toEqual([expect.objectContaining({ trigger: "health", worker: 2 })]);
    expect(exits[0]).toMatchObject({ reason: "unhealthy", slot: 1 });
    const successor = events.lastIndexOf("worker:ready 1/1");
    expect(events.indexOf("worker:drain 1/1")).toBeGreaterThan(successor);
    expect(events.filter((event) => event.startsWith("worker:exit 0"))).toEqual([]);
  });

  it("that hangs is a fault after its timeout, and one that succeeds again is told", async () => {
    // Alone, so that every worker is unhealthy: only one is replaced in a minute.
    const { supervisor, ask } = await unwell({ health: HEALTH, instances: 1 });
    const faults = heard(supervisor, "worker:unhealthy");
    const recovered = heard(supervisor, "worker:recovered");
    await supervisor.start();
    await tell(ask, "/become?health=silent");
    await until(() => faults.length > 0, { what: "the fault" });
    expect(faults[0]?.fault).toBe("/healthz failed: no answer within 300 ms");
    await until(() => supervisor.status()[0]?.workers.some(({ id }) => id === 2), {
      what: "the replacement",
    });
    await until(() => supervisor.status()[0]?.workers.every(({ id }) => id === 2), {
      what: "the end of the first",
    });
    await tell(ask, "/become?health=sick");
    await until(() => faults.length > 1, { what: "the second fault" });
    await tell(ask, "/become?health=well");
    await until(() => recovered.length > 0, { what: "the recovery" });
    expect(recovered[0]).toMatchObject({ worker: 2, from: "unhealthy" });
    expect(supervisor.status()[0]?.workers.map(({ id }) => id)).toEqual([2]);
  });

  it("when all fail it, one is replaced and the others serve on", async () => {
    const { supervisor, ask } = await unwell({
      health: HEALTH,
      instances: 3,
      env: { HEALTH: "sick" },
    });
    const faults = heard(supervisor, "worker:unhealthy");
    const fired = heard(supervisor, "trigger:fired");
    await supervisor.start();
    await until(() => faults.length >= 4, { what: "all, and the successor, to be unhealthy" });
    await until(() => supervisor.status()[0]?.workers.length === 3, { what: "the end of one" });
    // Every second looks again; that none goes needs looking for longer than that.
    const before = supervisor.status()[0]?.workers.map(({ id }) => id);
    const since = performance.now();
    await until(async () => (await ask("/")).ok && performance.now() - since > 2500, {
      what: "two more looks",
    });
    expect(fired).toHaveLength(1);
    expect(supervisor.status()[0]?.workers.map(({ id }) => id)).toEqual(before);
  });

  it.each([
    ["throws", "the health check failed: the database is gone"],
    ["false", "the health check returned false"],
    ["pending", "the health check did not answer within 300 ms"],
  ])("of the app's own function: %s", async (health, fault) => {
    const { path: _path, ...rest } = HEALTH;
    const { supervisor, ask } = await unwell({
      health: { ...rest, failures: 1 },
      env: { CHECK: "1" },
    });
    const faults = heard(supervisor, "worker:unhealthy");
    const exits = heard(supervisor, "worker:exit");
    await supervisor.start();
    await tell(ask, `/become?health=${health}&slot=0`);
    await until(() => exits.length > 0, { what: "the end of the sick one" });
    expect(faults[0]).toMatchObject({ slot: 0, fault });
    expect(exits[0]).toMatchObject({ reason: "unhealthy", slot: 0 });
  });
});

describe("limits", () => {
  it("maxLifetime: every worker is replaced in its time, one at a time", async () => {
    const { supervisor, events } = await unwell({ maxLifetime: "2s", instances: 3 });
    const exits = heard(supervisor, "worker:exit");
    let most = 0;
    supervisor.on("worker:drain", () => {
      const leaving = supervisor.status()[0]?.workers.filter(({ phase }) => phase === "draining");
      most = Math.max(most, leaving?.length ?? 0);
    });
    await supervisor.start();
    await until(() => exits.length >= 3, { what: "three ends", timeoutMs: 20_000 });
    expect(exits.slice(0, 3).map(({ reason }) => reason)).toEqual(Array(3).fill("max_lifetime"));
    expect(new Set(exits.slice(0, 3).map(({ slot }) => slot)).size).toBe(3);
    expect(most).toBe(1);
    expect(events).not.toContain("reload:start 2");
  });

  it("maxMemoryHard: killed at once, and told why", async () => {
    const { supervisor, ask } = await unwell({ maxMemoryHard: "300M" });
    const fired = heard(supervisor, "trigger:fired");
    const exits = heard(supervisor, "worker:exit");
    await supervisor.start();
    await tell(ask, "/leak?mb=400&slot=0");
    await until(() => exits.length > 0, { what: "its end" });
    expect(fired[0]).toMatchObject({
      trigger: "memory-hard",
      why: expect.stringMatching(/^it uses 4\d\d MiB of memory, and its hard limit is 300 MiB$/),
    });
    expect(exits[0]).toMatchObject({ slot: 0, signal: "SIGKILL", reason: "memory_limit" });
    expect(exits[0]?.cause).toMatch(/used more memory than its hard limit, and was killed/);
    await until(() => supervisor.status()[0]?.ready === 2, { what: "its successor" });
  });
});

describe("registerHealthCheck", () => {
  it("does no harm without Holdfast, and wants a function", async () => {
    const { registerHealthCheck } = await import("../../src/worker.ts");
    registerHealthCheck(() => {
      throw new Error("nobody calls it");
    });
    expect(() => registerHealthCheck("x" as never)).toThrow(TypeError);
  });
});
