/** What an app says and does in its handlers, while something that waited has its turn. */

import { describe, expect, it } from "vitest";
import type { Roster } from "../../src/core/socket-io/roster.ts";
import { Outflow } from "../../src/socket-io/outflow.ts";
import { BareNamespace, HeldBus } from "./bare.ts";

const NONE = new Set<string>();
const ALL = { rooms: NONE, except: NONE };
const TO_S0 = { rooms: new Set(["s0"]), except: NONE };
const NOTHING = new Uint8Array();

function event(name: string) {
  return { type: 2, data: [name] };
}

function space() {
  const bus = new HeldBus();
  const ours = new BareNamespace((nsp) => bus.make(nsp));
  for (const sid of ["s0", "s1"]) ours.come(sid);
  /** What the app does when it hears that the first is gone. */
  const whenGone = (act: () => void): void => {
    const disconnect = (): void => {
      ours.end("s0");
      act();
    };
    Object.assign(ours.sockets.get("s0") as object, { disconnect });
  };
  return { bus, ours, adapter: ours.adapter, whenGone };
}

/** Whether the roster still keeps what changes, for something that has not had its turn. */
function isWaiting(adapter: object): boolean {
  const roster: Roster = Reflect.get(adapter, "roster");
  const place = roster.said(false);
  roster.over(place);
  roster.changed("s1", "room", true, false);
  const now = { rooms: new Map(), sids: new Map() };
  return roster.aimed(place, { rooms: new Set(["room"]) }, now) !== null;
}

describe.each(["detached", "alone"] as const)("when the bus is away (%s)", (state) => {
  it("what a handler says comes after all that waits, and is not lost", async () => {
    const { bus, ours, adapter, whenGone } = space();
    let found: Promise<unknown[]> | undefined;
    whenGone(() => {
      adapter.broadcast(event("local"), { ...ALL, flags: { local: true } });
      adapter.broadcast(event("third"), ALL);
      found = adapter.fetchSockets(ALL);
    });
    adapter.broadcast(event("first"), ALL);
    adapter.disconnectSockets(TO_S0, false);
    adapter.broadcast(event("second"), ALL);
    bus.outflow.detach(state);
    const heard = ["first", "second", "local", "third"].map((name) => `["${name}"]`);
    expect(ours.sent.get("s1")).toEqual(heard);
    expect(await found).toEqual([ours.sockets.get("s1")]);
    expect(isWaiting(adapter)).toBe(false);
  });

  it("all is delivered once, by its number, also where a handler ends it", () => {
    const delivered: number[] = [];
    const ran: string[] = [];
    const said: Outflow = new Outflow({
      ...{ me: "a", publish: async () => {}, refused: () => false, dropped: () => {} },
      deliver: ({ n }) => {
        delivered.push(n);
        if (n > 2) return;
        said.say("packet", null, NOTHING);
        said.inTurn(() => void ran.push(`after ${n}`));
        if (n === 2) said.detach("alone");
      },
    });
    for (let n = 1; n <= 3; n += 1) said.say("packet", null, NOTHING);
    said.inTurn(() => void ran.push("after 3"));
    said.detach(state);
    said.say("packet", null, NOTHING);
    expect([delivered, ran]).toEqual([
      [1, 2, 3, 4, 5, 6],
      ["after 3", "after 1", "after 2"],
    ]);
    expect(said.state).toBe("alone");
  });
});

it("a socket joins where a handler says so, whatever it has done before", () => {
  const { bus, ours, adapter, whenGone } = space();
  ours.join("s1", ["lobby"]);
  whenGone(() => ours.join("s1", ["lobby"]));
  adapter.disconnectSockets(TO_S0, false);
  adapter.del("s1", "lobby");
  bus.hearAll();
  expect([...(adapter.rooms.get("lobby") ?? [])]).toEqual(["s1"]);
});

it("a socket leaves where one hears that another is put into a room", () => {
  const { bus, ours, adapter } = space();
  adapter.on("join-room", (room: string) => {
    if (room === "r") adapter.del("s1", "lobby");
  });
  adapter.addSockets(TO_S0, ["r"]);
  ours.join("s1", ["lobby"]);
  bus.hearAll();
  expect(adapter.rooms.has("lobby")).toBe(false);
});

it("what is done here alone has its turn once all before it had to go", () => {
  const dropped: number[] = [];
  const ran: string[] = [];
  const said = new Outflow({
    ...{ me: "a", publish: async () => {}, refused: () => false, deliver: () => {} },
    dropped: (count) => void dropped.push(count),
  });
  said.say("packet", null, NOTHING);
  said.inTurn(() => void ran.push("local"));
  // One more than is kept while there is no bus yet.
  for (let n = 2; n <= 10_000; n += 1) said.say("packet", null, NOTHING);
  expect([dropped, ran]).toEqual([[1], ["local"]]);
});

it("sockets that cannot be found yet are not waited for longer than is said", {
  timeout: 5000,
}, async () => {
  const { adapter } = space();
  adapter.addSockets(TO_S0, ["r"]);
  const found = adapter.fetchSockets({ ...ALL, flags: { timeout: 20 } });
  await expect(found).rejects.toThrow("timeout reached");
});

it("clients that come while something waits cost the same for each packet, however many", () => {
  const { bus, ours, adapter } = space();
  const count = 10_000;
  adapter.broadcast(event("first"), ALL);
  for (let n = 1; n <= count; n += 1) {
    ours.come(`c${n}`);
    adapter.broadcast(event("hello"), { rooms: new Set([`c${n}`]), except: NONE });
  }
  const began = performance.now();
  bus.hearAll();
  expect(performance.now() - began).toBeLessThan(2000);
  expect(ours.sent.get(`c${count}`)).toEqual(['["hello"]']);
});
