/** Publishing and subscribing, over the supervisor's real bus. */

import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { BusMessage } from "../../src/bus/api.ts";
import { until } from "../support/until.ts";
import { atEnd, codeOf, deferred, rejection, serve } from "./served.ts";

describe("publish and subscribe", () => {
  it("brings what is published to all who listen, in its order, the sender among them", async () => {
    const served = serve();
    const [one, other] = [await served.client({ name: "one" }), await served.client()];
    const heard: [string, unknown, BusMessage][] = [];
    await one.subscribe("orders.*", (data, message) => heard.push(["one", data, message]));
    await other.subscribe("orders.>", (data, message) => heard.push(["other", data, message]));
    await one.publish("orders.created", { id: 1 }, { headers: { trace: "t" } });
    await one.publish("orders.created", { id: 2 });
    await one.publish("orders.created.late", "deep");
    await until(() => heard.length === 5, { what: "five deliveries" });
    const of = (who: string) => heard.filter(([name]) => name === who).map(([, data]) => data);
    expect(of("one")).toEqual([{ id: 1 }, { id: 2 }]);
    expect(of("other")).toEqual([{ id: 1 }, { id: 2 }, "deep"]);
    const message = heard.find(([name]) => name === "other")?.[2];
    expect(message).toMatchObject({ subject: "orders.created", headers: { trace: "t" } });
    expect(message?.from).toMatchObject({ name: "one", app: null, worker: null });
  });

  it("gives each message to one member of a queue, and with a key always to the same", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    const heard: string[] = [];
    for (const [name, client] of Object.entries({ one, other })) {
      await client.subscribe("turns", () => heard.push(name), { queue: "workers" });
      await client.subscribe("keys", () => heard.push(name), { queue: "workers", by: "key" });
    }
    for (let n = 0; n < 10; n++) await one.publish("turns", n);
    await until(() => heard.length === 10, { what: "ten deliveries" });
    expect(heard.filter((name) => name === "one")).toHaveLength(5);
    heard.length = 0;
    for (let n = 0; n < 10; n++) await one.publish("keys", n, { key: "customer-7" });
    await until(() => heard.length === 10, { what: "ten deliveries" });
    expect(new Set(heard).size).toBe(1);
  });

  it("hears no more after unsubscribe(), also at the end of a block", async () => {
    const served = serve();
    const client = await served.client();
    const heard: unknown[] = [];
    {
      await using subscription = await client.subscribe("a", (data) => heard.push(data));
      expect(subscription.subject).toBe("a");
      await client.publish("a", 1);
      await until(() => heard.length === 1, { what: "the first" });
      await client.publish("a", 2);
    }
    await client.publish("a", 3);
    await client.flush();
    await turn();
    expect(heard).not.toContain(3);
  });

  it("handles what a member of a queue got before it left", async () => {
    const served = serve();
    const client = await served.client();
    const heard: unknown[] = [];
    const subscription = await client.subscribe("a", (data) => heard.push(data), { queue: "q" });
    await client.publish("a", 1);
    await subscription.unsubscribe();
    await until(() => heard.length === 1, { what: "the delivery" });
  });

  it("runs so many handlers at a time as is said, in the order of the messages", async () => {
    const served = serve();
    const client = await served.client();
    const began: unknown[] = [];
    const gates = [deferred(), deferred(), deferred()];
    await client.subscribe(
      "a",
      (data) => {
        began.push(data);
        return gates[Number(data)]?.promise;
      },
      { concurrency: 1 },
    );
    for (const n of [0, 1, 2]) await client.publish("a", n);
    await until(() => began.length === 1, { what: "the first handler" });
    await client.flush();
    await turn();
    expect(began).toEqual([0]);
    gates[0]?.resolve();
    await until(() => began.length === 2, { what: "the second handler" });
    gates[1]?.reject(new Error("also an end"));
    client.on("error", () => {});
    await until(() => began.length === 3, { what: "the third handler" });
    gates[2]?.resolve();
  });

  it("holds a message for the first who comes", async () => {
    const served = serve();
    const client = await served.client();
    await client.publish("late", "kept", { hold: "10s" });
    const got = deferred<unknown>();
    await client.subscribe("late", got.resolve);
    expect(await got.promise).toBe("kept");
  });

  it("tells the publisher who asks that a subscription refuses more", async () => {
    const served = serve();
    const [slow, client] = [await served.client(), await served.client()];
    const gate = deferred();
    const mebibyte = Buffer.alloc(1024 * 1024);
    const options = { policy: "reject", maxBytes: "1K" } as const;
    await slow.subscribe("big", () => gate.promise, options);
    // One is at work, and one waits.
    await client.publish("big", mebibyte, { confirm: true });
    await client.publish("big", mebibyte, { confirm: true });
    const refused = rejection(client.publish("big", mebibyte, { confirm: true }));
    expect(await refused).toMatchObject({ code: "HF_BUS_OVERLOADED" });
    gate.resolve();
  });

  it("waits for room in the supervisor and then goes on", async () => {
    const served = serve();
    const [slow, client] = [await served.client(), await served.client()];
    const gate = deferred();
    let heard = 0;
    const count = async (): Promise<void> => {
      await gate.promise;
      heard += 1;
    };
    await slow.subscribe("big", count, { policy: "wait", maxBytes: "1K" });
    const body = Buffer.alloc(300 * 1024);
    let taken = 0;
    const all = Array.from({ length: 12 }, () => client.publish("big", body).then(() => taken++));
    await until(() => taken >= 3, { what: "the first to be taken" });
    await turn();
    expect(taken).toBeLessThan(12);
    gate.resolve();
    await Promise.all(all);
    await until(() => heard === 12, { what: "all to be heard" });
  });
});

describe("what is passed", () => {
  const values: readonly [string, unknown, ("json" | "clone")?][] = [
    ["undefined", undefined],
    ["null", null],
    ["text", "grüße \u{1f600}"],
    ["an object", { a: [1, { b: null }], c: "" }],
    ["a Buffer", Buffer.from([0, 255, 1])],
    ["an empty Buffer", Buffer.alloc(0)],
    ["bytes", new Uint8Array([1, 2, 3])],
    ["doubles", new Float64Array([1.5, Number.NaN, -0])],
    ["big integers", new BigInt64Array([-1n, 2n ** 62n])],
    ["a part of an array", new Int16Array([1, 2, 3, 4]).subarray(1, 3)],
    ["what structured clone takes", new Map([[new Date(0), new Set([1n, /x/])]]), "clone"],
  ];
  it.each(values)("%s comes as it was", async (_name, value, encoding) => {
    const served = serve();
    const client = await served.client();
    const got = deferred<unknown>();
    await client.subscribe("a", got.resolve);
    await client.publish("a", value, encoding && { encoding });
    const arrived = await got.promise;
    expect(arrived).toEqual(value);
    expect(Object.getPrototypeOf(arrived ?? {})).toBe(Object.getPrototypeOf(value ?? {}));
  });

  it("a circle with structured clone", async () => {
    const served = serve();
    const client = await served.client();
    const got = deferred<{ self: unknown }>();
    await client.subscribe("a", got.resolve);
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    await client.publish("a", circle, { encoding: "clone" });
    const arrived = await got.promise;
    expect(arrived.self).toBe(arrived);
  });

  it("bytes may be written into again as soon as publish() has returned", async () => {
    const served = serve();
    const client = await served.client();
    const got = deferred<Buffer>();
    await client.subscribe("a", got.resolve);
    // Large enough not to be copied on its way, and small enough to wait for the end of the turn.
    const bytes = Buffer.alloc(32 * 1024, 1);
    void client.publish("a", bytes);
    bytes.fill(2);
    expect((await got.promise).every((byte) => byte === 1)).toBe(true);
  });

  it("each handler gets data of its own", async () => {
    const served = serve();
    const client = await served.client();
    const heard: { n: number }[] = [];
    const change = (data: { n: number }): void => {
      data.n += 1;
      heard.push(data);
    };
    await client.subscribe("a", change);
    await client.subscribe("*", change);
    await client.publish("a", { n: 1 });
    await until(() => heard.length === 2, { what: "both handlers" });
    expect(heard).toEqual([{ n: 2 }, { n: 2 }]);
  });

  it.each(["json", "clone"] as const)(
    "each handler gets bytes of its own (%s)",
    async (encoding) => {
      const served = serve();
      const client = await served.client();
      const heard: unknown[] = [];
      const change = (data: Buffer | Map<string, Uint8Array>): void => {
        const bytes = data instanceof Map ? data.get("bytes") : data;
        bytes?.fill((bytes[0] ?? 0) + 1);
        heard.push(bytes?.[0]);
      };
      await client.subscribe("a", change);
      await client.subscribe("*", change);
      // So long that it is no small part of what has come with it.
      const bytes = Buffer.alloc(512 * 1024, 1);
      const data = encoding === "json" ? bytes : new Map([["bytes", new Uint8Array(bytes)]]);
      await client.publish("a", data, { encoding });
      await until(() => heard.length === 2, { what: "both handlers" });
      expect(heard).toEqual([2, 2]);
    },
  );
});

describe("faults of a call", () => {
  it("are told there, with what is wrong and what to do", async () => {
    const served = serve();
    const client = await served.client();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const wrong: readonly [Promise<unknown>, string, RegExp][] = [
      [client.publish("a..b", 1), "HF_BUS_SUBJECT_INVALID", /"a\.\.b".*empty/],
      [client.publish("a.*", 1), "HF_BUS_SUBJECT_INVALID", /pattern only/],
      [client.publish("sys.worker", 1), "HF_BUS_SUBJECT_INVALID", /supervisor alone/],
      [client.subscribe("a.>.b", () => {}), "HF_BUS_SUBJECT_INVALID", /last token/],
      [client.request(7 as never), "HF_BUS_SUBJECT_INVALID", /a string/],
      [client.subscribe("a", 7 as never), "HF_BUS_OPTION_INVALID", /handler.*a function/],
      [client.publish("a", 1, { hold: "soon" }), "HF_BUS_OPTION_INVALID", /hold.*"soon".*30s/],
      [client.publish("a", 1, { ttl: 1 } as never), "HF_BUS_OPTION_INVALID", /ttl.*no such/],
      [client.publish("a", 1, { headers: { n: 1 } as never }), "HF_BUS_OPTION_INVALID", /"n"/],
      [client.request("a", 1, { timeout: 0 }), "HF_BUS_OPTION_INVALID", /timeout/],
      [client.publish("a", 1n), "HF_BUS_DATA_INVALID", /BigInt/],
      [client.publish("a", circle), "HF_BUS_DATA_INVALID", /circular/],
      [client.publish("a", () => {}), "HF_BUS_DATA_INVALID", /function/],
      [client.publish("a", new ArrayBuffer(1)), "HF_BUS_DATA_INVALID", /ArrayBuffer/],
      [client.publish("a", new DataView(new ArrayBuffer(1))), "HF_BUS_DATA_INVALID", /DataView/],
      [client.publish("a", "x".repeat(1024 * 1024)), "HF_BUS_TOO_LARGE", /1048578 bytes.*1048576/],
    ];
    for (const [call, code, words] of wrong) {
      const error = await rejection(call);
      expect(error).toMatchObject({ code, remedy: expect.stringMatching(/\w/) });
      expect(error.message).toMatch(words);
    }
    await client.publish("a", Buffer.alloc(1024 * 1024), { confirm: true });
  });

  it("of an event's name, too", async () => {
    const client = await serve().client();
    expect(() => client.on("eror" as "up", () => {})).toThrow(/there is no event "eror"/);
  });
});

describe("a handler that fails", () => {
  it("is told to who listens for errors, and the next message is handled", async () => {
    const client = await serve().client();
    const errors: [unknown, BusMessage][] = [];
    const remove = client.on("error", (error, message) => errors.push([error, message]));
    const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
    await client.subscribe("a", (data) => {
      if (data === 1) throw thrown;
      return Promise.reject(rejected);
    });
    await client.publish("a", 1);
    await client.publish("a", 2);
    await until(() => errors.length === 2, { what: "two errors" });
    expect(errors.map(([error]) => error)).toEqual([thrown, rejected]);
    expect(errors[0]?.[1]).toMatchObject({ subject: "a" });
    remove();
  });

  it("is a warning of the process where nobody listens", async () => {
    const client = await serve().client();
    const warned = deferred<Error>();
    process.on("warning", warned.resolve);
    atEnd(() => process.off("warning", warned.resolve));
    await client.subscribe("a", () => {
      throw new Error("out of paper");
    });
    await client.publish("a", 1);
    const warning = await warned.promise;
    expect(warning.name).toBe("HoldfastBusWarning");
    expect(warning.message).toMatch(/"a": Error: out of paper/);
  });

  it("is told whatever it throws", async () => {
    const client = await serve().client();
    const warned = deferred<Error>();
    process.on("warning", warned.resolve);
    atEnd(() => process.off("warning", warned.resolve));
    await client.subscribe("a", () => {
      throw Object.assign(Object.create(null), { paper: "out" });
    });
    await client.publish("a", 1);
    expect((await warned.promise).message).toMatch(/"a": .*paper: 'out'/);
  });

  it("gives its credit back: more than the window holds comes through", async () => {
    const served = serve();
    const [listener, client] = [await served.client(), await served.client()];
    let heard = 0;
    listener.on("error", () => {});
    await listener.subscribe("a", () => {
      heard += 1;
      throw new Error("always");
    });
    const body = Buffer.alloc(256 * 1024);
    for (let n = 0; n < 20; n++) {
      await client.publish("a", body);
      await until(() => heard === n + 1, { what: `delivery ${n + 1}` });
    }
  });
});

describe("a process that publishes and never waits", () => {
  it("has nothing overtaken: what is small waits behind what is large", async () => {
    const served = serve();
    const client = await served.client();
    const heard: number[] = [];
    await client.subscribe("n", (data: Buffer) => heard.push(data.readUInt8()));
    const sizes = [600, 600, 1, 600, 1, 1].map((kibibytes) => kibibytes * 1024);
    await Promise.all(sizes.map((size, n) => client.publish("n", Buffer.alloc(size, n))));
    await until(() => heard.length === sizes.length, { what: "all messages" });
    expect(heard).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("is told at last, and what was taken comes in order", async () => {
    const served = serve();
    const client = await served.client();
    const heard: number[] = [];
    await client.subscribe("n", (data: Buffer) => heard.push(data.readUInt32BE(0)));
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, (_, n) => {
        const body = Buffer.alloc(128 * 1024);
        body.writeUInt32BE(n);
        return client.publish("n", body);
      }),
    );
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(await codeOf(Promise.reject((refused[0] as PromiseRejectedResult).reason))).toBe(
      "HF_BUS_OVERLOADED",
    );
    const taken = results.length - refused.length;
    await until(() => heard.length === taken, { what: `${taken} messages` });
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
  });
});
