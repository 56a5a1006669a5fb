/** Where an event loop hangs is told while it hangs, once, whatever it hangs in; and nothing else is. */

import inspector from "node:inspector";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { state } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Alone, type AloneOptions } from "./alone.ts";
import { get } from "./served.ts";

const HANG_MS = 600;
const app = "apps/hangs.cjs";
const NATIVE = /^in native code or a system call( \(\w+\))?$/;

/** A worker whose watchdog has begun to look. */
async function watched(options: AloneOptions = {}): Promise<Alone> {
  const worker = await Alone.serving(app, { settings: { hangTimeoutMs: HANG_MS }, ...options });
  // A first hang that is told shows that the thread is there.
  await get({ port: worker.port }, `/loop?ms=${HANG_MS * 4}`);
  await until(() => worker.told("hung").length === 1, { what: "the watchdog to begin" });
  return worker;
}

describe("a hang is told while it lasts, with its stack", () => {
  it.each<[string, RegExp]>([
    ["loop", /^at spin \(.*apps\/hangs\.cjs:24:\d+\)\nat loop \(.*apps\/hangs\.cjs:/],
    ["regex", /^at regex \(.*apps\/hangs\.cjs:/],
    ["json", NATIVE],
    ["atomics", /^at atomics \(.*apps\/hangs\.cjs:/],
    ["exec", NATIVE],
    ["microtask", /\bat turn \(.*apps\/hangs\.cjs:/],
    ["tick", /\bat turn \(.*apps\/hangs\.cjs:/],
  ])("%s", async (kind, expected) => {
    await using worker = await watched();
    let isAnswered = false;
    const answer = get({ port: worker.port }, `/${kind}?ms=3000`).then((got) => {
      isAnswered = true;
      return got.body;
    });
    await until(() => worker.told("hung").length === 2, { what: "the hang to be told" });
    expect(isAnswered).toBe(false);
    const hung = worker.told("hung")[1];
    expect(hung?.debugger).toBe(false);
    expect(hung?.stack).toMatch(expected);
    expect(hung?.stack).not.toContain("agent.cjs");
    // It goes on as if nobody had looked.
    expect(await answer).toBe("done");
    expect((await get({ port: worker.port })).body).toBe("done");
    expect(worker.told("hung")).toHaveLength(2);
    expect(worker.stderr + worker.stdout).toBe("");
  });
});

describe("what is no hang is not told", () => {
  it("a block shorter than the timeout, a stopped process, an idle one", async () => {
    await using worker = await watched();
    await get({ port: worker.port }, `/loop?ms=${HANG_MS / 2}`);
    worker.child.kill("SIGSTOP");
    const pid = worker.child.pid as number;
    await until(() => state(pid) === "T", { what: "it to be stopped" });
    const since = performance.now();
    await until(() => performance.now() > since + HANG_MS * 3, { what: "three timeouts" });
    worker.child.kill("SIGCONT");
    const beats = worker.told("beat").length;
    await until(() => worker.told("beat").length > beats + 6, { what: "six beats" });
    expect(worker.told("hung")).toHaveLength(1);
  });

  it("nothing at all without a timeout", async () => {
    await using worker = await Alone.serving(app);
    await get({ port: worker.port }, `/loop?ms=${HANG_MS * 4}`);
    const beats = worker.told("beat").length;
    await until(() => worker.told("beat").length > beats, { what: "a beat" });
    expect(worker.told("hung")).toEqual([]);
  });
});

describe("a person's debugger", () => {
  it("that holds the worker is told of, and is not disturbed", async () => {
    await using worker = await watched({ nodeArgs: ["--inspect=127.0.0.1:0"] });
    const [address = ""] = /ws:\/\/\S+/.exec(worker.stderr) ?? [];
    const client = new WebSocket(address);
    const paused: unknown[] = [];
    const resumed: unknown[] = [];
    client.on("message", (data) => {
      const { method } = JSON.parse(String(data)) as { method?: string };
      if (method === "Debugger.paused") paused.push(method);
      if (method === "Debugger.resumed") resumed.push(method);
    });
    await new Promise((resolve) => client.once("open", resolve));
    const post = (id: number, method: string): void => client.send(JSON.stringify({ id, method }));
    post(1, "Debugger.enable");
    const answer = get({ port: worker.port }, "/debugger");
    await until(() => worker.told("hung").length === 2, { what: "the debugger to be told of" });
    expect(worker.told("hung")[1]).toMatchObject({ stack: null, debugger: true });
    expect([paused.length, resumed.length]).toEqual([1, 0]);
    post(2, "Debugger.resume");
    expect((await answer).body).toBe("done");
    client.terminate();
  });
});

describe("an end is not held up by the thread", () => {
  it.each<[string, (worker: Alone) => unknown]>([
    ["a signal without a handler", (worker) => worker.child.kill("SIGTERM")],
    ["the end of a drain", (worker) => worker.send({ t: "drain", timeoutMs: 5000 })],
  ])("%s", async (_what, end) => {
    await using worker = await watched();
    const since = performance.now();
    end(worker);
    await worker.exited;
    expect(performance.now() - since).toBeLessThan(1500);
    expect(worker.stderr).toBe("");
  });
});

it("the inspector is there at all: these tests need it", () => {
  expect(inspector.Session).toBeTypeOf("function");
});
