/** Who is asked for a socket that died with its supervisor, and what becomes of one nobody has. */

import { describe, expect, it, vi } from "vitest";
import type { ListeningAt } from "../../src/link/adoption.ts";
import { Deliveries } from "../../src/supervisor/deliveries.ts";
import type { Handle } from "../../src/supervisor/node-internals.ts";
import { BringBack } from "../../src/supervisor/restore/bring-back.ts";
import { RestoredListeners } from "../../src/supervisor/restore/restored-listeners.ts";

function at(key: string, ...shards: number[]): ListeningAt {
  const request = { key, address: null, port: 0, addressType: 4, flags: 0, data: null };
  return { request, shards, isListening: true };
}

/** A stage that writes down what is asked of it. */
function stage() {
  const done: string[] = [];
  const closed: number[] = [];
  const handle = (fd: number): Handle => ({ fd, close: () => void closed.push(fd) });
  const back = new BringBack({
    ask: (worker, key, shard) => void done.push(`ask ${worker} ${key}${shard}`),
    regained(key, shard, { fd }) {
      done.push(`regained ${key}${shard}`);
      return fd > 0;
    },
    lost(key, shard, isHeld) {
      done.push(`${isHeld ? "kept" : "lost"} ${key}${shard}`);
      return !isHeld;
    },
    whole: (key) => void done.push(`whole ${key}`),
  });
  return { back, handle, closed, told: () => done.splice(0) };
}

describe("bringing sockets back", () => {
  it("asks those that have them, and binds what nobody has once all have spoken", async () => {
    const { back, handle, told } = stage();
    for (const worker of [1, 2]) back.await(worker);
    for (const shard of [0, 1, 2]) back.miss("a", shard);
    back.pursue();
    expect(told()).toEqual([]);
    let isSettled = false;
    void back.settled("a")?.then(() => (isSettled = true));
    back.linked(1, [at("a", 0)]);
    expect(told()).toEqual(["ask 1 a0"]);
    back.answered(1, "a", 0, handle(1));
    expect(told()).toEqual(["regained a0"]);
    back.linked(2, [at("a", 0, 1)]);
    expect(told()).toEqual(["ask 2 a1", "lost a2"]);
    await Promise.resolve();
    expect(isSettled).toBe(false);
    back.answered(2, "a", 1, handle(2));
    expect(told()).toEqual(["regained a1", "whole a"]);
    await Promise.resolve();
    expect(isSettled).toBe(true);
    expect(back.settled("a")).toBeNull();
  });

  it("asks the next one where a worker has none, gives another one, ends, or says nothing", () => {
    vi.useFakeTimers();
    try {
      const { back, handle, told } = stage();
      back.miss("a", 0);
      for (const worker of [1, 2, 3, 4, 5]) back.await(worker);
      for (const worker of [1, 2, 3, 4, 5]) back.linked(worker, [at("a", 0)]);
      expect(told()).toEqual(["ask 1 a0"]);
      back.answered(1, "a", 0, undefined);
      expect(told()).toEqual(["ask 2 a0"]);
      back.answered(2, "a", 0, handle(-1));
      expect(told()).toEqual(["regained a0", "ask 3 a0"]);
      back.gone(3);
      expect(told()).toEqual(["ask 4 a0"]);
      vi.advanceTimersByTime(5000);
      expect(told()).toEqual(["ask 5 a0"]);
      vi.advanceTimersByTime(5000);
      expect(told()).toEqual(["kept a0"]);
      for (const worker of [1, 2, 4]) back.linked(worker, []);
      vi.advanceTimersByTime(5000);
      expect(told()).toEqual(["ask 5 a0"]);
      back.gone(5);
      expect(told()).toEqual(["lost a0", "whole a"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("closes what it has not asked for", () => {
    const { back, handle, closed, told } = stage();
    back.await(1);
    back.miss("a", 0);
    back.linked(1, [at("a", 0)]);
    back.answered(2, "a", 0, handle(2));
    back.answered(1, "a", 1, handle(3));
    back.answered(1, "b", 0, handle(4));
    back.answered(1, { key: "a" }, null, handle(5));
    expect(closed).toEqual([2, 3, 4, 5]);
    expect(told()).toEqual(["ask 1 a0"]);
  });

  it("asks again a worker that has lost its link in between", () => {
    const { back, told } = stage();
    back.await(1);
    back.miss("a", 0);
    back.linked(1, [at("a", 0)]);
    back.linked(1, [at("a", 0)]);
    expect(told()).toEqual(["ask 1 a0", "ask 1 a0"]);
  });

  it("holds whoever wants an unknown address until all have spoken, or are gone", async () => {
    const { back, told } = stage();
    back.await(1);
    back.await(2);
    let isSettled = false;
    void back.settled("new")?.then(() => (isSettled = true));
    back.linked(1, []);
    await Promise.resolve();
    expect(isSettled).toBe(false);
    back.gone(2);
    await Promise.resolve();
    expect([isSettled, told()]).toEqual([true, []]);
  });

  it("lets nobody wait when it is closed", async () => {
    const { back, told } = stage();
    back.await(1);
    back.miss("a", 0);
    const settled = back.settled("a");
    back.close();
    await settled;
    expect(told()).toEqual([]);
  });
});

describe("who leaves", () => {
  it("waits until those that stay have their sockets, and not for ever", () => {
    vi.useFakeTimers();
    try {
      const deliveries = new Deliveries();
      const left: number[] = [];
      deliveries.after(() => left.push(1));
      expect(left).toEqual([1]);
      const [first, second] = [deliveries.begin(), deliveries.begin()];
      deliveries.after(() => left.push(2));
      first();
      first();
      expect(left).toEqual([1]);
      second();
      expect(left).toEqual([1, 2]);
      deliveries.begin();
      deliveries.after(() => left.push(3));
      deliveries.after(() => left.push(4));
      vi.advanceTimersByTime(250);
      expect(left).toEqual([1, 2, 3, 4]);
      deliveries.after(() => left.push(5));
      expect(left).toEqual([1, 2, 3, 4, 5]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("an address of before", () => {
  it("that is all here is joined at once, whoever has not spoken yet", () => {
    const nothing = (): void => {};
    const port = { byKey: new Map(), giveBack: nothing, close: nothing, seat: nothing };
    const restored = new RestoredListeners({ ...port, changed: nothing });
    const record = { sockname: {}, shards: 1, openBy: [1] };
    restored.expect(1);
    restored.add({ ...record, request: at("held").request }, () => ({ fd: 7, close: nothing }));
    restored.add({ ...record, request: at("lost").request }, () => null);
    restored.begin();
    expect(restored.settled("held")).toBeNull();
    // One of these it may have.
    expect([restored.settled("lost"), restored.settled("new")]).not.toContain(null);
    restored.close();
  });
});
