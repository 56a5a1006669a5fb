/** Requests, answers and gathering, over the supervisor's real bus. */

import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { BusRequest } from "../../src/bus/api.ts";
import { BusRemoteError } from "../../src/bus/remote-error.ts";
import { HoldfastError } from "../../src/errors.ts";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { clientOf, puppet } from "./puppet.ts";
import { codeOf, deferred, rejection, serve } from "./served.ts";

/** Never answers by itself. */
const stuck = (): Promise<never> => new Promise(() => {});

describe("request and reply", () => {
  it("brings the answer of one who is there", async () => {
    const served = serve();
    const [one, other] = [await served.client({ name: "one" }), await served.client()];
    const asked = deferred<BusRequest>();
    await other.reply("price.*", (data: { sku: number }, request) => {
      asked.resolve(request);
      return { sku: data.sku, price: 42 };
    });
    const before = Date.now();
    const headers = { lang: "de" };
    const answer = await one.request("price.eur", { sku: 7 }, { timeout: "2s", headers });
    expect(answer).toEqual({ sku: 7, price: 42 });
    const request = await asked.promise;
    expect(request).toMatchObject({ subject: "price.eur", attempt: 1, headers });
    expect(request.from.name).toBe("one");
    expect(request.deadline - before).toBeGreaterThan(1000);
    expect(request.deadline - before).toBeLessThan(3000);
    expect(request.signal.aborted).toBe(false);
  });

  it("passes bytes, structured clones and nothing at all as they are", async () => {
    const client = await serve().client();
    await client.reply("echo", (data) => data, { encoding: "clone" });
    expect(await client.request("echo")).toBe(undefined);
    expect(await client.request("echo", Buffer.from("abc"))).toEqual(Buffer.from("abc"));
    const map = new Map([["a", 1n]]);
    expect(await client.request("echo", map, { encoding: "clone" })).toEqual(map);
  });

  it("fails at once where nobody answers, and waits with hold", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    expect(await codeOf(one.request("late", 1, { timeout: "1h" }))).toBe("HF_BUS_NO_RESPONDERS");
    const held = one.request("late", 1, { timeout: "30s", hold: true });
    await one.flush();
    await other.reply("late", (data) => Number(data) + 1);
    expect(await held).toBe(2);
  });

  it("says that nobody has come, where it was held until its time was over", async () => {
    const client = await serve().client();
    const asking = rejection(client.request("late", 1, { timeout: 50, hold: true }));
    expect(await asking).toMatchObject({ code: "HF_BUS_NO_RESPONDERS" });
  });

  it("brings many large answers that are given at once", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    const [all, gate] = [deferred(), deferred()];
    let count = 0;
    await other.reply("large", async () => {
      count += 1;
      if (count === 24) all.resolve();
      await gate.promise;
      return Buffer.alloc(1024 * 1024);
    });
    const ask = (): Promise<Buffer> => one.request("large", 1, { timeout: "1m" });
    const asking = Promise.all(Array.from({ length: 24 }, ask));
    await all.promise;
    gate.resolve();
    expect((await asking).map(({ length }) => length)).toEqual(Array(24).fill(1024 * 1024));
  });

  it("carries the handler's error over with name, message, code and cause", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client({ name: "other" })];
    await other.reply("fails", (kind) => {
      if (kind === "text") throw "only text";
      const cause = Object.assign(new Error("no route"), { code: "EHOSTUNREACH" });
      throw Object.assign(new RangeError("too far", { cause }), { code: "E_FAR" });
    });
    const error = (await rejection(one.request("fails"))) as BusRemoteError;
    expect(error).toBeInstanceOf(BusRemoteError);
    expect(error).toMatchObject({ name: "RangeError", message: "too far", code: "E_FAR" });
    expect(error.cause).toMatchObject({ message: "no route", code: "EHOSTUNREACH" });
    expect(error.from?.name).toBe("other");
    expect(error.remoteStack).toContain("requests.test.ts");
    expect(await rejection(one.request("fails", "text"))).toMatchObject({ message: "only text" });
  });

  it("carries over an error whose code is longer than a frame, cut", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    await one.reply("work", () => {
      throw Object.assign(new Error("no"), { code: "x".repeat(2_000_000) });
    });
    const error = await rejection(other.request("work", 1, { timeout: "20s" }));
    expect(error).toMatchObject({ message: "no", code: expect.stringMatching(/^x{4000}\.\.\.$/) });
  });

  it("tells an error of the bus that a handler had from one of its own", async () => {
    const client = await serve().client();
    await client.reply("outer", () => client.request("nobody"));
    const error = await rejection(client.request("outer"));
    expect(error).toBeInstanceOf(BusRemoteError);
    expect(error).toMatchObject({ code: "HF_BUS_NO_RESPONDERS", name: "HoldfastError" });
  });

  it("tells the one who asks that the answer is too large, or none", async () => {
    const client = await serve().client();
    await client.reply("large", () => Buffer.alloc(1024 * 1024 + 1));
    await client.reply("odd", () => () => {});
    expect(await codeOf(client.request("large"))).toBe("HF_BUS_TOO_LARGE");
    expect(await codeOf(client.request("odd"))).toBe("HF_BUS_DATA_INVALID");
  });

  it("gives up at its timeout, and the handler's signal fires", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    const stopped = deferred();
    await other.reply("slow", (_data, { signal }) => {
      signal.addEventListener("abort", () => stopped.resolve());
      return stuck();
    });
    const error = await rejection(one.request("slow", null, { timeout: 50 }));
    expect(error).toMatchObject({ code: "HF_BUS_TIMEOUT", details: { afterMs: 50 } });
    await stopped.promise;
  });

  it("ends with the caller's signal, and the handler's signal fires", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    const [began, stopped] = [deferred(), deferred()];
    await other.reply("slow", (_data, { signal }) => {
      began.resolve();
      signal.addEventListener("abort", () => stopped.resolve());
      return stuck();
    });
    const controller = new AbortController();
    const options = { timeout: "1h", signal: controller.signal } as const;
    const asking = rejection(one.request("slow", null, options));
    await began.promise;
    const reason = new Error("changed my mind");
    controller.abort(reason);
    expect(await asking).toBe(reason);
    await stopped.promise;
    expect(await rejection(one.request("slow", null, options))).toBe(reason);
  });

  it("fails at once when the one who works on it is gone", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client({ name: "gone" })];
    const began = deferred();
    await other.reply("work", () => {
      began.resolve();
      return stuck();
    });
    const asking = rejection(one.request("work", 1, { timeout: "1h" }));
    await began.promise;
    await other.close({ timeout: 1 });
    const error = await asking;
    expect(error).toMatchObject({ code: "HF_BUS_WORKER_LOST" });
    expect(error.message).toContain("gone");
  });

  it("goes to another one where it may be done twice", async () => {
    const served = serve();
    const asker = await served.client();
    const [first, second] = [await served.client(), await served.client()];
    const began = deferred();
    await first.reply("work", () => {
      began.resolve();
      return stuck();
    });
    const asking = asker.request("work", 1, { timeout: "1h", idempotent: true });
    await began.promise;
    await second.reply("work", (_data, { attempt }) => `attempt ${attempt}`);
    await first.close({ timeout: 1 });
    expect(await asking).toBe("attempt 2");
  });

  it("works on so many at a time as is said, and not on those that were given up", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    const gate = deferred();
    const began: unknown[] = [];
    const work = async (data: unknown): Promise<unknown> => {
      began.push(data);
      await gate.promise;
      return data;
    };
    await other.reply("work", work, { concurrency: 1 });
    const first = one.request("work", 1);
    const given = codeOf(one.request("work", 2, { timeout: 30 }));
    const third = one.request("work", 3);
    expect(await given).toBe("HF_BUS_TIMEOUT");
    await one.flush();
    gate.resolve();
    expect(await Promise.all([first, third])).toEqual([1, 3]);
    expect(began).toEqual([1, 3]);
  });
});

describe("gather", () => {
  it("tells all results, errors and who is missing", async () => {
    const served = serve();
    const asker = await served.client();
    for (const name of ["good", "bad", "silent"]) {
      const client = await served.client({ name });
      await client.reply("stats", () => {
        if (name === "bad") throw new TypeError("no stats");
        return name === "silent" ? stuck() : { name };
      });
    }
    const { results, errors, missing } = await asker.gather("stats", null, { timeout: 100 });
    expect(results.map(({ from, data }) => [from.name, data])).toEqual([
      ["good", { name: "good" }],
    ]);
    expect(errors.map(({ from, error }) => [from.name, error.name, error.message])).toEqual([
      ["bad", "TypeError", "no stats"],
    ]);
    expect(missing.map(({ name }) => name)).toEqual(["silent"]);
  });

  it("ends when all have answered, and at once where nobody is", async () => {
    const served = serve();
    const asker = await served.client();
    const none = { results: [], errors: [], missing: [] };
    expect(await asker.gather("nobody", 1, { timeout: "1h" })).toEqual(none);
    const client = await served.client();
    await client.reply("all", (data) => data);
    const { results } = await asker.gather("all", 1, { timeout: "1h" });
    expect(results.map(({ data }) => data)).toEqual([1]);
  });

  it("ends with the caller's signal", async () => {
    const client = await serve().client();
    await client.reply("all", stuck);
    const signal = AbortSignal.timeout(20);
    const error = await rejection(client.gather("all", 1, { timeout: "1h", signal }));
    expect(error.name).toBe("TimeoutError");
  });
});

describe("close", () => {
  it("sends what waits for a connection that is being made", async () => {
    const there = await puppet({
      heard({ kind }, { send }) {
        if (kind === BUS.leave) send(BUS.done);
      },
    });
    const client = clientOf(there.path);
    const publishing = client.publish("a", 1);
    await client.close();
    await publishing;
    await there.frame(BUS.publish);
  });

  it("lets handlers and requests end, refuses what is new, and is done once", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    const [gate, began] = [deferred(), deferred()];
    await one.reply("helper", () => "helped");
    await other.reply("work", async () => {
      began.resolve();
      await gate.promise;
      return other.request("helper");
    });
    const asking = one.request("work", 1, { timeout: "1h" });
    await began.promise;
    const closing = other.close();
    await until(() => codeOf(one.request("work")).then((code) => code === "HF_BUS_NO_RESPONDERS"), {
      what: "the closing one to be asked no more",
    });
    expect(await codeOf(other.subscribe("a", () => {}))).toBe("HF_BUS_CLOSED");
    gate.resolve();
    expect(await asking).toBe("helped");
    await Promise.all([closing, other.close()]);
    expect(await codeOf(other.publish("a", 1))).toBe("HF_BUS_CLOSED");
    expect(await codeOf(other.request("a", 1))).toBe("HF_BUS_CLOSED");
  });

  it("does not wait for ever: signals fire, and what is under way is told", async () => {
    const served = serve();
    const client = await served.client();
    const [began, stopped] = [deferred(), deferred()];
    await client.reply("work", (_data, { signal }) => {
      signal.addEventListener("abort", () => stopped.resolve());
      began.resolve();
      return stuck();
    });
    const asking = rejection(client.request("work", 1, { timeout: "1h" }));
    await began.promise;
    await client.close({ timeout: 20 });
    await stopped.promise;
    const error = await asking;
    expect(error).toBeInstanceOf(HoldfastError);
    expect(error.code).toBe("HF_BUS_CLOSED");
    await turn();
  });
});
