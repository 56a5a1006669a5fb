/** What the client does when its connection is not there, or ends. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BusClient } from "../../src/bus/client.ts";
import { connect } from "../../src/bus/connect.ts";
import { createWorkerBus } from "../../src/bus/worker-bus.ts";
import { bus } from "../../src/bus.ts";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { clientOf, puppet } from "./puppet.ts";
import { atEnd, codeOf, deferred, rejection, serve } from "./served.ts";

/** Nothing is under way: to close waits for that, as the process would, here for longer than a test may last. */
async function expectFree(client: BusClient): Promise<void> {
  await client.close({ timeout: "1h" });
}

describe("a connection that is lost", () => {
  it("comes again, with all subscriptions, and what was published meanwhile", async () => {
    const served = serve();
    const client = await served.client();
    const heard: unknown[] = [];
    await client.subscribe("a", (data) => heard.push(data));
    await client.reply("b", () => "answer");
    const [down, up] = [deferred<string>(), deferred()];
    client.on("down", down.resolve);
    client.on("up", up.resolve);
    await served.stop();
    expect(await down.promise).toMatch(/closed/);
    const published = client.publish("a", "meanwhile");
    const asked = client.request("b", null, { timeout: "30s" });
    served.start();
    await up.promise;
    await published;
    expect(await asked).toBe("answer");
    await until(() => heard.length === 1, { what: "what was published meanwhile" });
    expect(heard).toEqual(["meanwhile"]);
  });

  it("ends requests under way at once, and asks again where it may be done twice", async () => {
    const there = await puppet();
    const client = clientOf(there.path);
    const once = rejection(client.request("once", 1, { timeout: "1h" }));
    const twice = client.request("twice", 2, { timeout: "1h", idempotent: true });
    await until(() => there.frames.length === 2, { what: "both requests" });
    there.vanish();
    const lost = await once;
    expect(lost).toMatchObject({ code: "HF_BUS_CONNECTION_LOST" });
    expect(lost.message).toContain('"once"');
    await there.listen();
    const again = await there.frame(BUS.request, 2);
    expect(again).toMatchObject({ subject: "twice", head: { idempotent: true } });
    there.send(BUS.reply, { id: again.id, format: 1, body: Buffer.from("7") });
    expect(await twice).toBe(7);
  });

  it("sends such a request again once only", async () => {
    const there = await puppet();
    const client = clientOf(there.path);
    const asking = codeOf(client.request("twice", 2, { timeout: "1h", idempotent: true }));
    await there.frame(BUS.request);
    there.vanish();
    await there.listen();
    await there.frame(BUS.request, 1);
    there.vanish();
    expect(await asking).toBe("HF_BUS_CONNECTION_LOST");
  });

  it("keeps such a request over tries that fail, and the process only until it is answered", async () => {
    const there = await puppet({
      heard({ kind }, { send }) {
        if (kind === BUS.leave) send(BUS.done);
      },
    });
    const client = clientOf(there.path);
    const twice = client.request("twice", 2, { timeout: "1h", idempotent: true });
    await there.frame(BUS.request);
    there.vanish();
    await there.refuse(2);
    await there.listen();
    const { id } = await there.frame(BUS.request, 1);
    there.send(BUS.reply, { id, format: 1, body: Buffer.from("7") });
    expect(await twice).toBe(7);
    await expectFree(client);
  });

  it("keeps no request that was given up while it waited to be sent again", async () => {
    const there = await puppet({
      heard({ kind }, { send }) {
        if (kind === BUS.leave) send(BUS.done);
      },
    });
    const client = clientOf(there.path);
    const controller = new AbortController();
    const { signal } = controller;
    const asking = rejection(client.request("a", 2, { timeout: "1h", idempotent: true, signal }));
    await there.frame(BUS.request);
    const [down, up] = [deferred<string>(), deferred()];
    client.on("down", down.resolve);
    there.vanish();
    await down.promise;
    controller.abort();
    expect((await asking).name).toBe("AbortError");
    client.on("up", up.resolve);
    await there.listen();
    await up.promise;
    await expectFree(client);
  });

  it("is none because of an error that a newer supervisor says in another way", async () => {
    const there = await puppet({
      heard({ kind, id }, { send }) {
        const head = {
          name: "HoldfastError",
          code: "HF_BUS_QUEUE_FAILED",
          message: "no more room",
        };
        if (kind === BUS.enqueue) send(BUS.failure, { id, head: { ...head, details: { why: 1 } } });
      },
    });
    const client = clientOf(there.path);
    const downs: string[] = [];
    client.on("down", (reason) => downs.push(reason));
    expect(await rejection(client.enqueue("jobs", 1))).toMatchObject({
      ...{ code: "HF_BUS_QUEUE_FAILED", message: "no more room" },
    });
    expect(downs).toEqual([]);
  });

  it("rejects what was not confirmed, and stops handlers nobody waits for", async () => {
    const there = await puppet({
      heard({ kind, id }, { send }) {
        if (kind === BUS.subscribe) send(BUS.done, { id });
      },
    });
    const client = clientOf(there.path);
    const [began, stopped] = [deferred(), deferred()];
    await client.reply("work", (_data, { signal }) => {
      signal.addEventListener("abort", () => stopped.resolve());
      began.resolve();
      return new Promise(() => {});
    });
    const { id: to } = await there.frame(BUS.subscribe);
    const head = { timeoutMs: 60_000, from: null, attempt: 1 };
    there.link.offer({
      ...{ kind: BUS.request, format: 0, id: 5, to, subject: "work", head, body: Buffer.alloc(0) },
    });
    await began.promise;
    const publishing = codeOf(client.publish("a", 1, { confirm: true }));
    const reading = codeOf(client.state.get("a"));
    await there.frame(BUS.fetch);
    there.vanish();
    expect(await publishing).toBe("HF_BUS_CONNECTION_LOST");
    expect(await reading).toBe("HF_BUS_CONNECTION_LOST");
    await stopped.promise;
  });

  it("keeps publishes up to a bound, and fails them when it does not come back", async () => {
    const there = await puppet();
    const client = clientOf(there.path, 300);
    await client.publish("a", 1);
    const down = deferred<string>();
    client.on("down", down.resolve);
    there.vanish();
    await down.promise;
    const body = Buffer.alloc(400 * 1024);
    const [first, second, third] = [1, 2, 3].map(() => codeOf(client.publish("a", body)));
    const subscribing = codeOf(client.subscribe("b", () => {}));
    expect(await third).toBe("HF_BUS_OVERLOADED");
    expect(await first).toBe("HF_BUS_UNREACHABLE");
    expect(await second).toBe("HF_BUS_UNREACHABLE");
    expect(await subscribing).toBe("HF_BUS_UNREACHABLE");
    // At once from now on, and as before when it is there again.
    expect(await codeOf(client.publish("a", 1))).toBe("HF_BUS_UNREACHABLE");
    const up = deferred();
    client.on("up", up.resolve);
    await there.listen();
    await up.promise;
    await client.publish("a", 2);
  });

  it("counts the whole of what waits: headers, too", async () => {
    const there = await puppet();
    const client = clientOf(there.path);
    await client.publish("a", 1);
    const down = deferred<string>();
    client.on("down", down.resolve);
    there.vanish();
    await down.promise;
    const headers = { long: "x".repeat(15_000) };
    const all = Array.from({ length: 80 }, (_, n) =>
      codeOf(
        n % 2 ? client.publish("a", undefined, { headers }) : client.request("a", 1, { headers }),
      ),
    );
    await client.close({ timeout: 1 });
    const codes = await Promise.all(all);
    expect(codes.filter((code) => code === "HF_BUS_OVERLOADED").length).toBeGreaterThan(5);
    expect(codes.filter((code) => code === "HF_BUS_CLOSED").length).toBeGreaterThan(60);
  });

  it("ends a watch that has not had the present values yet", async () => {
    const there = await puppet({
      heard({ kind, id }, { send, vanish }) {
        if (kind === BUS.subscribe) send(BUS.done, { id });
        if (kind === BUS.fetch) vanish();
      },
    });
    const client = clientOf(there.path);
    expect(await codeOf(client.state.watch("a", () => {}))).toBe("HF_BUS_CONNECTION_LOST");
  });

  it("gives requests that were never sent their own reason", async () => {
    const there = await puppet();
    const client = clientOf(there.path);
    there.vanish();
    const error = await rejection(client.request("a", 1, { timeout: 50 }));
    expect(error).toMatchObject({ code: "HF_BUS_UNREACHABLE" });
    expect(error.message).toMatch(/ENOENT|ECONNREFUSED/);
  });
});

describe("subscriptions over reconnects", () => {
  it("are told in the order of their numbers, with their terms, and not when they are gone", async () => {
    const there = await puppet({
      heard({ kind, id }, { send }) {
        if (kind === BUS.subscribe || kind === BUS.unsubscribe) send(BUS.done, { id });
      },
    });
    const client = clientOf(there.path);
    const gone = await client.subscribe("gone", () => {});
    await client.subscribe("kept", () => {}, { queue: "q", by: "idle", maxBytes: "2M" });
    await gone.unsubscribe();
    const before = there.frames.length;
    there.vanish();
    await there.listen();
    const again = await there.frame(BUS.subscribe, before);
    expect(again.subject).toBe("kept");
    expect(again.head).toEqual({ kind: "listen", queue: "q", by: "idle", maxBytes: 2 * 1024 ** 2 });
    await client.publish("a", 1);
    await there.frame(BUS.publish);
    expect(there.frames.slice(before).map(({ subject }) => subject)).toEqual(["kept", "a"]);
  });

  it("tell by their pattern that they are refused, also when they are made again", async () => {
    const there = await puppet({
      heard({ kind, id, subject }, { send, frames }) {
        if (kind !== BUS.subscribe) return;
        const isFirst = frames.filter((frame) => frame.subject === subject).length === 1;
        const head = { code: "HF_BUS_OVERLOADED", message: "there are too many" };
        if (isFirst && subject !== "never.*") send(BUS.done, { id });
        else send(BUS.failure, { id, head });
      },
    });
    const client = clientOf(there.path);
    const refused = await rejection(client.subscribe("never.*", () => {}));
    expect(refused).toMatchObject({ code: "HF_BUS_OVERLOADED" });
    expect(refused.message).toContain('"never.*"');
    await client.subscribe("once.*", () => {});
    const told = deferred<[unknown, string]>();
    client.on("error", (error, { subject }) => told.resolve([error, subject]));
    there.vanish();
    await there.listen();
    const [error, subject] = await told.promise;
    expect(error).toMatchObject({ code: "HF_BUS_OVERLOADED" });
    expect(subject).toBe("once.*");
  });

  it("end where the supervisor refuses this process then, and that is told", async () => {
    const hello: Record<string, unknown> = {};
    const there = await puppet({
      hello,
      heard({ kind, id }, { send }) {
        if (kind === BUS.subscribe) send(BUS.done, { id });
      },
    });
    const client = clientOf(there.path);
    await client.subscribe("a", () => {});
    const downs: string[] = [];
    client.on("down", (reason) => downs.push(reason));
    hello.protocol = 2;
    there.vanish();
    await there.listen();
    await until(() => downs.length === 2, { what: "the word that there will be no connection" });
    expect(downs[1]).toMatch(/protocol 2.*for good/);
    expect(await codeOf(client.publish("a", 1))).toBe("HF_BUS_REFUSED");
  });
});

describe("a bus that cannot be had", () => {
  it("is unreachable without Holdfast, and says so", async () => {
    const error = await rejection(bus.publish("a", 1));
    expect(error).toMatchObject({ code: "HF_BUS_UNREACHABLE" });
    expect(error.message).toMatch(/no worker of Holdfast/);
    for (const call of [bus.subscribe("a", () => {}), bus.request("a"), bus.state.get("a")]) {
      expect(await codeOf(call)).toBe("HF_BUS_UNREACHABLE");
    }
  });

  it("is unreachable where the supervisor has none", async () => {
    const own = createWorkerBus(() => ({ bus: null }) as never);
    expect((await rejection(own.flush())).message).toMatch(/could not open/);
  });

  it("is unreachable where nobody listens, and known at once", async () => {
    const error = await rejection(connect("unix:/nowhere/bus.sock"));
    expect(error).toMatchObject({ code: "HF_BUS_UNREACHABLE" });
    expect(error.message).toContain("/nowhere/bus.sock");
    expect(await codeOf(connect("tcp://localhost"))).toBe("HF_BUS_OPTION_INVALID");
    expect(await codeOf(connect(`/${"x".repeat(200)}`))).toBe("HF_BUS_OPTION_INVALID");
    const options = { nmae: "x" } as object;
    expect(await codeOf(connect("/nowhere", options))).toBe("HF_BUS_OPTION_INVALID");
  });

  it("is waited for no longer than the caller wants, and holds nobody then", async () => {
    const silent = net.createServer(() => {});
    const path = join(mkdtempSync(join(tmpdir(), "hf-bus-")), "bus.sock");
    atEnd(() => rmSync(dirname(path), { recursive: true, force: true }));
    await new Promise<void>((resolve) => silent.listen(path, resolve));
    atEnd(() => silent.close());
    const reason = new Error("no time");
    const nobody = join(dirname(path), "nobody.sock");
    for (const url of [path, [path, nobody]]) {
      for (const balance of ["one", "all"] as const) {
        const controller = new AbortController();
        const { signal } = controller;
        const connecting = rejection(connect(url, { balance, signal }));
        await once(silent, "connection");
        const began = performance.now();
        controller.abort(reason);
        expect(await connecting).toBe(reason);
        expect(performance.now() - began).toBeLessThan(2000);
        expect(await rejection(connect(url, { balance, signal }))).toBe(reason);
      }
    }
    const served = serve();
    const controller = new AbortController();
    const client = await served.client({ signal: controller.signal });
    controller.abort();
    await client.flush();
  });

  it("refuses who is not what it says, for good", async () => {
    const served = serve();
    const hooks = { worker: 1, token: "wrong", path: served.path, app: "app" };
    const drains: unknown[] = [];
    const worker = { bus: hooks, draining: new AbortController().signal, onDrain: drains.push };
    const own = createWorkerBus(() => worker as never);
    const error = await rejection(own.publish("a", 1, { confirm: true }));
    expect(error).toMatchObject({ code: "HF_BUS_REFUSED" });
    expect(error.message).toMatch(/not worker 1/);
    expect(await codeOf(own.subscribe("a", () => {}))).toBe("HF_BUS_REFUSED");
  });

  it("refuses another protocol", async () => {
    const there = await puppet({ hello: { protocol: 2, version: "9.9" } });
    const error = await rejection(connect(there.path));
    expect(error).toMatchObject({ code: "HF_BUS_REFUSED" });
    expect(error.message).toContain("9.9");
  });
});
