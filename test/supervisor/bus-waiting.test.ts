/** What happens to messages for a client that does not work them off. */

import { describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { dataOf, type TestClient } from "./bus-clients.ts";
import { busStages } from "./bus-stage.ts";

const stage = busStages();

const WINDOW = 4096;
const TEXT = "x".repeat(900);
/** A reader that works nothing off by itself, and takes four messages of a thousand bytes meanwhile. */
const SLOW = { windowBytes: WINDOW, works: false } as const;

const numbers = (client: TestClient): number[] =>
  client.of(BUS.publish, "feed").map((frame) => dataOf<{ n: number }>(frame).n);

/** Works off what has come, until `last` has come. */
async function read(client: TestClient, last: number): Promise<void> {
  let worked = 0;
  await until(
    () => {
      for (const frame of client.heard.slice(worked)) {
        if (frame.kind === BUS.publish) client.link?.worked(frame.bytes);
      }
      worked = client.heard.length;
      return numbers(client).includes(last);
    },
    { what: `message ${last} to come`, intervalMs: 1 },
  );
}

function publish(client: TestClient, n: number, id = 0): void {
  client.send(BUS.publish, id, "feed", null, { n, text: TEXT });
}

describe("a subscriber that does not keep up", () => {
  it("loses the oldest of what waits, and nothing of what comes after", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [reader, writer] = [await client(SLOW), await client()];
    await reader.subscribe(1, "feed", { policy: "drop-oldest", maxBytes: 3200 });
    for (let n = 0; n < 20; n += 1) publish(writer, n);
    await writer.sync();
    await read(reader, 19);
    publish(writer, 20);
    await read(reader, 20);
    const heard = numbers(reader);
    const { dropped } = supervisor.bus.counts;
    expect(heard.slice(-4)).toEqual([17, 18, 19, 20]);
    expect(heard).toEqual([...heard].sort((one, other) => one - other));
    expect(dropped.oldest).toBeGreaterThan(10);
    expect(heard.length + dropped.oldest).toBe(21);
  });

  it("refuses more, and the publisher is told", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [reader, writer] = [await client(SLOW), await client()];
    await reader.subscribe(1, "feed", { policy: "reject", maxBytes: 3200 });
    const outcomes: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      publish(writer, n, 100 + n);
      const answer = await writer.answer(100 + n);
      outcomes.push(answer.kind);
      if (answer.kind === BUS.failure)
        expect(answer.head).toMatchObject({ code: "HF_BUS_OVERLOADED" });
    }
    expect(new Set(outcomes.slice(-2))).toEqual(new Set([BUS.failure]));
    const taken = outcomes.filter((kind) => kind === BUS.done).length;
    await read(reader, taken - 1);
    expect(numbers(reader)).toEqual([...Array(taken).keys()]);
    expect(supervisor.bus.counts.dropped.rejected).toBe(10 - taken);
  });

  it("makes its publishers wait, and loses nothing", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [reader, writer] = [await client(SLOW), await client()];
    await reader.subscribe(1, "feed", { policy: "wait", maxBytes: 3200 });
    let sent = 0;
    const fill = (): void => {
      try {
        for (;;) {
          publish(writer, sent);
          sent += 1;
        }
      } catch {
        // Its window is spent.
      }
    };
    await until(
      async () => {
        const before = sent;
        fill();
        await writer.sync();
        return sent === before;
      },
      { what: "the publisher's window to stay shut" },
    );
    // The publisher's window is a megabyte; all of it waits, and a little that was taken before.
    expect(sent).toBeGreaterThan(1000);
    expect(sent).toBeLessThan(1400);
    await read(reader, sent - 1);
    expect(numbers(reader)).toEqual([...Array(sent).keys()]);
    await until(
      () => {
        fill();
        return sent > numbers(reader).length;
      },
      { what: "the publisher's window to open again" },
    );
    expect(supervisor.bus.counts.dropped).toMatchObject({ oldest: 0, rejected: 0 });
  });

  it("that goes lets its publishers go on", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [reader, writer] = [await client(SLOW), await client()];
    await reader.subscribe(1, "feed", { policy: "wait", maxBytes: 1 });
    for (let n = 0; n < 1000; n += 1) publish(writer, n);
    await writer.sync();
    await reader.close();
    await until(() => supervisor.bus.counts.dropped.gone > 900, { what: "what waited to go" });
    await until(
      () => {
        publish(writer, 1);
        return true;
      },
      { what: "the window to be open" },
    );
  });

  it("gets retained values as fast as it reads, each once, and then their end", async () => {
    const { client } = await stage({ instances: 1 });
    const [reader, writer] = [await client(SLOW), await client()];
    for (let n = 0; n < 20; n += 1) {
      writer.send(BUS.publish, 100 + n, `present.${n}`, { retain: true }, { n, text: TEXT });
      await writer.answer(100 + n);
    }
    reader.send(BUS.fetch, 7, "present.*");
    let worked = 0;
    await until(
      () => {
        for (const { kind, bytes } of reader.heard.slice(worked)) {
          if (kind === BUS.publish) reader.link?.worked(bytes);
        }
        worked = reader.heard.length;
        return reader.heard.at(-1)?.kind === BUS.done;
      },
      { what: "the end of them" },
    );
    expect(reader.of(BUS.publish).map((frame) => dataOf<{ n: number }>(frame).n)).toEqual([
      ...Array(20).keys(),
    ]);
  });

  it("of a queue is passed over for those that do", async () => {
    const { client } = await stage({ instances: 1 });
    const [slow, quick, writer] = [await client(SLOW), await client(), await client()];
    for (const each of [slow, quick]) await each.subscribe(1, "feed", { queue: "q", by: "turns" });
    for (let n = 0; n < 100; n += 1) publish(writer, n);
    await until(() => numbers(slow).length + numbers(quick).length >= 99, {
      what: "the quick one to get what the slow one does not",
    });
    expect(numbers(slow).length).toBeLessThan(6);
  });

  it("is not asked, and others are; where all are full that is said at once", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [slow, quick, asker] = [await client(SLOW), await client(), await client()];
    for (const each of [slow, quick]) await each.subscribe(1, "price", { kind: "reply" });
    for (let n = 0; n < 60; n += 1) {
      asker.send(BUS.request, 300 + n, "price", { timeoutMs: 60_000 }, { n, text: TEXT });
    }
    await asker.sync();
    await until(() => slow.of(BUS.request).length + quick.of(BUS.request).length === 60, {
      what: "all to be asked",
    });
    expect(slow.of(BUS.request).length).toBeLessThan(6);
    expect(supervisor.bus.counts.requests.overloaded).toBe(0);
    await quick.close();
    const last = await asker.request("price", { timeoutMs: 60_000 }, { text: TEXT });
    expect(last.head).toMatchObject({ code: "HF_BUS_OVERLOADED" });
  });

  it("gets nothing longer than it takes, and whoever asks or answers is told", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [small, other] = [await client({ hello: { longest: 65_536 } }), await client()];
    const large = "x".repeat(100_000);
    await small.subscribe(1, "feed");
    other.send(BUS.publish, 0, "feed", null, large);
    other.send(BUS.publish, 0, "feed", null, "short");
    await until(() => small.of(BUS.publish).length === 1, { what: "the short one" });
    expect(dataOf(small.of(BUS.publish)[0] as never)).toBe("short");
    expect(supervisor.bus.counts.dropped.invalid).toBe(1);
    await other.subscribe(2, "long", { kind: "reply" });
    small.send(BUS.request, 9, "long", { timeoutMs: 60_000 });
    const asked = await until(() => other.of(BUS.request)[0], { what: "the request" });
    other.send(BUS.reply, asked.id, "", null, large);
    expect((await small.answer(9)).head).toMatchObject({ code: "HF_BUS_TOO_LARGE" });
    await small.subscribe(3, "short", { kind: "reply" });
    const refused = await other.request("short", { timeoutMs: 60_000 }, large);
    expect(refused.head).toMatchObject({ code: "HF_BUS_TOO_LARGE" });
    expect(small.downs + other.downs).toBe(0);
  });

  it("of a queue by idleness gets less while it works, and its share when it is done", async () => {
    const { client } = await stage({ instances: 1 });
    const [busy, idle, writer] = [await client({ works: false }), await client(), await client()];
    for (const each of [busy, idle]) await each.subscribe(1, "feed", { queue: "q", by: "idle" });
    for (let n = 0; n < 20; n += 1) {
      publish(writer, n, 200 + n);
      await writer.answer(200 + n);
      await until(() => numbers(busy).length + numbers(idle).length === n + 1, {
        what: `message ${n}`,
      });
      await idle.sync();
    }
    expect(numbers(busy).length).toBeLessThan(3);
    const had = numbers(busy).length;
    for (const frame of busy.of(BUS.publish)) busy.link?.worked(frame.bytes);
    await busy.sync();
    for (let n = 20; n < 22; n += 1) publish(writer, n);
    await until(() => numbers(busy).length > had, { what: "its turn to come again" });
  });
});
