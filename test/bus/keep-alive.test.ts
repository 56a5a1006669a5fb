/** What a process stays for: real programs, the built package. */

import { describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { run } from "./program.ts";
import { puppet } from "./puppet.ts";
import { deferred, serve } from "./served.ts";

describe("a program on the bus", () => {
  it("ends when it has published, and what it published has come", async () => {
    const served = serve();
    const client = await served.client();
    const heard = deferred<unknown>();
    await client.subscribe("fixture", (data, { from }) => heard.resolve([data, from.name]));
    const program = run(served, "publishes");
    expect(await heard.promise).toEqual(["published", "fixture"]);
    expect(await program.code, program.said()).toBe(0);
  });

  it("stays while it is subscribed, also while the supervisor is away", async () => {
    const served = serve();
    const client = await served.client();
    const program = run(served, "subscribes");
    await until(() => program.said().includes("subscribed"), { what: "the subscription" });
    await client.publish("tell", 1);
    await until(() => program.said().includes("heard 1"), { what: "the message" });
    await served.stop();
    served.start();
    const told = async (): Promise<boolean> => {
      await client.publish("tell", 2);
      return program.said().includes("heard 2");
    };
    await until(told, { what: "a message over the next connection" });
    expect(program.child.exitCode).toBe(null);
  });

  it("ends when it has unsubscribed", async () => {
    const program = run(serve(), "unsubscribes");
    expect(await program.code, program.said()).toBe(0);
  });

  it("stays for an answer, and ends then", async () => {
    const served = serve();
    const client = await served.client();
    const [asked, gate] = [deferred(), deferred<string>()];
    await client.reply("ask", () => {
      asked.resolve();
      return gate.promise;
    });
    const program = run(served, "asks");
    await asked.promise;
    gate.resolve("late");
    expect(await program.code, program.said()).toBe(0);
    expect(program.said()).toContain("answer late");
  });

  it("stays for an answer over tries to connect that fail, and ends then", async () => {
    const there = await puppet();
    const program = run(there, "asks");
    await there.frame(BUS.request);
    there.vanish();
    await there.refuse(2);
    await there.listen();
    const { id } = await there.frame(BUS.request, 1);
    there.send(BUS.reply, { id, format: 1, body: Buffer.from('"again"') });
    expect(await program.code, program.said()).toBe(0);
    expect(program.said()).toContain("answer again");
  });

  it("stays while it waits for a lock, ends while it holds it, and the lock with it", async () => {
    const served = serve();
    const client = await served.client();
    const held = await client.lock("fixture");
    const program = run(served, "locks");
    await until(() => served.bus.counts.lockWaiters === 1, { what: "it to wait" });
    await client.flush();
    expect(program.child.exitCode).toBe(null);
    await held.release();
    expect(await program.code, program.said()).toBe(0);
    expect(program.said()).toMatch(/^fence \d+\n$/);
    await (await client.lock("fixture", { timeout: "5s" })).release();
  });

  it("stays while it wants to lead, also while the supervisor is away, and while it leads", async () => {
    const served = serve();
    const client = await served.client();
    const held = await client.lock("fixture");
    const program = run(served, "leads");
    await until(() => program.said().includes("campaigns"), { what: "the campaign" });
    await served.stop();
    served.start();
    // The other one has lost its lock.
    expect(held.signal.aborted).toBe(true);
    await until(() => served.bus.counts.locks === 1, { what: "it to lead" });
    await client.flush();
    expect(program.child.exitCode).toBe(null);
  });

  it("closes in order: what it published has come, and it ends", async () => {
    const served = serve();
    const client = await served.client();
    const heard = deferred<unknown>();
    await client.subscribe("fixture", heard.resolve);
    const program = run(served, "closes");
    expect(await heard.promise).toBe("before the close");
    expect(await program.code, program.said()).toBe(0);
    expect(program.said()).toContain("closed");
  });
});
