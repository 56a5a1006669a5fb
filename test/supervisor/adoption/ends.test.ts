/** How an adopted worker's end is seen: nobody is told of it, and still it is known at once. */

import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { envelope } from "../../../src/link/agent-messages.ts";
import { isAlive } from "../../support/processes.ts";
import { Ears, stage } from "./stage.ts";

const GONE = ["ended", "exited null null"];
const KILLED = ["ended", "exited null SIGKILL"];

describe("an adopted worker that ends", () => {
  it("by SIGKILL from outside: it is noticed by its link", async () => {
    await using scene = await stage();
    const { dialer, ears, process } = await scene.linked();
    const killedAt = performance.now();
    dialer.child.kill("SIGKILL");
    await ears.hears("exited null null");
    expect(ears.events).toEqual(["linked", ...GONE]);
    // Some milliseconds; what remains is for a machine that is busy.
    expect(ears.exitedAt - killedAt).toBeLessThan(500);
    const outcome = new Promise((resolve) => process.send({ t: "activate" }, undefined, resolve));
    expect(await outcome).toBeInstanceOf(Error);
  });

  it("by itself: what it said last is heard before", async () => {
    await using scene = await stage();
    const { dialer, ears } = await scene.linked();
    dialer.order("say", {
      link: 0,
      message: envelope({ t: "uncaught", text: "Error: last words" }),
    });
    dialer.order("exit", { code: 1 });
    await ears.hears("exited null null");
    expect(ears.messages.map(({ message }) => message.t)).toEqual(["uncaught"]);
  });

  it("by itself, and says so: its exit code is known", async () => {
    await using scene = await stage();
    const { dialer, ears } = await scene.linked();
    dialer.order("say", { link: 0, message: envelope({ t: "exiting", code: 3 }) });
    dialer.order("exit", { code: 3 });
    await ears.hears("exited 3 null");
    expect(ears.events).toEqual(["linked", "ended", "exited 3 null"]);
    expect(ears.messages).toEqual([]);
  });

  it("by the supervisor's kill, with its process group", async () => {
    await using scene = await stage();
    const { ears, process } = await scene.linked();
    process.kill();
    await ears.hears("exited null SIGKILL");
    expect(ears.events).toEqual(["linked", ...KILLED]);
  });

  it("before it has dialed", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const ears = new Ears();
    scene.adoption.adopt(dialer.identity(), ears);
    dialer.child.kill("SIGKILL");
    await ears.hears("exited null null");
    expect(ears.events).toEqual(GONE);
  });

  it("before it was adopted: that is heard on the next turn", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const identity = dialer.identity();
    dialer.child.kill("SIGKILL");
    await once(dialer.child, "exit");
    const ears = new Ears();
    scene.adoption.adopt(identity, ears);
    expect(ears.events).toEqual([]);
    await ears.hears("exited null null");
    expect(ears.events).toEqual(GONE);
  });

  it("so that another process has its pid: that one is neither signalled nor listened to", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const identity = dialer.identity();
    const ears = new Ears();
    const startTicks = Number(identity.startTicks) - 1;
    const process = scene.adoption.adopt({ ...identity, startTicks }, ears);
    process.kill();
    process.signal("SIGTERM");
    await ears.hears("exited null null");
    dialer.order("dial", { path: scene.path, hello: dialer.hello() });
    // It is alive: it answers.
    await dialer.tells({ connected: 0 });
    expect(ears.events).toEqual(GONE);
  });
});

describe("a worker that is not heard of", () => {
  it.each(["SIGCONT", "SIGSTOP"] as const)("in time is killed (%s)", async (signal) => {
    await using scene = await stage({ withinMs: 200 });
    const dialer = await scene.dialer();
    dialer.child.kill(signal);
    const ears = new Ears();
    scene.adoption.adopt(dialer.identity(), ears);
    await ears.hears("exited null SIGKILL");
    expect(ears.events).toEqual(KILLED);
    expect(scene.log.join("")).toContain("worker not heard of within 200 ms: it is killed");
  });

  it("is left alone where nothing proves that it is the worker", async () => {
    await using scene = await stage({ withinMs: 200 });
    const dialer = await scene.dialer();
    const ears = new Ears();
    const process = scene.adoption.adopt(dialer.identity({ startTicks: null }), ears);
    process.kill();
    await ears.hears("exited null null");
    expect(isAlive(dialer.pid)).toBe(true);
  });

  it("any more has left, and can still be signalled and killed", async () => {
    await using scene = await stage({ withinMs: 200 });
    const { dialer, ears, process } = await scene.linked();
    dialer.order("hangUp", { link: 0 });
    await ears.hears("disconnected");
    expect(isAlive(dialer.pid)).toBe(true);
    process.signal("SIGTERM");
    await ears.hears("exited null null");
    expect(ears.events).toEqual(["linked", "disconnected", ...GONE]);
    expect(dialer.child.signalCode ?? (await once(dialer.child, "exit"))[1]).toBe("SIGTERM");
  });
});
