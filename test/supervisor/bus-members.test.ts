/** Who is on the bus: workers, known by their tokens, other programs, and what both hear of workers. */

import { Duplex } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BusCounts } from "../../src/core/bus/counts.ts";
import { BUS } from "../../src/link/bus-frames.ts";
import { Client } from "../../src/supervisor/bus/client.ts";
import type { Guest } from "../../src/supervisor/bus/guest.ts";
import { Reception } from "../../src/supervisor/bus/reception.ts";
import { Roster } from "../../src/supervisor/bus/roster.ts";
import { until } from "../support/until.ts";
import { dataOf, EMPTY, FETCHED, TestClient } from "./bus-clients.ts";
import { busStages } from "./bus-stage.ts";

const stage = busStages();

afterEach(() => {
  vi.useRealTimers();
});

describe("a program on the bus", () => {
  it("is greeted, and answered by workers that are ready, who are named", async () => {
    const { client, supervisor } = await stage();
    const program = await client({ hello: { name: "script" } });
    expect(program.hello).toMatchObject({ protocol: 1, window: 1024 * 1024, longest: 1114112 });
    expect(program.hello.member).toBeGreaterThan(0);
    const reply = await program.request("who");
    expect(reply.kind).toBe(BUS.reply);
    const { worker, slot } = dataOf<{ worker: number; slot: number }>(reply);
    expect(reply.head?.from).toMatchObject({ app: "shop", slot, worker, name: null });
    const ids = supervisor.status()[0]?.workers.map(({ id }) => id);
    expect(ids).toContain(worker);
  });

  it("is refused as a worker that it is not, which is counted and told once", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [{ id = 0 } = {}] = supervisor.status()[0]?.workers ?? [];
    const faults: unknown[] = [];
    supervisor.on("bus:fault", ({ error }) => faults.push(error));
    const claims = [{ id, token: "x".repeat(22) }, { id: id + 7, token: "" }, { id }, "nonsense"];
    for (const worker of claims) {
      const intruder = new TestClient(supervisor.bus.path ?? "", { hello: { worker } });
      const refusal = await until(() => intruder.refusal, { what: "a refusal" });
      expect(refusal).toMatchObject({ code: "HF_BUS_REFUSED" });
      expect(refusal.message).toMatch(/^it is not (worker \d+|a worker), or that worker is gone$/);
      await intruder.close();
    }
    expect(faults).toMatchObject([{ code: "HF_BUS_TOKEN_WRONG" }]);
    const { body } = await supervisor.metrics();
    expect(body).toContain("\nholdfast_bus_auth_failures_total 4\n");
    const honest = await client();
    expect((await honest.request("who")).kind).toBe(BUS.reply);
    expect((await supervisor.metrics()).body).toContain("\nholdfast_bus_members 2\n");
  });

  it("is told why it is refused: another protocol, no window", () => {
    const reception = new Reception({
      ...{ roster: new Roster(), version: "1.2.3", members: () => 0, intruder: () => {} },
    });
    const judged = (head: Record<string, unknown> | null, kind: number = BUS.hello) => {
      const { client, said } = loose();
      const frame = { kind, format: 0, id: 0, to: 0, subject: "", head, body: EMPTY };
      expect(reception.read(client, { ...frame, bytes: 20 })).toBeNull();
      client.link.destroy("the test has read it");
      return said();
    };
    expect(judged({ protocol: 2, version: "9", window: 65536 })).toContain(
      "it speaks protocol 2 (version 9), the supervisor protocol 1 (version 1.2.3)",
    );
    expect(judged({ protocol: 1, window: 10 })).toContain("its window is not 1024 to");
    expect(judged({ protocol: 1 }, BUS.publish)).toContain("it does not begin with a hello");
  });

  it("is no intruder where it died before its hello was read; whoever guesses at it is one", () => {
    const roster = new Roster();
    const intruders: string[] = [];
    const reception = new Reception({
      ...{ roster, version: "", members: () => 0 },
      intruder: (who) => void intruders.push(who),
    });
    const refused = (worker: unknown) => {
      const { client, said } = loose();
      const head = { protocol: 1, window: 65536, worker };
      const frame = { kind: BUS.hello, format: 0, id: 0, to: 0, subject: "", head, body: EMPTY };
      expect(reception.read(client, { ...frame, bytes: 20 })).toBeNull();
      client.link.destroy("the test has read it");
      return said();
    };
    const token = roster.admit({ app: "app", slot: 0, worker: 7, generation: 1 });
    roster.forget(7);
    expect(refused({ id: 7, token })).toContain("it is not worker 7, or that worker is gone");
    expect(intruders).toEqual([]);
    refused({ id: 7, token: "x".repeat(token.length) });
    expect(intruders).toEqual(["worker 7"]);
  });

  it("comes from other machines only while there is room for those of this one", () => {
    const read = (members: number, guest: Guest | null) => {
      const reception = new Reception({
        ...{ roster: new Roster(), version: "", members: () => members, intruder: () => {} },
      });
      const { client, said } = loose(guest);
      const head = { protocol: 1, window: 65536 };
      const frame = { kind: BUS.hello, format: 0, id: 0, to: 0, subject: "", head, body: EMPTY };
      const hello = reception.read(client, { ...frame, bytes: 20 });
      client.link.destroy("the test has read it");
      return hello ? "in" : said();
    };
    const guest = { name: "edge" } as Guest;
    expect(read(8999, guest)).toBe("in");
    expect(read(9000, guest)).toContain("the bus has 9000 members already");
    expect(read(9999, null)).toBe("in");
    expect(read(10_000, null)).toContain("the bus has 10000 members already");
  });

  it("has five seconds to say hello, and 1,000 others may be silent beside it", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const reception = new Reception({
      ...{ roster: new Roster(), version: "", members: () => 0, intruder: () => {} },
    });
    const silent = Array.from({ length: 1001 }, () => loose());
    for (const { client } of silent) reception.await(client);
    expect(silent.filter(({ isOpen }) => !isOpen()).length).toBe(1);
    expect(silent[0]?.isOpen()).toBe(false);
    reception.gone((silent[1] as ReturnType<typeof loose>).client);
    vi.advanceTimersByTime(4999);
    expect(silent[2]?.isOpen()).toBe(true);
    vi.advanceTimersByTime(1);
    expect(silent.map(({ isOpen }) => isOpen()).filter(Boolean).length).toBe(1);
    expect(silent[1]?.isOpen()).toBe(true);
  });
});

describe("the bus tells of workers", () => {
  const states = (client: TestClient, pattern: RegExp) =>
    client.heard
      .filter(({ kind, to }) => kind === BUS.publish && to !== FETCHED)
      .filter(({ subject }) => pattern.test(subject))
      .map((frame) => `${frame.subject.split(".").at(-1)} ${dataOf(frame).generation}`);

  it("what becomes of them, and how each slot is now", async () => {
    const { client, supervisor } = await stage({ instances: 1, name: "shop.web" });
    const program = await client();
    await program.subscribe(1, "sys.worker.*.*.*");
    const present = async (): Promise<Record<string, unknown>> => {
      program.heard.length = 0;
      program.send(BUS.fetch, 2, "sys.worker.>");
      await program.answer(2);
      const [frame, more] = program.of(BUS.publish, "sys.worker.shop:web.0");
      expect([frame?.to, frame?.id, more]).toEqual([FETCHED, 2, undefined]);
      return frame ? dataOf(frame) : {};
    };
    const first = await present();
    const [worker] = supervisor.status()[0]?.workers ?? [];
    expect(first).toMatchObject({ app: "shop.web", slot: 0, state: "ready", generation: 1 });
    expect(first).toMatchObject({ worker: worker?.id, pid: worker?.pid });
    await supervisor.reload();
    await until(() => states(program, /web\.0/).includes("exit 1"), { what: "the old one's exit" });
    const order = states(program, /web\.0/);
    expect(order.filter((text) => text.endsWith(" 2"))).toEqual(["up 2", "ready 2"]);
    expect(order.filter((text) => text.endsWith(" 1"))).toEqual(["draining 1", "exit 1"]);
    expect(await present()).toMatchObject({ state: "ready", generation: 2 });
  });

  it("and why they end", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const program = await client();
    await program.subscribe(1, "sys.worker.shop.0.exit");
    const [worker] = supervisor.status()[0]?.workers ?? [];
    process.kill(worker?.pid ?? 0, "SIGKILL");
    const told = await until(() => program.of(BUS.publish)[0], { what: "its end" });
    expect(dataOf(told)).toMatchObject({ worker: worker?.id, state: "exit", reason: "signal" });
    expect(told.head?.from).toMatchObject({ member: 0, worker: null, name: "supervisor" });
  });

  it("and asks none whose event loop stands", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const program = await client();
    const [worker] = supervisor.status()[0]?.workers ?? [];
    const of = { app: "shop", worker: worker?.id ?? 0, slot: 0, generation: 1, pid: null };
    const hung = { ...of, kind: "hung", silentMs: 9000, stack: null } as const;
    supervisor.bus.hear("worker:hung", { ...hung, replaced: false });
    expect((await program.request("who")).kind).toBe(BUS.reply);
    supervisor.bus.hear("worker:hung", { ...hung, replaced: true });
    expect((await program.request("who")).head).toMatchObject({ code: "HF_BUS_NO_RESPONDERS" });
    supervisor.bus.hear("worker:recovered", { ...of, from: "hung" });
    expect((await program.request("who")).kind).toBe(BUS.reply);
  });

  it("and nobody else does in its place", async () => {
    const { client } = await stage({ instances: 1 });
    const program = await client();
    await program.subscribe(1, "sys.>");
    program.send(BUS.publish, 5, "sys.worker.shop.0.exit", { retain: true }, {});
    expect((await program.answer(5)).head).toMatchObject({ code: "HF_BUS_SUBJECT_INVALID" });
    expect(program.of(BUS.publish)).toEqual([]);
  });
});

describe("the bus of a supervisor", () => {
  it("is gone when its apps are stopped, and there again with them", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const program = await client();
    const { path } = supervisor.bus;
    await supervisor.stop({ app: "shop" });
    await until(() => program.downs, { what: "the client to be let go" });
    expect(supervisor.bus.path).toBeNull();
    await supervisor.start();
    expect(supervisor.bus.path).not.toBe(path);
    const again = await client();
    expect((await again.request("who")).kind).toBe(BUS.reply);
  });
});

/** A client at the end of no socket; what was said to it as text. */
function loose(guest: Guest | null = null) {
  const chunks: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const port = { counts: new BusCounts(), frame() {}, worked() {}, credit() {}, closed() {} };
  const client = new Client(socket, port, guest);
  return {
    client,
    said: () => Buffer.concat(chunks).toString("latin1"),
    isOpen: () => !socket.destroyed,
  };
}
