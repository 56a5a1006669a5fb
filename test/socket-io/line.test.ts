/** The connection of a member to the bus: how it is made, and what may come in between. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { HOOKS } from "../../src/agent/hooks.ts";
import type { Bus, Gathered } from "../../src/bus/api.ts";
import { Line, type LinePort } from "../../src/socket-io/line.ts";
import { busOfThisWorker } from "../../src/socket-io/worker.ts";
import { codeOf, serve } from "../bus/served.ts";

const PORT = { toAll: () => {}, toMe: () => {}, exit: () => {}, up: () => {}, down: () => {} };

afterEach(() => void vi.useRealTimers());

function line(bus: Bus, port: Partial<LinePort> = {}): Line {
  const failed = (error: unknown): never => {
    throw error;
  };
  return new Line(bus, { ...PORT, me: "a", name: "shop", isTeller: () => true, failed, ...port });
}

/** A bus that answers who is there in turn with these, and passes on what one says to oneself, or not. */
function scripted(answers: readonly Partial<Gathered>[] = [], isPassedOn = true): Bus {
  const left = [...answers];
  let heard = (_data: unknown, _message: unknown): void => {};
  const standing = { unsubscribe: async () => {} };
  return {
    subscribe: async (subject: string, handler: typeof heard) => {
      if (subject === "socketio.to.a") heard = handler;
      return standing;
    },
    reply: async () => standing,
    publish: async (_subject: string, data: unknown) => {
      if (isPassedOn) heard(data, { from: { app: "app", worker: 1 } });
    },
    gather: async () => ({ results: [], errors: [], missing: [], ...left.shift() }),
    on: () => () => {},
  } as unknown as Bus;
}

describe("who can tell what was before", () => {
  it("is no member that does not know it itself", async () => {
    const served = serve();
    let isLive = false;
    const first = line(await served.client(), { me: "first", isTeller: () => isLive });
    await first.open();
    expect(await line(await served.client(), { me: "second" }).open()).toEqual([]);
    isLive = true;
    const third = line(await served.client(), { me: "third" });
    expect([...(await third.open())].sort()).toEqual(["first", "second"]);
  });

  it("is asked again where it had too much to do", async () => {
    const from = { app: "app", worker: 2 } as never;
    const busy = { errors: [{ from, error: new Error("full") }] };
    const late = { missing: [from] };
    const known = { results: [{ from, data: { me: "b" } }] };
    expect(await line(scripted([busy, late, known])).open()).toEqual(["b"]);
    vi.useFakeTimers();
    const never = line(scripted(Array.from({ length: 99 }, () => busy))).open();
    await vi.advanceTimersByTimeAsync(5000);
    expect(await never).toEqual([]);
  });
});

describe("a line", () => {
  it("is tried again where the word to oneself was lost with the connection", async () => {
    vi.useFakeTimers();
    const opening = codeOf(line(scripted([], false)).open());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await opening).toBe("HF_BUS_CONNECTION_LOST");
  });

  it("takes any name, and keeps names apart", async () => {
    const served = serve();
    const names = ["\u754c".repeat(64), `${"\u754c".repeat(63)}x`];
    for (const [index, name] of names.entries()) {
      const opened = line(await served.client(), { me: `m${index}`, name });
      expect(await opened.open()).toEqual([]);
    }
    const same = line(await served.client(), { me: "same", name: names[0] as string });
    expect(await same.open()).toEqual(["m0"]);
  });

  it("is none where Holdfast has no bus", () => {
    const hooks = globalThis as { [HOOKS]?: unknown };
    const before = hooks[HOOKS];
    try {
      hooks[HOOKS] = { bus: null };
      expect(busOfThisWorker()).toBe(null);
      hooks[HOOKS] = { bus: { path: "/bus" } };
      expect(busOfThisWorker()).not.toBe(null);
    } finally {
      hooks[HOOKS] = before;
    }
  });
});
