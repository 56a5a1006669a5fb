/** What waits for one client: how much of it at most, and in which order it leaves. */

import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { BusCounts } from "../../src/core/bus/counts.ts";
import type { Policy } from "../../src/core/bus/waiting.ts";
import { BusFrameReader } from "../../src/link/bus-frame-reader.ts";
import { BUS, type BusFrame } from "../../src/link/bus-frames.ts";
import { BusLink } from "../../src/link/bus-link.ts";
import { Outbox } from "../../src/supervisor/bus/outbox.ts";
import { Credit, type Parcel } from "../../src/supervisor/bus/parcel.ts";
import { Pool } from "../../src/supervisor/bus/pool.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;
const LIMITS = { windowBytes: MEGABYTE, longestBytes: 2 * MEGABYTE };
const HEAD = Buffer.from("{}");
const nobody = () => null;

/** An outbox whose client has not opened its window: all waits. */
function shut(pool?: Pool) {
  const reader = new BusFrameReader(LIMITS.longestBytes);
  const heard: BusFrame[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      heard.push(...reader.push(Buffer.from(chunk)));
      done();
    },
  });
  const counts = new BusCounts();
  const worked: number[] = [];
  const link = new BusLink(socket, LIMITS, {
    ...{ frame: () => {}, closed: () => {} },
    credit: () => outbox.flush(),
  });
  const outbox = new Outbox({ link, counts, pool, worked: (to) => worked.push(to) });
  const open = (number: number, pattern: string, how: Partial<Seat> = {}) => {
    const { policy = "drop-oldest", maxBytes = MEGABYTE, queue = null } = how;
    const by = "turns" as const;
    const subscription = { member: 1, number, pattern, kind: "listen" as const, queue, by };
    outbox.open(subscription, policy, maxBytes);
  };
  return { outbox, open, link, counts, worked, heard };
}

interface Seat {
  readonly policy: Policy;
  readonly maxBytes: number;
  readonly queue: string | null;
}

function parcelOf(subject: string, bytes = 10): Parcel {
  return { subject, format: 2, head: HEAD, body: Buffer.alloc(bytes), isOwned: true };
}

describe("what waits for clients that share a bound", () => {
  it("is dropped of who gets more beyond it, but for a megabyte of each, and leaves room when it goes", () => {
    const pool = new Pool(10 * MEGABYTE);
    const [greedy, modest] = [shut(pool), shut(pool)];
    for (const one of [greedy, modest]) one.open(1, "a", { maxBytes: 100 * MEGABYTE });
    const bytes = MEGABYTE - 100;
    const deliver = ({ outbox }: typeof greedy, size = bytes): void =>
      void outbox.deliver(0, parcelOf("a", size), nobody);
    for (let n = 0; n < 20; n += 1) deliver(greedy);
    expect(greedy.counts.dropped.oldest).toBe(10);
    for (let n = 0; n < 3; n += 1) deliver(modest, bytes / 2);
    expect(modest.counts.dropped.oldest).toBe(1);
    greedy.outbox.clear();
    for (let n = 0; n < 5; n += 1) deliver(modest);
    expect(modest.counts.dropped.oldest).toBe(1);
  });
});

describe("retained values that wait for clients that share a bound", () => {
  it("are counted, and no more are given out beyond it, until they have left", () => {
    const pool = new Pool(MEGABYTE);
    const [greedy, modest] = [shut(pool), shut(pool)];
    const values = new Array<Parcel>(5000).fill(parcelOf("a"));
    expect([greedy.outbox.answer(1, values), greedy.outbox.answer(2, values)]).toEqual([
      true,
      true,
    ]);
    expect([greedy.outbox.answer(3, values), modest.outbox.answer(1, values)]).toEqual([
      false,
      false,
    ]);
    greedy.outbox.clear();
    expect(modest.outbox.answer(1, values)).toBe(true);
    modest.link.openWindow(8 * MEGABYTE);
    modest.outbox.flush();
    expect([greedy.outbox.answer(3, values), greedy.outbox.answer(4, values)]).toEqual([
      true,
      true,
    ]);
  });
});

describe("what waits for a client", () => {
  it("is 64 MiB of all its subscriptions together: then the oldest of all go, and are counted", async () => {
    const { outbox, open, link, counts, heard, worked } = shut();
    const policies = ["drop-oldest", "reject", "wait"] as const;
    // A little less than a megabyte with all that is around it.
    const bytes = MEGABYTE - 100;
    for (let n = 1; n <= 100; n += 1) {
      open(n, `feed.${n}`, { policy: policies[n % 3] as Policy, queue: "q" });
      expect(outbox.deliver(n, parcelOf(`feed.${n}`, bytes), nobody)).toBe(true);
    }
    expect(counts.dropped.oldest).toBe(36);
    expect(worked).toEqual([...Array(36).keys()].map((n) => n + 1));
    for (let n = 37; n <= 100; n += 1) {
      link.openWindow(MEGABYTE);
      await until(() => heard.length === n - 36, { what: `message ${n}`, intervalMs: 1 });
    }
    expect(heard.map(({ to }) => to)).toEqual([...Array(64).keys()].map((n) => n + 37));
    expect(outbox.isFull).toBe(false);
  });

  it("leaves in the order it came, whatever it came for, and only to those it is for", async () => {
    const { outbox, open, link, heard } = shut();
    open(1, "feed.>");
    open(2, "feed.a");
    open(3, "other");
    open(4, "feed.a", { queue: "q" });
    outbox.deliver(0, parcelOf("feed.a"), nobody);
    outbox.answer(7, [parcelOf("kept")]);
    outbox.deliver(4, parcelOf("feed.a"), nobody);
    outbox.deliver(0, parcelOf("feed.b"), nobody);
    outbox.deliver(0, parcelOf("other"), nobody);
    outbox.close(2);
    outbox.deliver(0, parcelOf("feed.a"), nobody);
    link.openWindow(MEGABYTE);
    await until(() => heard.length === 7, { what: "all of it" });
    expect(heard.map(({ kind, to, id, subject }) => [kind, to, id, subject])).toEqual([
      [BUS.publish, 1, 0, "feed.a"],
      [BUS.publish, 0xffff_ffff, 7, "kept"],
      [BUS.done, 0, 7, ""],
      [BUS.publish, 4, 0, "feed.a"],
      [BUS.publish, 1, 0, "feed.b"],
      [BUS.publish, 3, 0, "other"],
      [BUS.publish, 1, 0, "feed.a"],
    ]);
  });
});

describe("a subscription whose publishers wait", () => {
  it("drops its oldest for what has no publisher that could wait", () => {
    const { outbox, open, counts } = shut();
    open(1, "sys.>", { policy: "wait", maxBytes: 1000 });
    for (let n = 0; n < 100; n += 1) outbox.deliver(0, parcelOf("sys.a", 73), nobody);
    expect(counts.dropped.oldest).toBe(90);
  });

  it("keeps 16 MiB more than its bytes, and drops its oldest for what is beyond", () => {
    const { outbox, open, counts, link } = shut();
    open(1, "feed", { policy: "wait", maxBytes: 1000 });
    let given = 0;
    const publisher = Object.assign(Object.create(link), { worked: () => (given += 1) }) as BusLink;
    for (let n = 0; n < 20; n += 1) {
      const credit = new Credit(publisher, MEGABYTE);
      outbox.deliver(0, parcelOf("feed", MEGABYTE - 100), () => credit);
    }
    expect(counts.dropped.oldest).toBe(4);
    // The first one waits on nobody's account.
    expect(given).toBe(3);
    outbox.deliver(0, parcelOf("feed", 10), nobody);
    expect(counts.dropped.oldest).toBe(5);
    outbox.close(1);
    expect([given, counts.dropped.gone]).toEqual([19, 16]);
  });
});
