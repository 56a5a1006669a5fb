/** What one client says must not hurt others, nor the supervisor: what is deep, and what fills its memory. */

import { describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { dataOf, EMPTY, type TestClient } from "./bus-clients.ts";
import { busStages } from "./bus-stage.ts";

const stage = busStages();

/** Deeper than JSON.stringify can go; JSON.parse can. */
const DEEP = `${'{"cause":'.repeat(20_000)}{}${"}".repeat(20_000)}`;
const LATER = { timeoutMs: 60_000, hold: true };

/** Says something whose head ends with a field that is given as JSON. */
function sayRaw(client: TestClient, kind: number, id: number, head: object, raw: string): void {
  const packed = Buffer.from(`${JSON.stringify(head).slice(0, -1)},${raw}}`);
  const isWindow = kind === BUS.publish || kind === BUS.request;
  const subject = isWindow ? "later" : "";
  const frame = { kind, id, to: 0, subject, format: 0, head: packed, body: EMPTY };
  if (isWindow) expect(client.link?.offer(frame)).toBe(true);
  else client.link?.send(frame);
}

async function surprised() {
  const { client, supervisor } = await stage({ instances: 1 });
  const faults: unknown[] = [];
  supervisor.on("bus:fault", ({ error }) => faults.push(error));
  const [one, other] = [await client(), await client()];
  const expectNobodyHurt = async () => {
    expect((await other.request("who")).kind).toBe(BUS.reply);
    expect([one.downs, other.downs, faults]).toEqual([0, 0, []]);
  };
  return { one, other, expectNobodyHurt };
}

describe("headers that are none", () => {
  it("are left out of a request that was held, and who comes to answer it is not hurt", async () => {
    const { one, other, expectNobodyHurt } = await surprised();
    sayRaw(one, BUS.request, 5, LATER, `"headers":${DEEP}`);
    await one.sync();
    await other.subscribe(1, "later", { kind: "reply" });
    const asked = await until(() => other.of(BUS.request)[0], { what: "the request" });
    expect(asked.head).not.toHaveProperty("headers");
    other.send(BUS.reply, asked.id, "", null, "now");
    expect(dataOf(await one.answer(5))).toBe("now");
    await expectNobodyHurt();
  });

  it("are left out of what is published, where they are deep, no texts, or too long", async () => {
    const { one, other, expectNobodyHurt } = await surprised();
    await other.subscribe(1, "later");
    const long = JSON.stringify({ text: "x".repeat(16 * 1024) });
    for (const headers of [DEEP, '["a"]', '{"a":1}', '"a"', long]) {
      sayRaw(one, BUS.publish, 0, { key: "k" }, `"headers":${headers}`);
    }
    sayRaw(one, BUS.publish, 0, { key: "k" }, '"headers":{"a":"1"}');
    const heard = await until(() => other.of(BUS.publish).length === 6 && other.of(BUS.publish), {
      what: "all of them",
    });
    expect(heard.map(({ head }) => head?.headers)).toEqual([
      ...Array(5).fill(undefined),
      { a: "1" },
    ]);
    await expectNobodyHurt();
  });
});

describe("a failure", () => {
  it("is passed on as an error is, its causes as far as they tell something", async () => {
    const { one, other, expectNobodyHurt } = await surprised();
    await one.subscribe(1, "later", { kind: "reply" });
    other.send(BUS.request, 5, "later", { timeoutMs: 60_000 });
    const asked = await until(() => one.of(BUS.request)[0], { what: "the request" });
    const told = { name: "TypeError", message: "no price", code: 7, other: [[]] };
    sayRaw(one, BUS.failure, asked.id, told, `"cause":${DEEP}`);
    const { head } = await other.answer(5);
    expect(head).toMatchObject({ name: "TypeError", message: "no price", code: 7, thrown: true });
    expect(head).not.toHaveProperty("other");
    expect(JSON.stringify(head?.cause)).toBe(`${'{"cause":'.repeat(7)}{}${"}".repeat(7)}`);
    await expectNobodyHurt();
  });
});

describe("what clients retain", () => {
  it("leaves room for what the supervisor says of workers", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const program = await client();
    for (let n = 0; n < 10_000; n += 1) {
      program.send(BUS.publish, 0, `mine.${n}`, { retain: true }, n);
      if (n % 2000 === 0) await program.sync();
    }
    program.send(BUS.publish, 9, "mine.more", { retain: true }, "one too many");
    expect((await program.answer(9)).head).toMatchObject({ code: "HF_BUS_OVERLOADED" });
    await supervisor.scale(2);
    program.send(BUS.fetch, 7, "sys.worker.*.*");
    await program.answer(7);
    const present = program.of(BUS.publish).filter(({ id }) => id === 7);
    expect(present.map((frame) => dataOf<{ slot: number }>(frame).slot)).toEqual([0, 1]);
  });
});

describe("requests that are cancelled", () => {
  it("are counted, whether somebody works on them, they are held, or who asked has gone", async () => {
    const { client, supervisor } = await stage({ instances: 1 });
    const [one, other] = [await client(), await client()];
    one.send(BUS.request, 5, "slow", { timeoutMs: 60_000 });
    one.send(BUS.request, 6, "later", LATER);
    for (const id of [5, 6, 6, 77]) one.send(BUS.cancel, id);
    other.send(BUS.request, 5, "slow", { timeoutMs: 60_000 });
    for (const each of [one, other]) await each.sync();
    expect(supervisor.bus.counts.requests.cancelled).toBe(2);
    await other.close();
    await until(() => supervisor.bus.counts.requests.cancelled === 3, { what: "the third" });
    const line = 'holdfast_bus_requests_total{result="cancelled"} 3';
    expect((await supervisor.metrics()).body).toContain(line);
  });
});
