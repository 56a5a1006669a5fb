/** Who is told of peers when: a worker that does not read is told later, and nobody twice of the same. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { newApp } from "../../src/core/app.ts";
import type { Worker } from "../../src/core/worker.ts";
import type { SupervisorMessage } from "../../src/link/agent-messages.ts";
import type { AppRunner } from "../../src/supervisor/app-runner.ts";
import { Gatekeeper } from "../../src/supervisor/gatekeeper.ts";
import type { Handle } from "../../src/supervisor/node-internals.ts";
import { Peers } from "../../src/supervisor/peers.ts";

type Told = Extract<SupervisorMessage, { t: "peers" }>;

const OURS = { uid: null, gid: null };
let temp = "";

beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), "hf-st-"));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(temp, { recursive: true, force: true });
});

describe("a table of peers", () => {
  it("is told to nobody who has not spoken, and to each once", () => {
    const { peers, told } = stage(2);
    expect(told.get(1)).toEqual([]);
    peers.heard(1);
    peers.heard(1);
    peers.look();
    expect(told.get(1)?.map(statesOf)).toEqual(["1 ready, 2 ready"]);
    expect(told.get(2)).toEqual([]);
  });

  it("waits for a worker that does not read, and is the one of then", () => {
    const { peers, told, congested, change } = stage(2);
    for (const id of [1, 2]) peers.heard(id);
    congested.add(2);
    change(1, "draining");
    peers.look();
    expect(told.get(1)?.map(statesOf)).toEqual(["1 ready, 2 ready", "1 draining, 2 ready"]);
    vi.advanceTimersByTime(60_000);
    expect(told.get(2)?.map(statesOf)).toEqual(["1 ready, 2 ready"]);
    change(1, "killing");
    peers.look();
    congested.delete(2);
    vi.advanceTimersByTime(200);
    expect(told.get(2)?.map(statesOf)).toEqual(["1 ready, 2 ready", "2 ready"]);
  });

  it("is told again where sending failed", () => {
    const { peers, told, failing } = stage(1);
    failing.add(1);
    peers.heard(1);
    vi.advanceTimersByTime(500);
    const tries = told.get(1)?.length ?? 0;
    expect(tries).toBeGreaterThan(1);
    failing.delete(1);
    vi.advanceTimersByTime(500);
    expect(told.get(1)).toHaveLength(tries + 1);
  });

  it("with loads is told four times a second at most, and only where somebody places by them", () => {
    for (const [placement, tables] of [
      ["least-loaded", 2],
      ["kernel", 1],
    ] as const) {
      const { peers, told } = stage(1, placement);
      peers.heard(1);
      for (let sessions = 1; sessions < 9; sessions++) peers.beat(1, { sticky: { sessions } });
      expect(told.get(1)).toHaveLength(1);
      vi.advanceTimersByTime(251);
      expect(told.get(1)).toHaveLength(tables);
      expect(told.get(1)?.at(-1)?.peers[0]?.sessions).toBe(placement === "kernel" ? 0 : 8);
    }
  });

  it("takes its folder and its timers along", () => {
    const { peers, stop, congested } = stage(2);
    congested.add(1);
    peers.heard(1);
    expect(readdirSync(join(temp, "run"))).toHaveLength(1);
    stop();
    peers.look();
    expect(readdirSync(temp)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a connection that is passed to a certain worker", () => {
  it.each([
    ["goes there unasked", 3, "taken by 3"],
    ["goes to whoever has least where that one does not accept", 9, "offered to 2"],
    ["and where it does not listen there", 4, "offered to 2"],
    ["and where that is no worker", "3", "offered to 2"],
  ])("%s", (_what, to, what) => {
    const heard: string[] = [];
    const gatekeeper = new Gatekeeper({
      listens: (worker, key) => worker !== 4 || key === null,
      tell: () => {},
      offer: (worker) => heard.push(`offered to ${worker}`),
      take: (worker) => heard.push(`taken by ${worker}`),
    });
    gatekeeper.accept([1, 2, 3, 4]);
    const connection: Handle = { fd: 1, close: () => {} };
    gatekeeper.pass(1, "key", connection, to);
    expect(heard).toEqual([what]);
    gatekeeper.close();
  });

  it("goes to another where it cannot be sent", () => {
    const heard: string[] = [];
    const gatekeeper = new Gatekeeper({
      listens: () => true,
      tell: () => {},
      offer: (worker) => heard.push(`offered to ${worker}`),
      take: (_worker, _key, _connection, sent) => sent(false),
    });
    gatekeeper.accept([1, 2, 3]);
    gatekeeper.pass(1, "key", { fd: 1, close: () => {} }, 3);
    expect(heard).toEqual(["offered to 2"]);
    gatekeeper.close();
  });
});

/** Peers of an app whose workers are ready, and what each was told. */
function stage(count: number, placement: "kernel" | "least-loaded" = "kernel") {
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const told = new Map<number, Told[]>(ids.map((id) => [id, []]));
  const [congested, failing] = [new Set<number>(), new Set<number>()];
  const processOf = (id: number) => ({
    isCongested: () => congested.has(id),
    send(message: Told, _handle: undefined, sent: (error: Error | null) => void) {
      told.get(id)?.push(message);
      sent(failing.has(id) ? new Error("EPIPE") : null);
    },
  });
  const runner = {
    options: {
      name: "app",
      execMode: "cluster",
      sticky: { by: ["cookie"], cookie: {}, placement },
    },
    app: { ...newApp(count), status: "running", workers: ids.map(ready) },
    workers: new Map(ids.map((id) => [id, { process: processOf(id) }])),
  };
  const peers = new Peers(runner as unknown as AppRunner, join(temp, "run"));
  for (const id of ids) peers.admit(id, OURS);
  peers.look();
  const change = (id: number, phase: Worker["phase"]): void => {
    runner.app.workers = runner.app.workers.map((w) => (w.id === id ? { ...w, phase } : w));
  };
  const stop = (): void => {
    runner.app = { ...runner.app, status: "stopped", workers: [] };
  };
  return { peers, told, congested, failing, change, stop };
}

function ready(id: number): Worker {
  return {
    ...{ id, slot: id - 1, generation: 1, phase: "ready", deadline: Number.POSITIVE_INFINITY },
    ...{ startedAt: 0, readyAt: 1, settled: true, accepting: true, unwell: null, hung: false },
    ...{ active: true, released: false, leaving: null, killed: null, exit: null },
  };
}

function statesOf({ peers }: Told): string {
  return peers.map(({ worker, state }) => `${worker} ${state}`).join(", ");
}
