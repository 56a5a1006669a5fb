/** Several supervisors: one that is lost is another's work, or all share it. */

import { describe, expect, it } from "vitest";
import type { Bus } from "../../src/bus/api.ts";
import { BusClient } from "../../src/bus/client.ts";
import { connect } from "../../src/bus/connect.ts";
import type { HoldfastError } from "../../src/errors.ts";
import { BUS, type BusFrame } from "../../src/link/bus-frames.ts";
import { tlsAddress } from "../../src/link/bus-tls.ts";
import { until } from "../support/until.ts";
import { type Puppet, puppet } from "./puppet.ts";
import { KEY, remote, serveRemote } from "./remote-served.ts";
import { remoteSupervisor } from "./remote-supervisors.ts";
import { atEnd, codeOf, rejection } from "./served.ts";

const SECOND = 1000;

function answersAll({ id }: BusFrame, { send }: Puppet): void {
  send(BUS.done, { id });
}

function refusesAll({ id }: BusFrame, { send }: Puppet): void {
  send(BUS.failure, { id, head: { code: "HF_BUS_OVERLOADED", message: "there are too many" } });
}

describe("one of several supervisors", () => {
  it(
    "is left for another when it is killed, and no idempotent request is lost",
    async () => {
      const both = await Promise.all([remoteSupervisor("first"), remoteSupervisor("second")]);
      const client = await remote(both.map(({ url }) => url));
      const options = { idempotent: true, timeout: "30s" };
      const before = await client.request<string>("who", null, options);
      const downs: string[] = [];
      client.on("down", (reason) => downs.push(reason));
      const asked: Promise<string>[] = [];
      for (let at = 0; at < 40; at += 1) {
        asked.push(client.request<string>(at % 4 ? "who" : "slow", at % 4 ? null : 200, options));
      }
      await until(async () => (await Promise.race([...asked])) === before, { what: "an answer" });
      await both.find(({ name }) => name === before)?.kill();
      for (let at = 0; at < 10; at += 1) asked.push(client.request("who", null, options));
      const answers = await Promise.all(asked);
      expect(new Set(answers)).toEqual(new Set(["first", "second"]));
      expect(await client.request("who", null, options)).not.toBe(before);
      expect(downs).toHaveLength(1);
      expect(downs[0]).toContain(both.find(({ name }) => name === before)?.url);
    },
    60 * SECOND,
  );

  it(
    "is left when it stands still and says nothing",
    async () => {
      const both = await Promise.all([remoteSupervisor("first"), remoteSupervisor("second")]);
      const proof = { psk: { identity: "shop", key: Buffer.from(KEY, "hex") } };
      const addresses = both.map(({ url }) =>
        tlsAddress("127.0.0.1", Number(new URL(url).port), proof),
      );
      const probe = { everyMs: 400, withinMs: 300 };
      const client = new BusClient(() => ({ addresses, hello: {}, probe }));
      atEnd(() => client.close({ timeout: 1 }));
      const options = { idempotent: true, timeout: "30s" };
      const before = await client.request<string>("who", null, options);
      const downs: string[] = [];
      client.on("down", (reason) => downs.push(reason));
      const still = both.find(({ name }) => name === before);
      still?.signal("SIGSTOP");
      const began = performance.now();
      expect(await client.request("who", null, options)).not.toBe(before);
      expect(performance.now() - began).toBeLessThan(10 * SECOND);
      expect(downs[0]).toMatch(/has not answered for 300 ms/);
    },
    60 * SECOND,
  );

  it("is not left while it answers, however little there is to say", async () => {
    const { url } = await serveRemote();
    const proof = { psk: { identity: "shop", key: Buffer.from(KEY, "hex") } };
    const addresses = [tlsAddress("127.0.0.1", Number(new URL(url).port), proof)];
    const probe = { everyMs: 20, withinMs: 10 };
    const client = new BusClient(() => ({ addresses, hello: {}, probe }));
    atEnd(() => client.close({ timeout: 1 }));
    await client.opened();
    const downs: string[] = [];
    client.on("down", (reason) => downs.push(reason));
    const since = performance.now();
    await until(() => performance.now() - since > 500, { what: "25 questions" });
    // As a process does that computes for a while: what has come meanwhile is read first.
    const busyUntil = performance.now() + 200;
    while (performance.now() < busyUntil);
    await client.flush();
    expect(downs).toEqual([]);
  });

  it("begins with any of them", async () => {
    const both = [await serveRemote(), await serveRemote()];
    const members = (): number[] => both.map(({ bus }) => bus.counts.members);
    for (let at = 0; at < 40 && members().includes(0); at += 1) {
      await remote(both.map(({ url }) => url));
    }
    expect(members()).not.toContain(0);
  });

  it("is tried after others that refuse, and all that refuse end it", async () => {
    const other = { shop: { key: "22".repeat(32) } };
    const [good, wrong, wrongToo] = [
      await serveRemote(),
      await serveRemote({ psk: other }),
      await serveRemote({ psk: other }),
    ];
    for (let times = 0; times < 5; times += 1) {
      const client = await remote([wrong.url, good.url, wrongToo.url]);
      await client.flush();
    }
    const error = await rejection(remote([wrong.url, wrongToo.url]));
    expect(error).toMatchObject({ code: "HF_BUS_REFUSED" });
    expect(error.message).toContain(wrong.url);
    expect(error.message).toContain(wrongToo.url);
  });

  it("says of each why it cannot be had, once all were tried", async () => {
    const urls = ["tls://127.0.0.1:1", "tls://127.0.0.1:2"];
    const error = await rejection(remote(urls));
    expect(error).toMatchObject({ code: "HF_BUS_UNREACHABLE" });
    for (const url of urls) expect(error.message).toContain(url);
  });
});

describe("all of several supervisors", () => {
  const spread = async (...all: { readonly url: string }[]): Promise<Bus> =>
    remote(
      all.map(({ url }) => url),
      { balance: "all" },
    );

  it(
    "serve by turns, and while one is killed no idempotent request is lost",
    async () => {
      const both = await Promise.all([remoteSupervisor("first"), remoteSupervisor("second")]);
      const client = await spread(...both);
      const options = { idempotent: true, timeout: "30s" };
      const ask = (): Promise<string> => client.request<string>("who", null, options);
      expect(new Set([await ask(), await ask()])).toEqual(new Set(["first", "second"]));
      const asked = Array.from({ length: 20 }, () => client.request<string>("slow", 300, options));
      await until(() => both[0].kill().then(() => true), { what: "its end" });
      expect(await Promise.all(asked)).toHaveLength(20);
      expect([await ask(), await ask(), await ask()]).toEqual(["second", "second", "second"]);
    },
    60 * SECOND,
  );

  it("carry what is published to whom stands on all, and gather from all", async () => {
    const both = [await serveRemote(), await serveRemote()];
    const [sends, takes] = [await spread(...both), await spread(...both)];
    const heard: unknown[] = [];
    const subscription = await takes.subscribe("a.*", (data) => heard.push(data));
    const answering = await takes.reply("stats", () => process.pid);
    for (let at = 0; at < 10; at += 1) await sends.publish("a.b", at);
    await sends.flush();
    await until(() => heard.length === 10, { what: "all messages" });
    expect([...heard].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(both.map(({ bus }) => bus.counts.messages.publish)).toEqual([5, 5]);
    const { results } = await sends.gather("stats");
    expect(results.map(({ data }) => data)).toEqual([process.pid, process.pid]);
    await subscription.unsubscribe();
    await answering.unsubscribe();
    expect(await codeOf(sends.request("stats"))).toBe("HF_BUS_NO_RESPONDERS");
    expect((await sends.gather("stats")).results).toEqual([]);
  });

  it("send what has a key by one of them", async () => {
    const both = [await serveRemote(), await serveRemote()];
    const client = await spread(...both);
    for (let at = 0; at < 6; at += 1) await client.publish("a", at, { key: "customer 7" });
    await client.flush();
    expect(both.map(({ bus }) => bus.counts.messages.publish).sort()).toEqual([0, 6]);
  });

  it("find who answers on one of them only", async () => {
    const both = [await serveRemote(), await serveRemote()];
    const client = await spread(...both);
    await (await remote(both[1]?.url ?? "")).reply("only", () => "here");
    for (let at = 0; at < 4; at += 1) expect(await client.request("only")).toBe("here");
  });

  it("get what is subscribed when they come, and it is up while one is there", async () => {
    const both = [await serveRemote(), await serveRemote()];
    await both[0]?.stop();
    const client = await spread(...both);
    const events: string[] = [];
    client.on("up", () => events.push("up"));
    client.on("down", () => events.push("down"));
    await client.reply("late", () => "answer");
    await both[0]?.start();
    const there = await remote(both[0]?.url ?? "");
    expect(await there.request("late", null, { hold: true, timeout: "20s" })).toBe("answer");
    await both[1]?.stop();
    await there.flush();
    expect(events).not.toContain("down");
    await both[0]?.stop();
    await until(() => events.at(-1) === "down", { what: "the last one's loss" });
  });

  it("tell what one of them, that comes later, will not have", async () => {
    const both = [await puppet({ heard: answersAll }), await puppet({ heard: refusesAll })];
    both[1]?.vanish();
    const client = await connect(
      both.map(({ path }) => path),
      { balance: "all" },
    );
    atEnd(() => client.close({ timeout: 1 }));
    const told: unknown[] = [];
    client.on("error", (error, { subject }) => told.push([(error as HoldfastError).code, subject]));
    await client.subscribe("a.*", () => {});
    expect(told).toEqual([]);
    await both[1]?.listen();
    await until(() => told.length > 0, { what: "the refusal" });
    expect(told).toEqual([["HF_BUS_OVERLOADED", "a.*"]]);
  });

  it("are asked no more when the signal of a gather fires, whoever has answered", async () => {
    const both = [await serveRemote(), await serveRemote()];
    const client = await spread(...both);
    await (await remote(both[0]?.url ?? "")).reply("stats", () => new Promise(() => {}));
    const controller = new AbortController();
    const asking = rejection(client.gather("stats", 1, { signal: controller.signal }));
    await until(() => both[1]?.bus.counts.messages.request === 1, { what: "the other's answer" });
    await client.flush();
    controller.abort();
    expect((await asking).name).toBe("AbortError");
  });

  it("keep nothing that only one could keep", async () => {
    const both = [await serveRemote(), await serveRemote()];
    const client = await spread(...both);
    const refused = [
      ...[client.state.set("a", 1), client.state.get("a"), client.state.watch("a", () => {})],
      ...[client.publish("a", 1, { retain: true }), client.lock("a"), client.leader("a", () => {})],
    ];
    for (const call of refused) {
      const error = await rejection(call);
      expect(error).toMatchObject({ code: "HF_BUS_OPTION_INVALID" });
      expect(error.message).toContain("connect to that one");
    }
  });

  it("are refused together, and unreachable together", async () => {
    const { url, stop } = await serveRemote({ psk: { shop: { key: "22".repeat(32) } } });
    const other = await serveRemote({ psk: { shop: { key: "22".repeat(32) } } });
    expect(await codeOf(spread({ url }, other))).toBe("HF_BUS_REFUSED");
    await stop();
    expect(await codeOf(spread({ url }, other))).toBe("HF_BUS_UNREACHABLE");
    const good = await serveRemote();
    const client = await spread({ url }, good);
    await client.publish("a", 1, { confirm: true });
    await expect(client.subscribe("a..b", () => {})).rejects.toMatchObject({
      code: "HF_BUS_SUBJECT_INVALID",
    });
  });
});
