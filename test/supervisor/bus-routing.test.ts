/** Messages and requests between real workers and other programs. */

import { describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { dataOf, type TestClient } from "./bus-clients.ts";
import { busStages } from "./bus-stage.ts";

const stage = busStages();

interface Who {
  readonly worker: number;
  readonly slot: number;
  readonly generation: number;
  readonly attempt: number;
}

const codeOf = (frame: { head: Readonly<Record<string, unknown>> | null }) => frame.head?.code;

describe("messages", () => {
  it("go to all that listen, the sender among them, and to one of a queue", async () => {
    const { client } = await stage();
    const [one, two] = [await client({ hello: { name: "one" } }), await client()];
    await one.subscribe(1, "done");
    await two.subscribe(1, "*");
    for (let n = 0; n < 10; n += 1) one.send(BUS.publish, 0, "jobs", { headers: { n: "1" } }, n);
    await until(() => one.of(BUS.publish, "done").length === 10, { what: "all to be done" });
    const workers = one.of(BUS.publish, "done").map((frame) => dataOf<Who>(frame).worker);
    const counts = [...new Set(workers)].map((id) => workers.filter((each) => each === id).length);
    expect(counts).toEqual([5, 5]);
    await two.sync();
    expect(two.of(BUS.publish, "jobs").map((frame) => dataOf<number>(frame))).toEqual([
      ...Array(10).keys(),
    ]);
    const [first] = two.of(BUS.publish, "jobs");
    expect(first?.head).toMatchObject({ headers: { n: "1" }, from: { name: "one", app: null } });
    await one.subscribe(2, "own");
    one.send(BUS.publish, 9, "own", null, "mine");
    await one.answer(9);
    expect(one.of(BUS.publish, "own")).toHaveLength(1);
  });

  it("are held for who comes, retained for who asks, and forgotten when undefined", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const program = await client();
    program.send(BUS.publish, 1, "later", { hold: 20_000 }, "first");
    await program.answer(1);
    await program.subscribe(2, "later");
    const held = await until(() => program.of(BUS.publish, "later")[0], { what: "what was held" });
    expect(dataOf(held)).toBe("first");
    program.send(BUS.publish, 3, "config.flags", { retain: true }, { a: 1 });
    await program.answer(3);
    const asked = async (id: number) => {
      program.send(BUS.fetch, id, "config.*");
      await program.answer(id);
      return program.of(BUS.publish, "config.flags").filter((frame) => frame.id === id);
    };
    expect((await asked(4)).map((frame) => dataOf(frame))).toEqual([{ a: 1 }]);
    program.send(BUS.publish, 5, "config.flags", { retain: true });
    expect(await asked(6)).toEqual([]);
    program.send(BUS.publish, 7, "never", { hold: 30 }, "lost");
    const lapsed = 'holdfast_bus_dropped_total{reason="lapsed"} 1';
    await until(async () => (await supervisor.metrics()).body.includes(lapsed), {
      what: "nobody to have come for it",
    });
  });
});

describe("requests", () => {
  it("fail as the handler does, with what it threw and who it was", async () => {
    const { client } = await stage();
    const program = await client();
    const failure = await program.request("throw");
    expect(failure.kind).toBe(BUS.failure);
    expect(failure.head).toMatchObject({
      ...{ name: "TypeError", message: "no price", code: "E_PRICE", thrown: true },
      from: { app: "shop" },
    });
  });

  it("fail at once where nobody answers, and in time where nobody does in time", async () => {
    const { client, supervisor } = await stage();
    const program = await client();
    await program.subscribe(1, "cancelled");
    const nobody = await program.request("nobody", { timeoutMs: 60_000 });
    expect(codeOf(nobody)).toBe("HF_BUS_NO_RESPONDERS");
    const late = await program.request("slow", { timeoutMs: 50 });
    expect(codeOf(late)).toBe("HF_BUS_TIMEOUT");
    await until(() => program.of(BUS.publish, "cancelled").length === 1, {
      what: "the worker to be told",
    });
    program.send(BUS.request, 77, "slow", { timeoutMs: 60_000 });
    program.send(BUS.cancel, 77);
    await until(() => program.of(BUS.publish, "cancelled").length === 2, {
      what: "the worker to be told of the cancel",
    });
    expect(program.heard.some(({ id, kind }) => id === 77 && kind !== BUS.publish)).toBe(false);
    const { body } = await supervisor.metrics();
    expect(body).toContain('holdfast_bus_requests_total{result="no_responders"} 1');
    expect(body).toContain('holdfast_bus_requests_total{result="timeout"} 1');
  });

  it("fail at once when the worker is gone, even while somebody holds its connection", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const program = await client();
    for (const how of ["die", "orphan"]) {
      const began = performance.now();
      const lost = await program.request(how, { timeoutMs: 60_000 });
      expect([how, codeOf(lost)]).toEqual([how, "HF_BUS_WORKER_LOST"]);
      expect(performance.now() - began).toBeLessThan(5000);
      await until(async () => codeOf(await program.request("who")) === undefined, {
        what: "its successor to answer",
      });
    }
    expect(supervisor.bus.counts.requests.worker_lost).toBe(2);
  });

  it("that may be worked on twice go to another member, once", async () => {
    const { client } = await stage({ instances: 1 });
    const asker = await client();
    const helpers = [await client(), await client(), await client()];
    for (const helper of helpers) await helper.subscribe(1, "task", { kind: "reply" });
    asker.send(BUS.request, 5, "task", { timeoutMs: 60_000, idempotent: true }, "work");
    const lose = async (attempt: number): Promise<void> => {
      const isAsked = (helper: TestClient) => helper.of(BUS.request).length === 1;
      const asked = await until(() => helpers.find(isAsked), { what: `attempt ${attempt}` });
      const [frame] = asked.of(BUS.request);
      expect(frame?.head).toMatchObject({ attempt });
      expect(frame && dataOf(frame)).toBe("work");
      helpers.splice(helpers.indexOf(asked), 1);
      await asked.close();
    };
    await lose(1);
    await lose(2);
    expect(codeOf(await asker.answer(5))).toBe("HF_BUS_WORKER_LOST");
    expect(helpers[0]?.of(BUS.request)).toEqual([]);
  });

  it("wait for somebody who answers, where they are to", async () => {
    const { client } = await stage({ instances: 1 });
    const [asker, late] = [await client(), await client()];
    asker.send(BUS.request, 5, "later", { timeoutMs: 60_000, hold: true }, { a: 1 });
    await asker.sync();
    await late.subscribe(1, "later", { kind: "reply" });
    const asked = await until(() => late.of(BUS.request, "later")[0], { what: "the request" });
    expect([dataOf(asked), asked.to]).toEqual([{ a: 1 }, 1]);
    late.send(BUS.reply, asked.id, "", null, "now");
    expect(dataOf(await asker.answer(5))).toBe("now");
  });

  it("to all are answered by all, or say who is missing", async () => {
    const { client } = await stage({ instances: 3 });
    const program = await client();
    program.send(BUS.request, 1, "who", { timeoutMs: 5000, all: true });
    await until(() => program.of(BUS.gathered)[0], { what: "the end of it" });
    const slots = program.of(BUS.reply).map((frame) => dataOf<Who>(frame).slot);
    expect(slots.sort()).toEqual([0, 1, 2]);
    expect(program.of(BUS.gathered)[0]?.head).toEqual({ missing: [] });
    program.send(BUS.request, 2, "slow", { timeoutMs: 50, all: true });
    const late = await until(() => program.of(BUS.gathered)[1], { what: "the deadline" });
    const missing = late.head?.missing as { slot: number }[];
    expect(missing.map(({ slot }) => slot).sort()).toEqual([0, 1, 2]);
  });

  it("are all answered through a reload, by ready workers only", async () => {
    const { client, supervisor } = await stage();
    const program = await client();
    const generations: number[] = [];
    let isOver = false;
    const asking = (async () => {
      while (!isOver) {
        const reply = await program.request("who");
        expect([reply.kind, codeOf(reply)]).toEqual([BUS.reply, undefined]);
        generations.push(dataOf<Who>(reply).generation);
      }
    })();
    const reloaded = await supervisor.reload();
    isOver = true;
    await asking;
    expect(new Set(generations)).toEqual(new Set([reloaded - 1, reloaded]));
    expect(dataOf<Who>(await program.request("who")).generation).toBe(reloaded);
  });
});
