/** The judge, with made-up histories: what it must let pass, and beside it what it must not. */

import { describe, expect, it } from "vitest";
import { judge } from "./judge.ts";
import {
  type Closed,
  type Command,
  type Death,
  type Failed,
  type Held,
  type History,
  Ledger,
  type Look,
  readLines,
} from "./ledger.ts";

const T = 1_000_000;
const LOADS = ["keep-alive", "fresh", "slow", "ask", "publish", "enqueue", "websocket"];

function history(parts: Partial<History> = {}): History {
  const clean = new Ledger();
  for (const load of LOADS) clean.answered(load, T, T + 1);
  return { ...clean, ...parts };
}

const faults = (parts: Partial<History>, isOver = false): readonly string[] =>
  judge(history(parts), { isOver }).faults;
const one = [expect.any(String)];

const death: Death = { step: 4, pid: 10, slot: 1, at: T, ports: [5000, 5001] };
const failed: Failed = {
  ...{ load: "fresh", kind: "reset", detail: "closed" },
  ...{ port: 5000, openedAt: T - 50, worker: 10, from: T - 20, to: T + 5 },
};
const closed: Closed = {
  code: 1006,
  at: T + 5,
  owed: 1,
  port: 5001,
  openedAt: T - 900,
  worker: null,
};
const reload: Command = {
  ...{ step: 6, title: "reload chaos", drains: true, from: T - 500, to: T + 500 },
  ...{ status: 0, said: "" },
};

describe("a request", () => {
  it("may fail by the death of the worker that held its connection, and that is charged to it", () => {
    const { faults: none, costs } = judge(history({ failed: [failed], deaths: [death] }), {
      isOver: true,
    });
    expect(none).toEqual([]);
    expect(costs.get(4)).toEqual({ requests: 1, sockets: 0 });
    expect(faults({ failed: [{ ...failed, kind: "truncated" }], deaths: [death] })).toEqual([]);
  });

  it("may not fail otherwise", () => {
    const wrong = (part: Partial<Failed>, deaths = [death]) =>
      faults({ failed: [{ ...failed, ...part }], deaths });
    expect(wrong({}, [])).toEqual(one);
    expect(wrong({ port: 5002 })).toEqual(one);
    expect(wrong({ port: null })).toEqual(one);
    expect(wrong({ kind: "refused" })).toEqual(one);
    expect(wrong({ kind: "timeout" })).toEqual(one);
    expect(wrong({ kind: "wrong" })).toEqual(one);
    // Before the worker died, long after it, and on a connection that had the port later.
    expect(wrong({ to: T - 500 })).toEqual(one);
    expect(wrong({ to: T + 9000 })).toEqual(one);
    expect(wrong({ openedAt: T + 500, to: T + 600 })).toEqual(one);
  });

  it("may not fail by the death of a supervisor or an heir, a reload, a scaling or a stop", () => {
    const outages = (["supervisor", "heir", "both"] as const).map((what) => ({
      ...{ step: 1, what, from: T - 100, to: T + 100 },
    }));
    expect(faults({ failed: [failed], outages, commands: [reload] })).toEqual(one);
  });

  it("may be told that the bus failed only where somebody died, was drained, or nobody was in charge", () => {
    const bus: Failed = { ...failed, kind: "bus", detail: "HF_BUS_CONNECTION_LOST" };
    expect(faults({ failed: [bus] })).toEqual(one);
    expect(faults({ failed: [bus], deaths: [death] })).toEqual([]);
    expect(faults({ failed: [bus], commands: [reload] })).toEqual([]);
    const outage = { step: 1, what: "supervisor" as const, from: T - 600, to: T - 100 };
    expect(faults({ failed: [bus], outages: [outage] })).toEqual([]);
    expect(faults({ failed: [bus], outages: [{ ...outage, what: "heir" }] })).toEqual(one);
    const late = { ...bus, from: T + 9000, to: T + 9010 };
    expect(faults({ failed: [late], outages: [outage] })).toEqual(one);
    expect(faults({ failed: [{ ...bus, detail: "TypeError" }], deaths: [death] })).toEqual(one);
  });
});

describe("a WebSocket", () => {
  it("may be closed by the death of its worker, or with 1012 while workers drain", () => {
    expect(faults({ closed: [closed], deaths: [death] })).toEqual([]);
    const told = { ...closed, code: 1012 };
    expect(faults({ closed: [told], commands: [reload] })).toEqual([]);
    expect(faults({ closed: [{ ...told, at: T + 5000 }], commands: [reload] })).toEqual([]);
    expect(judge(history({ closed: [closed], deaths: [death] }), { isOver: false }).costs).toEqual(
      new Map([[4, { requests: 0, sockets: 1 }]]),
    );
  });

  it("may not be closed otherwise", () => {
    expect(faults({ closed: [closed] })).toEqual(one);
    expect(faults({ closed: [{ ...closed, port: 6000 }], deaths: [death] })).toEqual(one);
    expect(faults({ closed: [closed], commands: [reload] })).toEqual(one);
    const told = { ...closed, code: 1012 };
    expect(faults({ closed: [told] })).toEqual(one);
    expect(faults({ closed: [told], deaths: [death] })).toEqual(one);
    expect(faults({ closed: [{ ...told, at: T + 60_000 }], commands: [reload] })).toEqual(one);
    expect(faults({ closed: [{ ...told, at: T - 5000 }], commands: [reload] })).toEqual(one);
    expect(faults({ closed: [{ ...closed, code: 1001 }], deaths: [death] })).toEqual(one);
  });
});

describe("a durable message", () => {
  it("that was accepted is handled to its end", () => {
    const accepted = new Map([["m1", T]]);
    expect(faults({ accepted }, true)).toEqual(one);
    expect(faults({ accepted, lines: readLines("begin 10 1000 m1\n") }, true)).toEqual(one);
    const lines = readLines("begin 10 1000 m1\nend 10 1001 m1\nend 11 1002 m1\n");
    expect(faults({ accepted, lines }, true)).toEqual([]);
    // Before the end it may still come.
    expect(faults({ accepted })).toEqual([]);
  });
});

describe("a command", () => {
  it("succeeds, but for what is under way when it is given", () => {
    const bad = { ...reload, status: 6 };
    expect(faults({ commands: [reload] })).toEqual([]);
    expect(faults({ commands: [bad] })).toEqual(one);
    expect(faults({ commands: [bad], deaths: [death] })).toEqual([]);
    expect(faults({ commands: [{ ...bad, status: 70 }], deaths: [death] })).toEqual(one);
    expect(faults({ commands: [{ ...bad, status: null }], deaths: [death] })).toEqual(one);
    const list = { ...reload, title: "list", drains: false, status: 3 };
    expect(faults({ commands: [list], deaths: [death] })).toEqual(one);
    const outages = [{ step: 1, what: "supervisor" as const, from: T, to: T + 100 }];
    expect(faults({ commands: [list], outages })).toEqual([]);
    expect(faults({ commands: [{ ...list, from: T + 300 }], outages })).toEqual(one);
  });
});

describe("processes", () => {
  it("end only where somebody wanted it", () => {
    const gone = [{ pid: 10, slot: 1, lastSeen: T - 100, at: T + 100 }];
    expect(faults({ gone })).toEqual(one);
    expect(faults({ gone, deaths: [death] })).toEqual([]);
    expect(faults({ gone, deaths: [{ ...death, pid: 11 }] })).toEqual(one);
    expect(faults({ gone, commands: [reload] })).toEqual([]);
    const fallen = [{ pid: 1, slot: null, lastSeen: T - 100, at: T + 100 }];
    const outage = { step: 1, what: "supervisor" as const, from: T, to: T + 500 };
    expect(faults({ gone: fallen, deaths: [death], commands: [reload] })).toEqual(one);
    expect(faults({ gone: fallen, outages: [outage] })).toEqual([]);
    expect(faults({ gone: fallen, outages: [{ ...outage, what: "heir" }] })).toEqual(one);
    expect(faults({ gone, outages: [outage] })).toEqual(one);
  });

  it("are followed by others, in time", () => {
    const outage = { step: 1, what: "supervisor" as const, from: T };
    expect(faults({ outages: [{ ...outage, to: T + 500 }] })).toEqual([]);
    expect(faults({ outages: [{ ...outage, to: T + 5000 }] })).toEqual(one);
    expect(faults({ outages: [{ ...outage, to: null }] })).toEqual(one);
    expect(faults({ outages: [{ ...outage, what: "heir", to: T + 30_000 }] })).toEqual(one);
  });
});

describe("at rest", () => {
  const held: Held = { role: "supervisor", pid: 1, kinds: { socket: 10, pipe: 2 } };
  const calm: Look = {
    ...{ step: 9, at: T, unrest: [], wanted: 2, ready: 2, listed: [10, 9], workers: [9, 10] },
    ...{ claimed: 1, supervisor: 1, heirs: [2], heirsWanted: 1, strangers: [], held: [held] },
    sockets: [{ name: "control.sock", listening: 1, connected: 0 }],
  };

  it("there is what should be there", () => {
    const wrong = (part: Partial<Look>) => faults({ looks: [{ ...calm, ...part }] });
    expect(wrong({})).toEqual([]);
    expect(wrong({ ready: 1 })).toEqual(one);
    expect(wrong({ listed: [9, 11] })).toEqual(one);
    expect(wrong({ workers: [9], listed: [9] })).toEqual(one);
    expect(wrong({ claimed: 3 })).toEqual(one);
    expect(wrong({ claimed: null })).toEqual(one);
    expect(wrong({ heirs: [] })).toEqual(one);
    expect(wrong({ heirs: [2, 3] })).toEqual(one);
    expect(wrong({ heirsWanted: 0 })).toEqual(one);
    expect(wrong({ strangers: ["77 node"] })).toEqual(one);
    expect(wrong({ unrest: ["waited in vain"] })).toEqual(one);
    const bus = { name: "run/bus.sock", listening: 1, connected: 2 };
    expect(wrong({ sockets: [bus] })).toEqual([]);
    expect(wrong({ sockets: [{ ...bus, connected: 3 }] })).toEqual(one);
    expect(wrong({ sockets: [{ ...bus, listening: 2 }] })).toEqual(one);
  });

  it("nothing has grown, neither in one process nor from one to the next", () => {
    const grown = (pid: number, socket: number) =>
      faults({
        looks: [calm, { ...calm, held: [{ ...held, pid, kinds: { socket, pipe: 2 } }] }],
      }).filter((fault) => fault.includes("open"));
    expect(grown(1, 13)).toEqual([]);
    expect(grown(1, 15)).toEqual([expect.stringContaining("+5 socket")]);
    expect(grown(5, 20)).toEqual([]);
    // It was the heir.
    const heir: Look = { ...calm, held: [{ ...held, pid: 5, role: "heir", kinds: { socket: 3 } }] };
    const reigns: Look = { ...calm, held: [{ ...held, pid: 5 }] };
    expect(faults({ looks: [heir, reigns] })).toEqual([]);
    expect(grown(5, 30)).toEqual([expect.stringContaining("the first one, 1")]);
  });

  it("nothing is left behind, and every load has run", () => {
    expect(faults({ remains: ["left in the home: heir.sock"] }, true)).toEqual(one);
    expect(faults({ ok: new Map() }, true)).toHaveLength(LOADS.length);
    expect(faults({ lines: readLines("wrong 10 1000 news_3_after_4\n") })).toEqual(one);
    expect(faults({}, true)).toEqual([]);
  });
});
