/** examples/mqtt-broker: clients of four brokers hear one another, over reloads and kills; kept sessions miss nothing. */

import mqtt from "mqtt";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { numbers } from "../support/examples/judge.ts";
import {
  type ClientOptions,
  connected,
  Publisher,
  Subscriber,
  watchArrivals,
} from "../support/examples/mqtt-clients.ts";
import { until } from "../support/until.ts";

const PUBLISHERS = ["a", "b"];
const WITHIN_MS = 20_000;

/** Resolves when every subscriber hears every publisher, whichever workers they are at. */
async function allHear(
  subscribers: readonly Subscriber[],
  publishers: ReadonlyMap<string, Publisher>,
) {
  const goals = [...publishers].map(([name, each]) => [name, each.acknowledged + 10] as const);
  const hears = (each: Subscriber): boolean =>
    goals.every(([name, goal]) => each.lastOf(name) >= goal);
  await until(() => subscribers.every(hears), { what: "all to hear", timeoutMs: WITHIN_MS });
}

it("has clients of all workers hear one another, over reloads and kills", async () => {
  await using example = await Example.start("mqtt-broker");
  const url = `mqtt://${await example.address()}`;
  const kinds = [
    ...[1, 2, 3, 4].map((n) => ({ options: { clientId: `clean-${n}` }, qos: 1 as const })),
    ...[1, 2].map((n) => ({ options: { clientId: `zero-${n}` }, qos: 0 as const })),
    ...[1, 2].map((n) => ({ options: { clientId: `kept-${n}`, clean: false }, qos: 1 as const })),
  ];
  const subscribers = await Promise.all(
    kinds.map(({ options, qos }) => Subscriber.start(url, options, qos)),
  );
  const publishers = new Map<string, Publisher>();
  for (const name of PUBLISHERS) {
    const client = await connected(url, { clientId: name });
    publishers.set(name, new Publisher(client, name));
  }
  await example.pound({
    between: async (after) => {
      await allHear(subscribers, publishers);
      for (const each of publishers.values()) each.isKillNext = after === "reload";
    },
  });
  for (const each of publishers.values()) await each.stop();
  const isThere = (each: Subscriber): boolean =>
    [...publishers].every(([name, { acknowledged }]) => each.lastOf(name) === acknowledged);
  await until(() => subscribers.every(isThere), { what: "the last numbers", timeoutMs: WITHIN_MS });

  const rows = subscribers.flatMap((each) =>
    [...publishers].map(([name, publisher]) => judged(each, name, publisher)),
  );
  const table = rows.map((row) => JSON.stringify(row)).join("\n");
  expect(
    rows.filter(({ faults }) => faults.length > 0),
    table,
  ).toEqual([]);
  // A publisher repeats at most the one it has under way, once for each connection that ended.
  expect(
    rows.filter(({ isKept, doubled, ends }) => !isKept && doubled.same > ends),
    table,
  ).toEqual([]);
  for (const { client } of subscribers) await client.endAsync();
}, 300_000);

function judged(subscriber: Subscriber, from: string, publisher: Publisher) {
  const { name: to } = subscriber;
  const isKept = to.startsWith("kept");
  const { away, connected } = subscriber.missed(from);
  // Only a clean session may miss something, while it is away.
  const faults = (isKept ? [...away, ...connected] : connected).filter(
    (number) => !publisher.cutOff.has(number),
  );
  const { acknowledged: sent, ends } = publisher;
  const doubled = subscriber.doubled(from);
  return { to, from, isKept, sent, ends, away: away.length, faults, doubled };
}

/** Connects the kept session, and resolves with what had waited for it, and whether it was there. */
async function takeUp(url: string, options: ClientOptions, count: number) {
  const client = mqtt.connect(url, { protocolVersion: 4, ...options });
  const orders: number[] = [];
  let isPresent = false;
  client.on("connect", ({ sessionPresent }) => (isPresent ||= sessionPresent));
  client.on("message", (_topic, payload) => orders.push(Number(payload)));
  await until(() => orders.length >= count, { what: "what waited for the session" });
  await client.endAsync();
  // What was still on its way when it connected comes as new, and may come first.
  return { orders: orders.toSorted((a, b) => a - b), isPresent };
}

/** What each of the workers knows as retained. */
async function retainedAtAll(url: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { arrivals, stop } = await watchArrivals(url);
  const retained = new Map<string, readonly string[]>();
  for (let nth = 0; retained.size < 4; nth += 1) {
    const [clientId, heard] = [`probe-${nth}`, [] as string[]] as const;
    const client = await connected(url, { clientId });
    client.on("message", (topic, payload) => heard.push(`${topic} ${payload}`));
    await client.subscribeAsync(["config/gone", "config/here"], { qos: 1 });
    await until(() => heard.length > 0, { what: "the retained message" });
    const what = `word of ${clientId}`;
    const [worker = ""] = await until(() => arrivals.get(clientId), { what });
    retained.set(worker, heard);
    expect(nth, `clients came only to ${[...retained.keys()].join(" ")}`).toBeLessThan(100);
    await client.endAsync();
  }
  await stop();
  return retained;
}

it("keeps retained messages and sessions, although all workers and the supervisor are replaced", async () => {
  await using example = await Example.start("mqtt-broker");
  const url = `mqtt://${await example.address()}`;
  const kept = { clientId: "kept", clean: false };
  const before = await connected(url, kept);
  await before.subscribeAsync("orders/+", { qos: 1 });
  await before.endAsync();
  const publisher = await connected(url, { clientId: "publisher" });
  const publish = (topic: string, payload: string, retain = false) =>
    publisher.publishAsync(topic, payload, { qos: 1, retain });
  await publish("config/gone", "1", true);
  await publish("config/here", "2", true);
  await publish("config/gone", "", true);
  for (const number of numbers(1, 20)) await publish("orders/new", String(number));
  await example.reload();
  expect(await takeUp(url, kept, 20)).toEqual({ orders: numbers(1, 20), isPresent: true });

  const { supervisor } = await example.house.overview();
  process.kill(supervisor.pid, "SIGKILL");
  const isFollowed = async () => (await example.house.overview()).supervisor.takeovers === 1;
  await until(isFollowed, { what: "the heir", timeoutMs: WITHIN_MS, intervalMs: 200 });
  await example.reload();
  for (const number of numbers(21, 25)) await publish("orders/new", String(number));
  expect(await takeUp(url, kept, 5)).toEqual({ orders: numbers(21, 25), isPresent: true });
  for (const retained of (await retainedAtAll(url)).values()) {
    expect(retained).toEqual(["config/here 2"]);
  }
  await publisher.endAsync();
}, 120_000);

it("sends the older of two clients of one id away, wherever it is", async () => {
  await using example = await Example.start("mqtt-broker");
  const url = `mqtt://${await example.address()}`;
  const { arrivals, stop } = await watchArrivals(url);
  const isElsewhere = (worker: string, nth: number, all: readonly string[]): boolean =>
    nth > 0 && worker !== all[nth - 1];
  let older = await connected(url, { clientId: "twin" });
  for (let nth = 1; !arrivals.get("twin")?.some(isElsewhere); nth += 1) {
    expect(nth, "all came to one worker").toBeLessThan(100);
    older.options.reconnectPeriod = 0;
    const closed = new Promise<void>((resolve) => older.once("close", () => resolve()));
    const younger = await connected(url, { clientId: "twin" });
    await closed;
    // Word of the older one's arrival may have come to the worker of the younger one after that itself.
    await until(() => younger.connected, { what: "the younger one to stay" });
    older = younger;
    await until(() => (arrivals.get("twin")?.length ?? 0) > nth, {
      what: "word of the younger one",
    });
  }
  await Promise.all([older.endAsync(), stop()]);
}, 120_000);
