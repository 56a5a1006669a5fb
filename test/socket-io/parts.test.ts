/** The parts between Socket.IO and the bus, each by itself: letters, what is said to all, who takes part, what is told. */

import { spawnSync } from "node:child_process";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Ledger } from "../../src/core/socket-io/ledger.ts";
import { Sessions } from "../../src/core/socket-io/sessions.ts";
import type { Entry } from "../../src/core/socket-io/terms.ts";
import { HoldfastError } from "../../src/errors.ts";
import { Attendance, type AttendancePort } from "../../src/socket-io/attendance.ts";
import { Book } from "../../src/socket-io/book.ts";
import { Faults } from "../../src/socket-io/faults.ts";
import { Intake } from "../../src/socket-io/intake.ts";
import { Outflow, type OutflowPort } from "../../src/socket-io/outflow.ts";
import { Posts, type PostsPort } from "../../src/socket-io/posts.ts";
import { Assembler } from "../../src/socket-io/wire.ts";
import { until } from "../support/until.ts";

const FAULTS = new URL("../../dist/src/socket-io/faults.js", import.meta.url).href;
const NOTHING = new Uint8Array();

afterEach(() => void vi.restoreAllMocks());

describe("letters", () => {
  const ignore = { heard: () => {}, refused: () => false, unwritable: () => {} };

  /** One member that writes to others by `publish`. */
  function writer(me: string, port: Partial<PostsPort> = {}): Posts {
    return new Posts({ me, publish: async () => {}, ...ignore, ...port });
  }

  it("come to a member that was taken for gone, and has not forgotten", async () => {
    const heard: unknown[] = [];
    const reader = writer("b", { heard: (_from, _kind, value) => void heard.push(value) });
    const pieces = new Assembler();
    const publish = async (_to: string, piece: Buffer): Promise<void> =>
      reader.take(pieces.take(piece) as Entry);
    const posts = writer("a", { publish });
    for (const value of [1, 2, 3]) {
      posts.send("b", "word", value);
      await until(() => heard.includes(value), { what: "the letter" });
      posts.forget("b");
    }
    expect(heard).toEqual([1, 2, 3]);
  });

  it("wait for one that is not there yet, from the first try on", async () => {
    const options: unknown[] = [];
    const posts = writer("a", { publish: async (_to, _piece, each) => void options.push(each) });
    posts.send("b", "word", 1);
    await until(() => options.length > 0, { what: "the letter" });
    expect(options).toEqual([{ hold: 3000 }]);
  });

  it("are not lost with one that cannot be written", async () => {
    const heard: unknown[] = [];
    const unwritable: unknown[] = [];
    const reader = writer("b", { heard: (_from, _kind, value) => void heard.push(value) });
    const pieces = new Assembler();
    const posts = writer("a", {
      publish: async (_to, piece) => reader.take(pieces.take(piece) as Entry),
      unwritable: (error) => void unwritable.push(error),
    });
    for (const value of [1, 2n, 3]) posts.send("b", "word", value);
    await until(() => heard.length === 2, { what: "both" });
    expect(heard).toEqual([1, 3]);
    expect(unwritable).toEqual([expect.any(TypeError)]);
  });
});

describe("what is said to all", () => {
  function outflow(port: Partial<OutflowPort> = {}): Outflow {
    const ignore = { deliver: () => {}, refused: () => false, dropped: () => {} };
    const made = new Outflow({ me: "a", publish: async () => {}, ...ignore, ...port });
    made.open();
    return made;
  }

  it("costs the same for each, however many wait", () => {
    const delivered: number[] = [];
    const said = outflow({ deliver: ({ n }) => void delivered.push(n) });
    const count = 150_000;
    for (let n = 1; n <= count; n += 1) said.say("packet", null, NOTHING);
    const began = performance.now();
    for (let n = 1; n <= count; n += 1) said.heard(n);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(delivered).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  it("has its turn where there is no bus any more, though an app's listener throws", () => {
    const delivered: number[] = [];
    const deliver = ({ n }: Entry): void => {
      delivered.push(n);
      if (n === 2) throw new TypeError("an app's listener");
    };
    const said = outflow({ deliver });
    const run = vi.fn();
    for (let n = 1; n <= 3; n += 1) said.say("packet", null, NOTHING);
    said.inTurn(run);
    expect(() => said.detach("detached")).toThrow("an app's listener");
    expect([delivered, run.mock.calls.length, said.state]).toEqual([[1, 2, 3], 1, "detached"]);
    said.say("packet", null, NOTHING);
    expect(delivered).toEqual([1, 2, 3, 4]);
  });

  it("goes on after something that the bus never takes", async () => {
    const published: number[] = [];
    const delivered: number[] = [];
    const pieces = new Assembler();
    let tries = 0;
    let dropped = 0;
    const said = outflow({
      publish: async (piece) => {
        const n = pieces.take(piece)?.n ?? 0;
        tries += 1;
        // Without an end to it nothing else would run any more.
        if (n === 2 && tries < 1000) throw new HoldfastError("HF_BUS_FORBIDDEN", {} as never);
        published.push(n);
        said.heard(n);
      },
      deliver: ({ n }) => void delivered.push(n),
      dropped: (count) => (dropped += count),
    });
    for (let n = 1; n <= 3; n += 1) said.say("packet", null, NOTHING);
    await until(() => published.includes(3), { what: "the third" });
    expect({ published, delivered, dropped }).toEqual({
      ...{ published: [1, 3], delivered: [1, 2, 3], dropped: 1 },
    });
  });
});

describe("who takes part", () => {
  /** A member with a bus that only says what is sent. */
  async function member(port: Partial<Record<keyof AttendancePort, unknown>> = {}) {
    const letters: unknown[] = [];
    const line = { self: { app: "app", worker: 1 }, open: async () => [], close: async () => {} };
    const ledger = new Ledger<Entry>({ keptMs: 1000, maxPackets: 10, maxBytes: 10_000 });
    const intake = new Intake("a", {
      ...{ apply: () => {}, own: () => {}, repair: () => {}, lost: () => {} },
      ...{ isRepairing: () => false, isMember: () => false },
      ledger,
    });
    const attendance = new Attendance({
      ...{ me: "a", bus: null, line, faults: new Faults(() => []), intake, ledger },
      ...{ sessions: new Sessions(1), catchUp: { fetch: async () => null } },
      outflow: { state: "open", lastSent: 7, open: () => {}, say: () => {}, detach: () => {} },
      posts: { send: (...letter: unknown[]) => void letters.push(letter) },
      ...{ gone: () => {}, locals: () => [{ retell: () => void letters.push("retold") }] },
      ...port,
    } as unknown as AttendancePort);
    await attendance.begin();
    return { attendance, letters, intake };
  }

  const said = (kind: string, n: number): Entry => ({
    ...{ from: "b", n, at: 0, kind, meta: { app: "app", worker: 2 }, body: NOTHING },
  });

  it("one that lives and is not known is asked who it is, and both know each other then", async () => {
    const greeting = { app: "app", worker: 1, n: 7, wasGone: false };
    const { attendance, letters } = await member();
    attendance.noticed(said("hello", 1));
    attendance.noticed(said("packet", 2));
    attendance.gone("b");
    expect(letters.splice(0)).toEqual([["b", "here", greeting]]);
    for (const n of [3, 4]) attendance.noticed(said("packet", n));
    attendance.noticed(said("bye", 5));
    expect(letters.splice(0)).toEqual([["b", "hello", { ...greeting, wasGone: true }]]);
    const other = await member();
    other.attendance.heardGreeting("c", { ...greeting, wasGone: true });
    expect(other.attendance.members.all()).toEqual(["c"]);
    // Its clients were taken for gone as well.
    expect(other.letters).toEqual(["retold", ["c", "here", greeting]]);
    attendance.heardHere("b", { ...greeting, worker: 2 });
    expect(attendance.members.all()).toEqual(["b"]);
  });

  it("one that was only frozen hears that it was taken for gone, and one that is new does not", async () => {
    const here = { app: null, worker: null, n: 3, wasGone: false };
    const { attendance, letters, intake } = await member();
    // Others have told of it.
    intake.take(said("packet", 1));
    attendance.heardHere("b", here);
    expect(letters).toEqual([]);
    attendance.gone("b");
    attendance.heardHere("b", here);
    const greeting = { app: "app", worker: 1, n: 7, wasGone: true };
    expect(letters).toEqual([["b", "hello", greeting]]);
    expect(attendance.members.all()).toEqual(["b"]);
  });

  it("a member comes in once the supervisor has less to do", async () => {
    const open = vi.fn<() => Promise<readonly string[]>>();
    open.mockRejectedValueOnce(
      new HoldfastError("HF_BUS_OVERLOADED", { subject: "all", reason: "full" }),
    );
    open.mockResolvedValueOnce([]);
    const line = { self: { app: "app", worker: 1 }, open, close: async () => {} };
    const detach = vi.fn();
    const outflow = { state: "waiting", lastSent: 0, open: () => {}, say: () => {}, detach };
    await member({ line, outflow });
    expect([open.mock.calls.length, detach.mock.calls.length]).toEqual([2, 0]);
  });

  it("what another one tells and nobody can read does not end the repair for ever", async () => {
    const tell = vi.fn();
    const fetch = () => Promise.reject(new TypeError("no page"));
    const { attendance } = await member({ faults: { tell }, catchUp: { fetch } });
    attendance.noticed(said("hello", 1));
    await attendance.repair("b");
    expect(attendance.isRepairing).toBe(false);
    expect(tell).toHaveBeenCalledTimes(1);
  });
});

describe("a book of sessions", () => {
  const page = (data: unknown) => ({ id: "s", pid: "p", data });

  it("tells all of them again where somebody took them for gone", async () => {
    const say = vi.fn();
    const book = new Book({ nsp: "/", since: () => "", say, unusable: () => {} });
    book.open(page({}), [], null);
    await until(() => say.mock.calls.length === 1, { what: "the session" });
    book.retell();
    await until(() => say.mock.calls.length === 2, { what: "the session once more" });
    const [[first], [again]] = say.mock.calls.map(([news]) => news);
    expect(again).toEqual({ ...first, step: first.step + 1 });
    book.close();
  });

  it("says once that data cannot be kept, as long as that is so", () => {
    const unusable = vi.fn();
    const socket = page({ big: 1n });
    vi.useFakeTimers();
    try {
      const book = new Book({ nsp: "/", since: () => "", say: () => {}, unusable });
      book.open(socket, [], null);
      vi.advanceTimersByTime(5000);
      expect(unusable).toHaveBeenCalledTimes(1);
      Object.assign(socket.data as object, { big: 1 });
      vi.advanceTimersByTime(1000);
      Object.assign(socket.data as object, { big: 2n });
      vi.advanceTimersByTime(5000);
      expect(unusable).toHaveBeenCalledTimes(2);
      book.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("faults", () => {
  it("of one sort are told once, whatever numbers and names they have", () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const faults = new Faults(() => []);
    for (const count of [1, 2, 3]) faults.tell(`${count} messages are lost`, undefined, "lost");
    faults.tell("something else");
    expect(warn.mock.calls.map(([told]) => told)).toEqual([
      "1 messages are lost",
      "something else",
    ]);
  });

  it("are heard by all, and an app's listener that throws stops nothing but itself", () => {
    const program = `
      import { Faults } from ${JSON.stringify(FAULTS)};
      process.on("uncaughtException", ({ message }) => console.log("uncaught:", message));
      const throwing = () => { throw new Error("of the app"); };
      const hearing = (_event, { message }) => console.log("heard:", message);
      const ears = [throwing, hearing].map((emit) => ({ listenerCount: () => 1, emit }));
      new Faults(() => ears).tell("the bus is gone");
      console.log("went on");
    `;
    const args = ["--input-type=module", "-e", program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    const told = ["heard: the bus is gone", "went on", "uncaught: of the app", ""];
    expect([stdout.split("\n"), stderr]).toEqual([told, ""]);
  });
});
