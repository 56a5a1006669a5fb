/** Messages between plain IPC channels: from one worker's process.send() to the others' process.on("message"). */

import { describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { dataOf } from "./bus-clients.ts";
import { busStages } from "./bus-stage.ts";

const stage = busStages();

type Stage = Awaited<ReturnType<typeof stage>>;
type Say = (slot: number, message: unknown, long?: number) => Promise<void>;
type Heard = (slot: number, app?: string) => Promise<unknown[]>;

/** A shop, beside it one who sends mail, and ways to have a worker say something and to learn what one has heard. */
async function members(instances: number): Promise<Stage & { say: Say; heard: Heard }> {
  const staged = await stage({ instances }, { name: "mail", instances: 1 });
  const program = await staged.client();
  const say: Say = async (slot, message, long) => {
    expect((await program.request(`say.shop.${slot}`, {}, { message, long })).kind).toBe(BUS.reply);
  };
  const heard: Heard = async (slot, app = "shop") =>
    dataOf<unknown[]>(await program.request(`heard.${app}.${slot}`));
  return { ...staged, say, heard };
}

describe("a worker's message reaches", () => {
  it("all workers of its app, all others, those of an app, or the one in a slot", async () => {
    const { say, heard, supervisor } = await members(3);
    const events: unknown[] = [];
    supervisor.on("worker:message", ({ message }) => events.push(message));
    await say(1, { holdfast: { to: "all" }, data: "all" });
    await say(1, { holdfast: { to: "others" }, data: { n: 1 } });
    await say(1, { holdfast: { to: "app:shop" }, data: ["app"] });
    await say(1, { holdfast: { to: "app:nobody" }, data: "nobody" });
    await say(1, { holdfast: { to: "app:mail" }, data: "mail" });
    await say(1, { holdfast: { to: 2 }, data: 42 });
    await say(1, { holdfast: { to: 7 }, data: "no such slot" });
    const others = ["all", { n: 1 }, ["app"]];
    await until(async () => (await heard(2)).includes(42), { what: "the last of them" });
    expect(await heard(0)).toEqual(others);
    expect(await heard(1)).toEqual(["all", ["app"]]);
    expect(await heard(2)).toEqual([...others, 42]);
    await until(async () => (await heard(0, "mail")).length > 0, { what: "the other app to hear" });
    expect(await heard(0, "mail")).toEqual(["mail"]);
    expect(supervisor.bus.counts.messages.relay).toBe(10);
    expect(events).toEqual([]);
  });

  it("nobody where it could be taken for the supervisor's, is none, or is too long", async () => {
    const { say, heard, supervisor } = await members(2);
    const faults: string[] = [];
    supervisor.on("worker:fault", ({ fault }) => faults.push(fault));
    await say(0, { holdfast: { to: "others" }, data: { cmd: "NODE_HOLDFAST", t: "drain" } });
    await say(0, { holdfast: { to: "others" } });
    await say(0, { holdfast: { to: "everywhere" }, data: 1 });
    await say(0, { holdfast: {}, data: 1 });
    await say(0, { holdfast: { to: "others" } }, 1024 * 1024);
    await say(0, { holdfast: { to: "others" }, data: "last" });
    await until(async () => (await heard(1)).includes("last"), { what: "the last of them" });
    expect(await heard(1)).toEqual(["last"]);
    expect(faults).toEqual(["hostile", "malformed", "malformed", "malformed", "too-long"]);
    expect(supervisor.bus.counts.dropped.invalid).toBe(5);
    const [{ phase } = {}] = supervisor.status()[0]?.workers ?? [];
    expect(phase).toBe("ready");
  });

  it("nobody who does not read, and all others", async () => {
    const { say, heard, supervisor } = await members(3);
    const stopped = supervisor.status()[0]?.workers.find(({ slot }) => slot === 1)?.pid ?? 0;
    process.kill(stopped, "SIGSTOP");
    const { counts } = supervisor.bus;
    for (let n = 0; n < 8; n += 1) await say(0, { holdfast: { to: "others" } }, 200_000);
    await until(() => counts.messages.relay + counts.dropped.congested === 16, {
      what: "all to be passed on or over",
    });
    expect(counts.dropped.congested).toBeGreaterThan(0);
    process.kill(stopped, "SIGCONT");
    await until(async () => (await heard(2)).length === 8, { what: "the other to hear all" });
    await until(async () => (await heard(1)).length === 8 - counts.dropped.congested, {
      what: "what the stopped one was sent",
    });
  });

  it("the supervisor's listeners where it is for nobody, as before", async () => {
    const { say, supervisor } = await members(1);
    const events: unknown[] = [];
    supervisor.on("worker:message", ({ message }) => events.push(message));
    const message = { type: "process:msg", data: { a: 1 }, topic: "t" };
    await say(0, message);
    await until(() => events.length > 0, { what: "the event" });
    expect(events).toEqual([message]);
  });
});
