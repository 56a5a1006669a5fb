/** Workers that come back: they are spoken to as children are, whatever happens to their link. */

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { envelope } from "../../../src/link/agent-messages.ts";
import { createLog } from "../../../src/logs/log.ts";
import { openAdoption } from "../../../src/supervisor/adoption/adoption.ts";
import { bindHandle, type Handle } from "../../../src/supervisor/node-internals.ts";
import { fdCount, isAlive } from "../../support/processes.ts";
import { until } from "../../support/until.ts";
import { Ears, stage } from "./stage.ts";

const SILENT = { level: "silent", stream: new Writable(), pretty: false, colour: false };

function socket(): Handle {
  const handle = bindHandle("127.0.0.1", 0, 4, 0);
  if (typeof handle === "number") throw new Error(`no socket: ${handle}`);
  return handle;
}

/** The kinds of Holdfast's own messages a dialer has heard. */
const kindsOf = (heard: readonly { message: Record<string, unknown> }[]): unknown[] =>
  heard.map(({ message }) => message.t);

describe("a worker that dials", () => {
  it("is welcome, and all it says reaches who it is for", async () => {
    await using scene = await stage();
    const { dialer, ears } = await scene.linked();
    const welcome = { t: "welcome", protocol: 1, pid: process.pid, version: "1.2.3" };
    await dialer.tells({ link: 0, heard: welcome, hasHandle: false });
    expect(ears.hellos).toEqual([dialer.hello()]);

    dialer.order("say", { link: 0, message: envelope({ t: "ready" }) });
    dialer.order("say", { link: 0, message: { cmd: "NODE_CLUSTER", act: "online", seq: 5 } });
    dialer.order("say", { link: 0, message: { cmd: "NODE_UNHEARD_OF" } });
    for (const message of ["ready", null, 7, { cmd: "mine" }])
      dialer.order("say", { link: 0, message });
    await dialer.tells({ link: 0, heard: { cmd: "NODE_CLUSTER", ack: 5 }, hasHandle: false });
    await until(() => ears.appMessages.length === 4, { what: "the app's messages" });
    expect(ears.appMessages).toEqual(["ready", null, 7, { cmd: "mine" }]);
    expect(ears.messages.map(({ message }) => message.t)).toEqual(["ready"]);
    expect(ears.events).toEqual(["linked", "cluster"]);
  });

  it("gives and is given handles; those of the app are closed", async () => {
    await using scene = await stage();
    const { dialer, ears, process } = await scene.linked();
    dialer.order("give", { link: 0, message: envelope({ t: "shard", key: "k", shard: 0 }) });
    await dialer.tells({ given: 0, error: null });
    expect(ears.messages[0]?.handle).toBeDefined();
    dialer.order("give", { link: 0, message: { of: "the app" } });
    await until(() => ears.appMessages.length === 1, { what: "the app's message" });

    const shard = socket();
    const error = await new Promise((resolve) =>
      process.send({ t: "attach", key: "k", shard: 1 }, shard, resolve),
    );
    shard.close();
    expect(error).toBeNull();
    const heard = envelope({ t: "attach", key: "k", shard: 1 });
    await dialer.tells({ link: 0, heard, hasHandle: true });
  });

  it("hears what was said before, in order; what is true for a moment only has failed", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const ears = new Ears();
    const process = scene.adoption.adopt(dialer.identity(), ears);
    const [shard, connection] = [socket(), socket()];
    const outcomes: (Error | null)[] = [];
    expect(process.isCongested()).toBe(true);
    process.send({ t: "attach", key: "k", shard: 0 }, shard, (error) => outcomes.push(error));
    process.send({ t: "activate" });
    process.send({ t: "take", key: "k" }, connection, (error) => outcomes.push(error));
    process.send({ t: "offer", offer: 1, key: "k" });
    process.tell({ of: "the app" });
    process.send({ t: "detach", key: "k", shard: 0 });
    expect(outcomes).toEqual([expect.any(Error)]);

    dialer.order("dial", { path: scene.path, hello: dialer.hello() });
    await until(() => dialer.heard().length === 4, { what: "all that was said" });
    expect(kindsOf(dialer.heard())).toEqual(["attach", "activate", undefined, "detach"]);
    expect(dialer.heard().map(({ hasHandle }) => hasHandle)).toEqual([true, false, false, false]);
    await until(() => outcomes.length === 2, { what: "that the shard has arrived" });
    expect(outcomes[1]).toBeNull();
    expect(process.isCongested()).toBe(false);
    for (const handle of [shard, connection]) handle.close();
  });

  it("is told no endless tale while it is away", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const process = scene.adoption.adopt(dialer.identity(), new Ears());
    const failed: unknown[] = [];
    for (let n = 0; n < 1005; n++)
      process.send({ t: "activate" }, undefined, (error) => error && failed.push(error));
    expect(failed.length).toBe(5);
    await scene.adoption.close();
    expect(failed.length).toBe(1005);
  });

  it("before the supervisor knows of it waits until it does", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    dialer.order("dial", { path: scene.path, hello: dialer.hello({ worker: 2 }) });
    await dialer.tells({ connected: 0 });
    // Its hello has been read by the time another, sent later, is answered.
    const { ears: others } = await scene.linked();
    expect(others.events).toEqual(["linked"]);
    const ears = new Ears();
    scene.adoption.adopt(dialer.identity({ worker: 3 }), new Ears());
    scene.adoption.adopt(dialer.identity({ worker: 2 }), ears);
    expect(ears.events).toEqual([]);
    await ears.hears("linked");
  });

  it("is one of 200 that do so at once", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const ids = Array.from({ length: 200 }, (_, n) => n + 1);
    const token = (worker: number): string => `token-${worker}`;
    const all = ids.map((worker) => {
      const ears = new Ears();
      scene.adoption.adopt(dialer.identity({ worker, token: token(worker) }), ears);
      return ears;
    });
    for (const worker of ids) {
      const hello = dialer.hello({ worker, token: token(worker) });
      dialer.order("dial", { path: scene.path, hello });
    }
    await Promise.all(all.map((ears) => ears.hears("linked")));
    expect(all.map((ears) => ears.hellos[0]?.worker)).toEqual(ids);
  });
});

describe("a link that breaks", () => {
  it("while the worker lives is made again: what was said meanwhile arrives", async () => {
    await using scene = await stage();
    const { dialer, ears, process } = await scene.linked();
    dialer.order("hangUp", { link: 0 });
    await until(() => process.isCongested(), { what: "that the link is gone" });
    process.send({ t: "activate" });
    process.send({ t: "inspected" });
    dialer.order("dial", { path: scene.path, hello: dialer.hello() });
    await ears.hears("linked", 2);
    await until(() => dialer.heard(1).length === 2, { what: "both messages" });
    expect(kindsOf(dialer.heard(1))).toEqual(["activate", "inspected"]);
    expect(ears.events).toEqual(["linked", "linked"]);
  });

  it("is replaced by a new one of the same worker, even while it is there", async () => {
    await using scene = await stage();
    const { dialer, ears, process } = await scene.linked();
    dialer.order("dial", { path: scene.path, hello: dialer.hello() });
    await dialer.tells({ closed: 0 });
    process.send({ t: "activate" });
    await until(() => dialer.heard(1).length === 1, { what: "the message" });
    dialer.order("say", { link: 1, message: envelope({ t: "ready" }) });
    await until(() => ears.messages.length === 1, { what: "the answer" });
    expect(ears.events).toEqual(["linked", "linked"]);
  });

  it("leaves no descriptor behind, however often it does", async () => {
    await using scene = await stage();
    const { dialer, ears } = await scene.linked();
    const before = fdCount(process.pid);
    for (let n = 1; n <= 30; n++) {
      dialer.order("dial", { path: scene.path, hello: dialer.hello() });
      await ears.hears("linked", n + 1);
    }
    await until(() => fdCount(process.pid) === before, { what: "one link's descriptors" });
  });

  it("is not missed where the app has said that it leaves", async () => {
    await using scene = await stage();
    const { dialer, ears } = await scene.linked();
    dialer.order("say", { link: 0, message: envelope({ t: "left" }) });
    dialer.order("hangUp", { link: 0 });
    await ears.hears("disconnected");
    expect(ears.messages).toEqual([]);
  });
});

describe("a worker that does not read", () => {
  it("is congested, and not again once it does", async () => {
    await using scene = await stage();
    const { dialer, process } = await scene.linked();
    expect(process.isCongested()).toBe(false);
    dialer.child.kill("SIGSTOP");
    const filler = "x".repeat(64 * 1024);
    for (let n = 0; n < 20; n++) process.tell({ filler });
    expect(process.isCongested()).toBe(true);
    dialer.child.kill("SIGCONT");
    await until(() => !process.isCongested(), { what: "that it reads" });
  });
});

describe("the socket", () => {
  it("is its owner's alone, and there again when it was deleted", async () => {
    await using scene = await stage();
    expect(statSync(scene.path).mode & 0o777).toBe(0o600);
    const { ears, process } = await scene.linked();
    rmSync(scene.path);
    const mode = await until(() => statSync(scene.path).mode & 0o777, { what: "the socket" });
    expect(mode).toBe(0o600);
    expect(process.isCongested()).toBe(false);
    const dialer = await scene.dialer();
    const second = new Ears();
    scene.adoption.adopt(dialer.identity({ worker: 2 }), second);
    dialer.order("dial", { path: scene.path, hello: dialer.hello({ worker: 2 }) });
    await second.hears("linked");
    expect(ears.events).toEqual(["linked"]);
  });

  it("may be deeper than the kernel takes paths, and one that was left there is removed", async () => {
    const folder = "x".repeat(120);
    await using scene = await stage({ folder });
    const { ears } = await scene.linked();
    expect(ears.events).toEqual(["linked"]);
    await scene.adoption.close();
    // Who binds a socket and is killed leaves it behind.
    const left = `require("net").createServer().listen("adopt.sock", () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", left], { cwd: dirname(scene.path) });
    expect(existsSync(scene.path)).toBe(true);
    const { path, log } = { path: scene.path, log: createLog(SILENT) };
    const next = await openAdoption({ path, version: "1.2.3", log });
    await next.close();
    expect(existsSync(scene.path)).toBe(false);
  });

  it("goes when the supervisor steps down, and nobody is hurt", async () => {
    await using scene = await stage();
    const { dialer, ears, process } = await scene.linked();
    await scene.adoption.close();
    await dialer.tells({ closed: 0 });
    expect(() => statSync(scene.path)).toThrow("ENOENT");
    process.kill();
    process.signal("SIGTERM");
    await turn();
    expect(isAlive(dialer.pid)).toBe(true);
    expect(ears.events).toEqual(["linked"]);
  });
});
