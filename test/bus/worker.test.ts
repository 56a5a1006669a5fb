/** The bus in real workers of a real supervisor. */

import { describe, expect, it } from "vitest";
import { connect } from "../../src/bus/connect.ts";
import { embed, puppet } from "../supervisor/embedded.ts";
import { fixture } from "../support/holdfast.ts";
import { atEnd, deferred } from "./served.ts";

type Told<Value> = {
  readonly value?: Value;
  readonly error?: { readonly name: string; readonly code: string; readonly message: string };
};

/** Two workers on the bus. */
async function onBus(name = "bus", instances = 2) {
  const { env, ...rest } = await puppet({ name, instances });
  return { ...rest, script: fixture("apps/bus.mjs"), env: { ...env } };
}

/** A call of the bus in one of the app's workers. */
async function call<Value>(port: number, name: string, ...args: unknown[]): Promise<Told<Value>> {
  const body = JSON.stringify({ call: name, args });
  const response = await fetch(`http://127.0.0.1:${port}`, {
    ...{ method: "POST", body, headers: { connection: "close" } },
  });
  return (await response.json()) as Told<Value>;
}

describe("workers on the bus", () => {
  it("answer each other, know who asks, and gather", async () => {
    const app = await onBus();
    const { supervisor } = embed(app);
    await supervisor.start();
    expect(await call(app.port, "request", "sum", { a: 1, b: 2 })).toEqual({ value: 3 });
    const gathered = await call<{
      results: { from: { app: string; slot: number }; data: { slot: number } }[];
      missing: unknown[];
    }>(app.port, "gather", "who", null, { timeout: "5s" });
    const { results = [], missing } = gathered.value ?? {};
    expect(results.map(({ from, data }) => [from.app, from.slot, data.slot]).sort()).toEqual([
      ["bus", 0, 0],
      ["bus", 1, 1],
    ]);
    expect(missing).toEqual([]);
  });

  it("are told at once when the one they asked dies", async () => {
    const app = await onBus();
    const { supervisor } = embed(app);
    await supervisor.start();
    const client = await connect(String(supervisor.bus.path));
    atEnd(() => client.close({ timeout: 1 }));
    const began = performance.now();
    await expect(client.request("die.1", null, { timeout: "1h" })).rejects.toMatchObject({
      code: "HF_BUS_WORKER_LOST",
      message: expect.stringMatching(/Worker \d+ \(bus, slot 1\)/),
    });
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it("lose no request in a reload, and end what they have before they go", async () => {
    const app = await onBus();
    const { supervisor } = embed(app);
    await supervisor.start();
    const client = await connect(String(supervisor.bus.path));
    atEnd(() => client.close({ timeout: 1 }));
    const pids = new Set<number>();
    const failures: unknown[] = [];
    let isOver = false;
    const asker = async (): Promise<void> => {
      while (!isOver) {
        try {
          pids.add(await client.request<number>("slow", 20, { timeout: "20s" }));
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const askers = Array.from({ length: 8 }, asker);
    await supervisor.reload();
    isOver = true;
    await Promise.all(askers);
    expect(failures).toEqual([]);
    expect(pids.size).toBe(4);
  });

  it("are heard to the end: what a drain hook publishes last has come", async () => {
    const app = await onBus("bus", 1);
    const { supervisor } = embed({ ...app, env: { ...app.env, LAST_WORD_MS: "300" } });
    await supervisor.start();
    const client = await connect(String(supervisor.bus.path));
    atEnd(() => client.close({ timeout: 1 }));
    const heard = deferred<unknown>();
    await client.subscribe("last.word", heard.resolve);
    await supervisor.reload();
    expect(await heard.promise).toEqual({ slot: 0 });
  });

  it("of one app reach those of another", async () => {
    const [one, other] = [await onBus("one", 1), await onBus("other", 1)];
    const { supervisor } = embed(one, other);
    await supervisor.start();
    const told = await call<{ results: { from: { app: string } }[] }>(
      ...[one.port, "gather", "who", null],
    );
    expect(told.value?.results.map(({ from }) => from.app).sort()).toEqual(["one", "other"]);
  });
});
