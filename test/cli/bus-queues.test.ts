/** Durable queues on the command line: enqueue, list, peek, retry, purge. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

interface Summary {
  readonly queue: string;
  readonly ready: number;
  readonly dead: number;
}

/** A supervisor that runs nothing any more: queues are there all the same. */
async function supervised(house: House): Promise<void> {
  const app = { name: "idle", script: fixture("puppet.mjs"), instances: 1, minUptime: 100 };
  await house.ok(["start", "-"], { input: JSON.stringify({ ...app, env: { PORT: "0" } }) });
  await house.ok(["stop", "idle"]);
}

async function consuming(house: House): Promise<void> {
  const env = { PORT: "0", MENDED: join(house.root, "mended") };
  const app = { name: "mailer", script: fixture("apps/bus-consumer.mjs"), instances: 1, env };
  await house.ok(["start", "-"], { input: JSON.stringify({ ...app, minUptime: 100 }) });
}

async function dataOf<Data>(house: House, args: readonly string[]): Promise<Data> {
  return JSON.parse((await house.ok([...args, "-o", "json"])).stdout).data;
}

async function summary(house: House, queue: string): Promise<Summary | undefined> {
  const { queues } = await dataOf<{ queues: Summary[] }>(house, ["queue", "list"]);
  return queues.find((each) => each.queue === queue);
}

/** The fields in the table of a section of docs/cli-output.md. */
function documented(section: string): readonly string[] {
  const page = readFileSync(join(projectRoot, "docs/cli-output.md"), "utf8");
  const [, part = ""] = page.split(new RegExp(`^## ${section}$`, "m"));
  const [table = ""] = part.split(/^## /m);
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name ?? "");
}

describe("holdfast enqueue and queue", () => {
  it("store messages without any app, and show them", async () => {
    await using house = new House();
    await supervised(house);
    const none = await house.ok(["queue", "list"]);
    expect([none.stdout, none.stderr]).toEqual(["", "no queue holds anything\n"]);
    const first = await house.ok(["enqueue", "mails", '{"to":"ada"}', "--key", "ada"]);
    expect(first.stdout).toMatch(/^\d+\n$/);
    const again = ["enqueue", "mails", "late", "--text", "--delay", "1h", "--dedupe", "x"];
    const late = await dataOf<{ id: string }>(house, again);
    expect(late).toEqual({ id: expect.stringMatching(/^\d+$/), duplicate: false });
    const twice = await house.ok(again);
    expect(twice).toMatchObject({
      stdout: `${late.id}\n`,
      stderr: "mails has it already: not stored again\n",
    });
    await house.ok(["enqueue", "raw", "--bytes", "--file", "-"], { input: "\u0001\u0002" });
    const listed = (await house.ok(["queue", "list"])).stdout.split("\n");
    expect(listed[0]).toMatch(/^QUEUE +READY +DELAYED +LEASED +DEAD +SIZE +OLDEST$/);
    expect(listed.slice(1).join("\n")).toMatch(/^mails +1 +1 +0 +0 .*\nraw +1 +0 +0 +0 .*\n$/);
    const { queues } = await dataOf<{ queues: object[] }>(house, ["queue", "list", "mails"]);
    expect(queues).toHaveLength(1);
    expect(Object.keys(queues[0] ?? {}).sort()).toEqual([...documented("queue")].sort());
    const peeked = await dataOf<{ messages: object[] }>(house, ["queue", "peek", "mails"]);
    expect(peeked.messages).toMatchObject([
      { id: first.stdout.trim(), state: "ready", key: "ada", data: { to: "ada" }, attempt: 0 },
    ]);
    const fields = [...Object.keys(peeked.messages[0] ?? {}), "base64"].sort();
    expect(fields).toEqual([...documented("queued")].sort());
    const delayed = await house.ok(["queue", "peek", "mails", "--state", "delayed"]);
    expect(delayed.stdout).toMatch(/\n\d+ +\d+\w+ +0\/5 +- +in \d+m.* "late"\n$/);
    const raw = await house.ok(["queue", "peek", "raw", "-o", "ndjson"]);
    expect(JSON.parse(raw.stdout).data).toMatchObject({ base64: "AQI=", bodyBytes: 2 });
    expect((await house.ok(["queue", "peek", "nothing"])).stderr).toBe(
      "no ready messages in nothing\n",
    );
  });

  it("purge removes only with --force, one state, one message, or all", async () => {
    await using house = new House();
    await supervised(house);
    const ids: string[] = [];
    for (const each of ["1", "2", "3"])
      ids.push((await house.ok(["enqueue", "mails", each])).stdout.trim());
    await house.ok(["enqueue", "mails", "4", "--delay", "1h"]);
    const unforced = await house.run(["queue", "purge", "mails"]);
    expect(unforced).toMatchObject({ status: 2, stdout: "" });
    expect(unforced.stderr).toContain(
      "--force: is missing, and purge removes all messages of mails for good.",
    );
    const one = ["queue", "purge", "mails", "--force", "--id", String(ids[1])];
    expect((await house.ok(one)).stderr).toBe("mails: 1 message removed\n");
    const gone = await house.run(one);
    expect(gone).toMatchObject({ status: 1 });
    expect(gone.stderr).toContain("code: HF_BUS_QUEUE_NO_MESSAGE");
    const delayed = ["queue", "purge", "mails", "--force", "--state", "delayed"];
    expect(await dataOf(house, delayed)).toEqual({ queue: "mails", count: 1 });
    expect((await house.ok(["queue", "purge", "mails", "--force"])).stderr).toBe(
      "mails: 2 messages removed\n",
    );
    expect(await summary(house, "mails")).toBeUndefined();
  });

  it("show why a message is a dead letter, and have it done once that is mended", async () => {
    await using house = new House();
    await consuming(house);
    await house.ok(["enqueue", "mails", '{"to":"ada"}']);
    await house.ok(["enqueue", "mails", '{"to":"bob","bad":true}']);
    await until(async () => (await summary(house, "mails"))?.dead === 1, { what: "a dead letter" });
    const { stdout } = await house.ok(["queue", "peek", "mails", "--dead"]);
    expect(stdout).toMatch(/\n\d+ .*1\/5 .*TypeError: no address +\{"to":"bob","bad":true\}\n$/);
    const { messages } = await dataOf<{ messages: { id: string }[] }>(house, [
      ...["queue", "peek", "mails", "--dead"],
    ]);
    expect(messages).toMatchObject([
      { state: "dead", reason: "failed", error: { name: "TypeError", message: "no address" } },
    ]);
    const wrong = await house.run(["queue", "retry", "mails", "--id", "999"]);
    expect(wrong.stderr).toContain("code: HF_BUS_QUEUE_NO_MESSAGE");
    house.file("mended", "");
    const retried = await house.ok(["queue", "retry", "mails", "--id", String(messages[0]?.id)]);
    expect(retried.stderr).toBe("mails: 1 message back in the queue\n");
    await until(async () => (await summary(house, "mails")) === undefined, {
      what: "it to be done",
    });
    expect((await house.ok(["logs", "mailer", "-n", "all"])).stdout).toMatch(
      /sent \{"to":"ada"\}[\s\S]*sent \{"to":"bob","bad":true\}/,
    );
    expect((await house.ok(["queue", "retry", "mails"])).stderr).toBe(
      "mails: 0 messages back in the queue\n",
    );
  });

  it("keep what was accepted over the supervisor's death", async () => {
    await using house = new House();
    await supervised(house);
    await house.ok(["enqueue", "mails", '{"to":"ada"}']);
    const { pid } = (await house.overview()).supervisor;
    process.kill(pid, "SIGKILL");
    await house.ok(["resurrect"]);
    expect(await summary(house, "mails")).toMatchObject({ ready: 1 });
  });

  it("say what is wrong with a call, each with its exit status", async () => {
    await using house = new House();
    const none = await house.run(["enqueue", "mails", "1"]);
    expect([none.status, none.stderr]).toEqual([3, expect.stringContaining("HF_NO_SUPERVISOR")]);
    await supervised(house);
    let last = "";
    const failing = async (...args: readonly string[]) => {
      const { status, stdout, stderr } = await house.run(args);
      last = stderr;
      return [status, stdout, /code: (\w+)/.exec(stderr)?.[1]];
    };
    expect(await failing("enqueue", "mails", "{")).toEqual([2, "", "HF_BUS_DATA_NO_JSON"]);
    expect(await failing("enqueue", "a.*", "1")).toEqual([2, "", "HF_BUS_SUBJECT_INVALID"]);
    for (const [option = "", value = "", said = value] of [
      ["--priority", "10"],
      ["--priority", "high", '"high"'],
      ["--delay", "soon", '"soon"'],
      ["--dedupe-window", "8d", '"8d"'],
      ["--attempts", "0", '"0"'],
    ]) {
      const found = await failing("enqueue", "mails", "1", option, value);
      expect([option, ...found]).toEqual([option, 2, "", "HF_ARGUMENT_INVALID"]);
      expect(last).toContain(`${option}: received ${said}, expected `);
    }
    expect(await failing("queue", "look", "mails")).toEqual([2, "", "HF_ARGUMENT_INVALID"]);
    expect(await failing("queue", "peek")).toEqual([2, "", "HF_ARGUMENT_INVALID"]);
    expect(await failing("queue", "peek", "mails", "--state", "lost")).toEqual([
      ...[2, "", "HF_ARGUMENT_INVALID"],
    ]);
    expect(await failing("queue", "peek", "mails", "--dead", "--state", "ready")).toEqual([
      ...[2, "", "HF_ARGUMENT_INVALID"],
    ]);
    expect(last).toContain("--dead: cannot be given together with --state ready.");
    expect(await failing("queue", "peek", "mails", "--limit", "101")).toEqual([
      ...[2, "", "HF_ARGUMENT_INVALID"],
    ]);
    expect(await failing("queue", "list", "-o", "text")).toEqual([2, "", "HF_ARGUMENT_INVALID"]);
    expect(last).toContain("expected one of table, json, ndjson.");
    expect(await failing("queue", "peek", "mails", "--limit", "0")).toEqual([
      ...[2, "", "HF_ARGUMENT_INVALID"],
    ]);
  });
});
