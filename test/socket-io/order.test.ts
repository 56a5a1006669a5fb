/** What one worker does one after the other comes out as with Socket.IO's own adapter, whenever it comes back from the bus. */

import fc from "fast-check";
import { Adapter, type BroadcastOptions } from "socket.io-adapter";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../src/core/socket-io/terms.ts";
import type { ActMeta } from "../../src/socket-io/local.ts";
import { pack } from "../../src/socket-io/wire.ts";
import { until } from "../support/until.ts";
import { BareNamespace, HeldBus } from "./bare.ts";

const SIDS = ["s0", "s1", "s2", "s3", "s4"];
const sid = fc.constantFrom(...SIDS);
const room = fc.constantFrom("r0", "r1", "s0", "s1");
const rooms = fc.uniqueArray(room, { maxLength: 2 });
const aim = fc.record({ rooms, except: rooms, local: fc.boolean() });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant("join" as const), sid, room }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("leave" as const), sid, room }) },
  { weight: 6, arbitrary: fc.record({ what: fc.constant("emit" as const), aim }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("ack" as const), aim }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("acks" as const), aim }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("put" as const), aim, room }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("take" as const), aim, room }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("end" as const), aim }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("come" as const), sid }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constant("turn" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Made> ? Made : never;

function optionsOf(given: { rooms: string[]; except: string[]; local: boolean }): BroadcastOptions {
  const flags = { local: given.local };
  return { rooms: new Set(given.rooms), except: new Set(given.except), flags };
}

function take(space: BareNamespace, each: Step, index: number): void {
  const { adapter } = space;
  if (each.what === "come") {
    if (!space.sent.has(each.sid)) space.come(each.sid);
  } else if (each.what === "join") space.join(each.sid, [each.room]);
  else if (each.what === "leave") adapter.del(each.sid, each.room);
  else if (each.what !== "turn") {
    const opts = optionsOf(each.aim);
    if (each.what === "put") adapter.addSockets(opts, [each.room]);
    else if (each.what === "take") adapter.delSockets(opts, [each.room]);
    else if (each.what === "end") adapter.disconnectSockets(opts, false);
    else {
      const object = { index };
      const packet = { type: 2, data: ["event", object] };
      if (each.what === "emit") adapter.broadcast(packet, opts);
      else if (each.what === "ack") adapter.broadcast({ ...packet, id: 7 }, opts);
      else
        adapter.broadcastWithAck(
          packet,
          opts,
          () => {},
          () => {},
        );
      // Stock has encoded it by now.
      object.index = -1;
    }
  }
}

function pair(others: readonly string[] = []) {
  const bus = new HeldBus();
  const stock = new BareNamespace((nsp) => new Adapter(nsp));
  const ours = new BareNamespace((nsp) => bus.make(nsp, others));
  for (const each of SIDS.slice(0, 3)) for (const space of [stock, ours]) space.come(each);
  return { bus, stock, ours };
}

function said(kind: string, from: string, meta: Partial<ActMeta>): Entry {
  const body = pack(["event", from]);
  return { from, n: 1, at: 0, kind, meta: { nsp: "/", rooms: [], except: [], ...meta }, body };
}

const TO_ROOM = { rooms: new Set(["r0"]), except: new Set<string>() };

describe("what one worker does, one after the other", () => {
  it.each([{ others: [] }, { others: ["b"] }])("is done as by the stock adapter, %o", (given) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { bus, stock, ours } = pair(given.others);
        for (const [index, each] of steps.entries()) {
          take(stock, each, index);
          take(ours, each, index);
          if (each.what === "turn") bus.hear();
        }
        bus.hearAll();
        expect(bus.faults).toEqual([]);
        expect(Object.fromEntries(ours.sent)).toEqual(Object.fromEntries(stock.sent));
        expect(ours.rooms()).toEqual(stock.rooms());
      }),
      { numRuns: 2000 },
    );
  });

  it("leaves no room of its own behind", () => {
    const { bus, ours } = pair();
    ours.join("s0", ["r0"]);
    ours.adapter.broadcast({ type: 2, data: ["event"] }, TO_ROOM);
    ours.adapter.del("s0", "r0");
    expect([...ours.adapter.rooms.keys()]).toEqual(["s0", "s1", "s2"]);
    bus.hearAll();
    expect(ours.sent.get("s0")).toHaveLength(1);
    expect([...ours.adapter.rooms.keys()]).toEqual(["s0", "s1", "s2"]);
  });

  it("finds sockets where it has put them, and at once where it has not", async () => {
    const { bus, ours } = pair();
    ours.adapter.broadcast({ type: 2, data: ["event"] }, TO_ROOM);
    expect(await ours.adapter.fetchSockets(TO_ROOM)).toEqual([]);
    ours.adapter.addSockets({ rooms: new Set(["s1"]) }, ["r0"]);
    const found = ours.adapter.fetchSockets(TO_ROOM);
    ours.adapter.delSockets({ rooms: new Set(["s1"]) }, ["r0"]);
    bus.hearAll();
    expect(await found).toEqual([ours.sockets.get("s1")]);
    expect(await ours.adapter.fetchSockets(TO_ROOM)).toEqual([]);
  });

  it("asks nobody where nobody else is, and is answered at once", async () => {
    const { bus, ours } = pair();
    expect(await ours.adapter.fetchSockets(TO_ROOM)).toEqual([]);
    const answers: unknown[] = [];
    ours.adapter.serverSideEmit(["event", (...answer: unknown[]) => answers.push(answer)]);
    expect([answers, bus.waiting]).toEqual([[[null, []]], 0]);
    const counts: number[] = [];
    const packet = { type: 2, data: ["event"] };
    ours.adapter.broadcastWithAck(
      packet,
      TO_ROOM,
      (count) => counts.push(count),
      () => {},
    );
    expect(counts).toEqual([0]);
  });

  it("goes on where something fails that had to wait, and tells it", () => {
    const { bus, ours } = pair();
    const local = { ...TO_ROOM, rooms: new Set<string>(), flags: { local: true } };
    Object.assign(ours.sockets.get("s0") as object, {
      disconnect: () => {
        throw new Error("of the app");
      },
    });
    expect(() => ours.adapter.disconnectSockets(local, false)).toThrow("of the app");
    ours.adapter.broadcast({ type: 2, data: [1] }, local);
    ours.adapter.broadcast({ type: 2, data: [2] }, { ...local, flags: {} });
    ours.adapter.disconnectSockets(local, false);
    ours.adapter.broadcast({ type: 2, data: [3] }, local);
    expect(() => ours.adapter.broadcast({ type: 2, data: [4n] }, local)).toThrow("BigInt");
    bus.hearAll();
    expect(bus.faults).toEqual(["of the app"]);
    expect(ours.sent.get("s0")).toEqual(["[1]", "[2]", "[3]"]);
  });
});

describe("what another worker does meanwhile", () => {
  it("counts when it comes, before what this one has done and after", () => {
    const { bus, ours } = pair();
    for (const each of ["s0", "s1"]) ours.join(each, ["r0"]);
    ours.adapter.broadcast({ type: 2, data: ["event", "a"] }, TO_ROOM);
    ours.join("s2", ["r0"]);
    ours.adapter.del("s1", "r0");
    bus.give(said("leave", "b", { rooms: ["s0"], to: ["r0"] }));
    bus.give(said("join", "b", { rooms: ["s1"], to: ["r0"] }));
    bus.give(said("packet", "b", { rooms: ["r0"] }));
    bus.hearAll();
    expect([...ours.sent]).toEqual([
      ["s0", []],
      ["s1", ['["event","b"]', '["event","a"]']],
      ["s2", ['["event","b"]']],
    ]);
  });
});

describe("a client that comes or joins", () => {
  it("is sent nothing later of what was said before", async () => {
    const bus = new HeldBus();
    const ours = new BareNamespace((nsp) => bus.make(nsp), { connectionStateRecovery: {} });
    ours.adapter.broadcast({ type: 2, data: ["event"] }, TO_ROOM);
    ours.come("s0");
    ours.adapter.broadcast({ type: 2, data: ["event"] }, TO_ROOM);
    ours.join("s0", ["r0"]);
    await until(() => bus.news.length > 0, { what: "the session" });
    expect(bus.news[0]?.joined).toEqual([
      ["a:1", ["s0"]],
      ["a:2", ["r0"]],
    ]);
    await ours.adapter.close();
  });
});
