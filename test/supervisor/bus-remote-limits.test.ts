/** Programs on other machines may do what they have permission for, and no more than their share. */

import { describe, expect, it } from "vitest";
import { connect as connectBus } from "../../src/bus/connect.ts";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import type { TestClient } from "./bus-clients.ts";
import { ALL, byKey, KEY, remoteStages } from "./bus-remote-stage.ts";

const stage = remoteStages();
const key = KEY.toString("hex");
const SOME = {
  ...{ publish: ["orders.*"], subscribe: ["orders.>"], request: ["price"] },
  ...{ reply: ["stock.*"], queues: ["mail"], locks: ["nightly"] },
};

async function guest() {
  const made = await stage({ psk: { edge: { key, ...SOME }, none: { key } } });
  return { ...made, remote: await made.client(byKey("edge")) };
}

/** What the supervisor says to it. */
async function said(client: TestClient, kind: number, subject: string, head = {}) {
  const id = said.next;
  said.next += 1;
  client.send(kind, id, subject, head, kind === BUS.publish ? 1 : undefined);
  const { kind: answer, head: why } = await client.answer(id);
  return answer === BUS.failure ? String(why?.code) : "done";
}
said.next = 1;

describe("permissions", () => {
  it.each([
    ["publish", BUS.publish, "orders.new", "orders.eu.new", {}],
    ["keep a value", BUS.publish, "orders.new", "config", { retain: true }],
    ["hold a message", BUS.publish, "orders.new", "later", { hold: 1000 }],
    ["subscribe", BUS.subscribe, "orders.eu.*", "*.eu", { kind: "listen" }],
    [
      "subscribe to what is the supervisor's",
      BUS.subscribe,
      "orders.>",
      "sys.>",
      { kind: "listen" },
    ],
    ["be of a queue group", BUS.subscribe, "orders.new", "jobs", { kind: "listen", queue: "crew" }],
    ["answer", BUS.subscribe, "stock.eu", "orders.new", { kind: "reply" }],
    ["read values", BUS.fetch, "orders.>", ">", {}],
  ])("let a program %s within them, and nowhere else", async (_what, kind, good, bad, head) => {
    const { remote } = await guest();
    expect(await said(remote, kind, good, head)).toBe("done");
    expect(await said(remote, kind, bad, head)).toBe("HF_BUS_FORBIDDEN");
    await remote.sync();
    expect(remote.downs).toBe(0);
  });

  it("let a program ask within them, also all at once", async () => {
    const { remote, local } = await guest();
    await local.subscribe(1, ">", { kind: "reply" });
    remote.send(BUS.request, 5, "price", { timeoutMs: 60_000 });
    const asked = await until(() => local.of(BUS.request)[0], { what: "the request" });
    local.send(BUS.reply, asked.id, "", null, 42);
    expect((await remote.answer(5)).kind).toBe(BUS.reply);
    for (const head of [{}, { all: true }, { hold: true, idempotent: true }]) {
      expect((await remote.request("who", head)).head?.code).toBe("HF_BUS_FORBIDDEN");
    }
    expect(local.of(BUS.request)).toHaveLength(1);
  });

  it("are needed for queues and locks of each name, and for a look at all queues", async () => {
    const { remote } = await guest();
    const queue = { concurrency: 1, timeoutMs: 1000, session: "s", holding: [] };
    for (const [kind, subject, head] of [
      [BUS.enqueue, "other", { once: "x" }],
      [BUS.consume, "other", queue],
      [BUS.settle, "other", { message: "1", attempt: 1, how: "done" }],
      [BUS.manage, "other", { what: "peek" }],
      [BUS.manage, "", { what: "list" }],
      // A list is of all queues, whatever it names.
      [BUS.manage, "mail", { what: "list" }],
      [BUS.lock, "other", {}],
      [BUS.lock, "other", { leader: true }],
    ] as const) {
      expect([subject, await said(remote, kind, subject, head)]).toEqual([
        subject,
        "HF_BUS_FORBIDDEN",
      ]);
    }
    expect(await said(remote, BUS.lock, "nightly")).toBe("done");
  });

  it("are none unless they are given", async () => {
    const { client } = await guest();
    const none = await client(byKey("none"));
    for (const [kind, head] of [
      [BUS.publish, {}],
      [BUS.request, {}],
      [BUS.subscribe, { kind: "listen" }],
      [BUS.subscribe, { kind: "reply" }],
      [BUS.fetch, {}],
      [BUS.lock, {}],
      [99, {}],
    ] as const) {
      expect(await said(none, kind, "orders.new", head)).toBe("HF_BUS_FORBIDDEN");
    }
    await none.sync();
  });

  it("to hear let nobody stop those who speak", async () => {
    const { remote, local } = await guest();
    for (const policy of ["wait", "reject"]) {
      const head = { kind: "listen", policy };
      expect(await said(remote, BUS.subscribe, "orders.new", head)).toBe("HF_BUS_FORBIDDEN");
      expect(await said(local, BUS.subscribe, "orders.new", head)).toBe("done");
    }
    const head = { kind: "listen", policy: "drop-oldest" };
    expect(await said(remote, BUS.subscribe, "orders.new", head)).toBe("done");
  });

  it("are told of on one line, whatever somebody calls a subject", async () => {
    const { remote, fault } = await guest();
    remote.send(BUS.publish, 0, "a\n\u001b[2Jall is well", null, 1);
    const { message } = await fault("HF_BUS_REMOTE_FORBIDDEN");
    expect(message).toContain("a\\n\\u001b[2Jall is well");
  });

  it("are told to the library's client by its errors", async () => {
    const { port } = await guest();
    const remote = await connectBus(`tls://127.0.0.1:${port}`, { psk: { identity: "edge", key } });
    const forbidden = expect.objectContaining({
      code: "HF_BUS_FORBIDDEN",
      message: expect.stringContaining('"secret"'),
    });
    await expect(remote.publish("secret", 1, { confirm: true })).rejects.toEqual(forbidden);
    await expect(remote.request("secret")).rejects.toEqual(forbidden);
    await expect(remote.gather("secret")).rejects.toEqual(forbidden);
    await expect(remote.subscribe("secret", () => {})).rejects.toEqual(forbidden);
    await expect(remote.reply("secret", () => {})).rejects.toEqual(forbidden);
    await expect(remote.state.get("secret")).rejects.toEqual(forbidden);
    await expect(remote.lock("secret")).rejects.toEqual(forbidden);
    await remote.publish("orders.new", 1, { confirm: true });
    await remote.close();
  });

  it("give the window back where they refuse, count, and are told of seldom", async () => {
    const { remote, local, supervisor, fault, faults } = await guest();
    await local.subscribe(1, ">");
    const large = "x".repeat(200_000);
    for (let n = 0; n < 20; n += 1) {
      remote.send(BUS.publish, 0, "secret", null, large);
      await remote.sync();
    }
    const told = await fault("HF_BUS_REMOTE_FORBIDDEN");
    expect(told.message).toMatch(/the last: edge, publish "secret"/);
    expect(faults).toHaveLength(1);
    expect(local.of(BUS.publish, "secret")).toEqual([]);
    const { body } = await supervisor.metrics();
    expect(body).toContain('\nholdfast_bus_dropped_total{reason="forbidden"} 20\n');
  });
});

describe("what all members share", () => {
  const rate = { perSecond: 1_000_000, burst: 1_000_000 };

  it("has room for those of the machine when others have taken what they may", async () => {
    const { client, local } = await stage({ psk: { edge: { key, ...ALL } }, rate });
    const remote = await client(byKey("edge"));
    const last = async (most: number, say: (n: number) => Promise<string>): Promise<void> => {
      const outcomes: Promise<string>[] = [];
      for (let n = 1; n <= most + 1; n += 1) outcomes.push(say(n));
      const all = await Promise.all(outcomes);
      expect(all.slice(0, -1).every((one) => one === "done")).toBe(true);
      expect(all.at(-1)).toBe("HF_BUS_OVERLOADED");
    };
    await last(500, (n) => said(remote, BUS.publish, `held.n${n}`, { hold: 60_000 }));
    expect(await said(remote, BUS.request, "held.too", { hold: true, timeoutMs: 60_000 })).toBe(
      "HF_BUS_OVERLOADED",
    );
    expect(await said(local, BUS.publish, "held.local", { hold: 60_000 })).toBe("done");
    for (let n = 1; n <= 5000; n += 1) {
      remote.send(BUS.publish, 0, `kept.n${n}`, { retain: true }, n);
      if (n % 500 === 0) await remote.sync();
    }
    expect(await said(remote, BUS.publish, "kept.more", { retain: true })).toBe(
      "HF_BUS_OVERLOADED",
    );
    expect(await said(remote, BUS.publish, "kept.n1", { retain: true })).toBe("done");
    expect(await said(local, BUS.publish, "kept.local", { retain: true })).toBe("done");
  }, 20_000);

  it("is not used up by requests that nobody answers", async () => {
    const { client, local } = await stage({ psk: { edge: { key, ...ALL } }, rate });
    const remote = await client(byKey("edge"));
    await remote.subscribe(1, "mine", { kind: "reply" });
    for (let n = 0; n < 50_000; n += 1) {
      remote.send(BUS.request, 1_000_000 + n, "mine", { timeoutMs: 600_000 });
      if (n % 1000 === 999) await remote.sync();
    }
    expect((await remote.request("mine")).head?.code).toBe("HF_BUS_OVERLOADED");
    await local.subscribe(1, "ours", { kind: "reply" });
    const answer = local.request("ours");
    const asked = await until(() => local.of(BUS.request)[0], { what: "the request" });
    local.send(BUS.reply, asked.id, "", null, 42);
    expect((await answer).kind).toBe(BUS.reply);
  }, 30_000);
});

describe("the rate", () => {
  it("makes a program wait and loses nothing", async () => {
    const rate = { perSecond: 500, burst: 50 };
    const { client, local } = await stage({ psk: { edge: { key, ...ALL } }, rate });
    const remote = await client(byKey("edge"));
    await local.subscribe(1, "n");
    const began = performance.now();
    for (let n = 0; n < 1000; n += 1) remote.send(BUS.publish, 0, "n", null, n);
    await until(() => local.of(BUS.publish).length === 1000, { what: "all", timeoutMs: 20_000 });
    const tookMs = performance.now() - began;
    const numbers = local.of(BUS.publish).map(({ body }) => Number(body));
    expect(numbers).toEqual([...numbers.keys()]);
    // What comes at once is read at once, and the next waits for it.
    await remote.sync();
    expect(performance.now() - began).toBeGreaterThan(1000);
    expect(tookMs).toBeLessThan(20_000);
    expect(remote.downs).toBe(0);
  });

  it("is of the identity, not of a connection, and not that of others", async () => {
    const rate = { perSecond: 100, burst: 1 };
    const psk = { edge: { key, ...ALL }, other: { key, ...ALL } };
    const { client } = await stage({ psk, rate });
    const [one, two, other] = await Promise.all(
      ["edge", "edge", "other"].map((name) => client(byKey(name))),
    );
    for (let n = 0; n < 200; n += 1) one?.send(BUS.publish, 0, "n", null, n);
    await one?.sync();
    const began = performance.now();
    await other?.sync();
    const otherMs = performance.now() - began;
    // The first to be read for the identity again: both have to wait.
    await two?.sync();
    await two?.sync();
    expect(performance.now() - began).toBeGreaterThan(otherMs + 500);
  });
});
