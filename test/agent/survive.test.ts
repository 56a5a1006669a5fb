/** A worker whose supervisor is gone goes on, and finds the next one. */

import { type ChildProcess, spawn } from "node:child_process";
import dgram from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bindUdp, type Handle } from "../../src/supervisor/node-internals.ts";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { cpuTicks, isAlive, MARKER_VARIABLE, processInfo } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Adopter } from "./adopter.ts";
import { Alone, settingsOf } from "./alone.ts";
import { get, getJson } from "./served.ts";

const APP = "apps/outlives.mjs";
let next: Adopter;
/** Workers outlive this process as well: those of a test that fails are ended here. */
const running = new Set<number>();

beforeEach(() => {
  next = new Adopter();
});
afterEach(async () => {
  // Of those that have ended the number may be another's by now.
  const left = [...running].filter((pid) => processInfo(pid)?.command.includes(fixture(APP)));
  running.clear();
  for (const pid of left) process.kill(pid, "SIGKILL");
  await next[Symbol.asyncDispose]();
});

/** A worker that serves; its supervisor is this process, until it lets go of the channel. */
async function serving(env: Record<string, string> = {}): Promise<Alone> {
  const alone = await Alone.serving(APP, { settings: { home: next.home }, env });
  running.add(Number(alone.child.pid));
  return alone;
}

/** The same, and the test has become its second supervisor. */
async function adopted(): Promise<Alone> {
  const alone = await serving();
  alone.child.disconnect();
  await next.open();
  await next.linked();
  return alone;
}

const said = (alone: Alone): readonly string[] =>
  alone.stdout.split("\n").filter((line) => line.startsWith("outlives: "));

describe("a supervisor that is killed", () => {
  /** A supervisor of its own, the worker it runs, and the worker's port. */
  async function reign(): Promise<{ above: ChildProcess; pid: number; port: number }> {
    const settings = JSON.stringify(settingsOf({ home: next.home }));
    const agent = join(projectRoot, "dist/agent.cjs");
    const args = [fixture("dies-above.mjs"), settings, agent, fixture(APP), output()];
    const above = spawn(process.execPath, args, {
      env: { PATH: process.env.PATH, [MARKER_VARIABLE]: `${process.pid}-above` },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let found: { pid: number; port?: number; listening?: boolean } = { pid: 0 };
    createInterface({ input: above.stdout }).on("line", (line) => {
      found = { ...found, ...JSON.parse(line) };
    });
    await until(() => found.listening && found.port, { what: "the worker to listen" });
    running.add(found.pid);
    return { above, pid: found.pid, port: Number(found.port) };
  }
  const output = (): string => join(next.folder, "output");

  it("costs no request and the app hears nothing of it", async () => {
    const { above, pid, port } = await reign();
    let [served, isOver] = [0, false];
    const load = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        expect((await get({ port }, "/state")).status).toBe(200);
        served++;
      }
    });
    above.kill("SIGKILL");
    await once(above, "exit");
    const before = served;
    await until(() => served > before + 50, { what: "requests without a supervisor" });
    await next.open();
    const hello = await next.linked();
    expect(hello).toMatchObject({
      ...{ t: "hello", protocol: 1, app: "app", worker: 1, pid, token: "a token" },
      listening: [{ request: { port: 0 }, shards: [0], isListening: true }],
    });
    const linked = served;
    await until(() => served > linked + 50, { what: "requests with the next" });
    isOver = true;
    await Promise.all(load);
    expect(await getJson({ port }, "/state")).toEqual({ connected: true, worker: true });
    expect(readFileSync(output(), "utf8")).toBe("");
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid), { what: "the worker's end" });
  });

  it("and is followed by nobody is looked for for ever, at next to no cost", async () => {
    const { above, pid, port } = await reign();
    above.kill("SIGKILL");
    await once(above, "exit");
    const before = cpuTicks(pid);
    const since = performance.now();
    await until(() => performance.now() > since + 3000, { what: "three seconds" });
    // Hundredths of a second: 1 % of a CPU would be 3.
    expect(cpuTicks(pid) - before).toBeLessThan(6);
    expect((await get({ port }, "/state")).status).toBe(200);
    expect(readFileSync(output(), "utf8")).toBe("");
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid), { what: "the worker's end" });
  });
});

describe("the next supervisor", () => {
  it("may come and go, and nothing is said twice or lost between them", async () => {
    await using alone = await adopted();
    const { port } = alone;
    for (let n = 1; n <= 3; n++) {
      await next.close();
      const quiet = get({ port }, `/send?text=${n}`);
      await next.open();
      expect((await next.linked(n + 1)).listening).toHaveLength(1);
      expect((await quiet).body).toBe("null");
    }
    await until(() => next.appMessages.length === 3, { what: "three messages" });
    expect(next.appMessages).toEqual([{ said: "1" }, { said: "2" }, { said: "3" }]);
  });

  it("is told at once how the worker is", async () => {
    await using alone = await adopted();
    await until(() => next.told("beat").length > 0 && next.told("load").length > 0, {
      what: "beat and load",
      timeoutMs: 500,
    });
    expect(alone.child.exitCode).toBeNull();
  });

  it("is told that the app is ready: the one before may have died of it", async () => {
    await using alone = await serving();
    await get(alone, "/ready");
    alone.child.disconnect();
    await next.open();
    await next.linked();
    await until(() => next.appMessages.length > 0, { what: "the word" });
    // A new link to the same supervisor brings no news.
    await next.close();
    await next.open();
    await next.linked(2);
    await get(alone, "/send?text=last");
    await until(() => next.appMessages.length > 1, { what: "the message" });
    expect(next.appMessages).toEqual(["ready", { said: "last" }]);
  });

  it("hears the app and is heard by it, as over Node's own channel", async () => {
    await using alone = await adopted();
    await get(alone, "/send?text=hello");
    await until(() => next.appMessages.length > 0, { what: "the message" });
    expect(next.appMessages).toEqual([{ said: "hello" }]);
    for (const message of ["a word", { cmd: "mine" }, null]) next.pipe?.send(message);
    const heard = ['"a word"', '{"cmd":"mine"}', "null"].flatMap((text) => [
      `outlives: process heard ${text}`,
      `outlives: worker heard ${text}`,
    ]);
    await until(() => said(alone).length === heard.length, { what: "what the app heard" });
    expect([...said(alone)].sort()).toEqual(heard.sort());
  });

  it("gives what the app wants to listen on, also what the one before did not", async () => {
    await using alone = await serving();
    alone.child.disconnect();
    const [early, udp] = [getJson<number>(alone, "/listen"), getJson<number>(alone, "/udp")];
    await get(alone, "/state");
    await next.open();
    await next.linked();
    expect((await get({ port: await early })).body).toBe("another");
    expect(await getJson<number>(alone, "/listen").then((port) => get({ port }))).toEqual({
      ...{ status: 200, body: "another" },
    });
    await until(() => next.clusterMessages.length > 0, { what: "the question for UDP" });
    const [{ seq, address, port }] = next.clusterMessages as [Record<string, unknown>];
    const socket = bindUdp("udp4", String(address), Number(port), 0) as Handle;
    const answer = { cmd: "NODE_CLUSTER", ack: seq, errno: 0, key: "udp", data: null };
    next.pipe?.send(answer, socket, () => socket.close());
    const client = dgram.createSocket("udp4");
    client.send("ping", await udp, "127.0.0.1");
    expect(String((await once(client, "message"))[0])).toBe("ping");
    client.close();
  });

  it("gets duplicates of shards back", async () => {
    await using alone = await adopted();
    const key = String(next.hellos[0]?.listening[0]?.request.key);
    next.send({ t: "return", key, shard: 0 });
    next.send({ t: "return", key, shard: 7 });
    next.send({ t: "return", key: "none", shard: 0 });
    await until(() => next.told("kept").length === 2, { what: "the answers" });
    expect(next.told("kept")).toMatchObject([{ key, shard: 7 }, { key: "none" }]);
    const [shard] = next.told("shard");
    expect(shard).toMatchObject({ key, shard: 0 });
    const handle = shard && next.handles.get(shard);
    const out: { port?: number } = {};
    handle?.getsockname?.(out);
    expect(out.port).toBe(alone.port);
    next.send({ t: "detach", key, shard: 0 });
    // What the worker no longer accepts from is accepted here.
    await until(() => net.connect(alone.port, "127.0.0.1").destroy(), { what: "a connection" });
    const server = net.createServer((socket) => socket.end("from the duplicate"));
    next.handles.clear();
    server.listen(handle as never);
    await once(server, "listening");
    let text = "";
    for await (const piece of net.connect(alone.port, "127.0.0.1")) text += piece;
    expect(text).toBe("from the duplicate");
    await new Promise((resolve) => server.close(resolve));
  });

  it("that refuses the worker makes it drain and end, as a stop would", async () => {
    next.answer = { t: "refused", reason: "it is replaced" };
    await using alone = await serving();
    const slow = await slowRequest(alone, 300);
    alone.child.disconnect();
    await next.open();
    expect((await slow.answer).status).toBe(200);
    expect(await alone.exited).toEqual([0, null]);
    expect(said(alone)[1]).toBe("outlives: SIGTERM null");
    expect(next.hellos).toHaveLength(1);
  });

  it("drains a worker as the first one would", async () => {
    await using alone = await adopted();
    next.send({ t: "drain", timeoutMs: 5000 });
    expect(await alone.exited).toEqual([0, null]);
    expect(said(alone)[0]).toBe("outlives: SIGTERM null");
    await until(() => next.told("released").length === 1, { what: "released" });
  });
});

describe("a supervisor that is gone before the worker has begun", () => {
  it("is not waited for: the next one gives what it needs", async () => {
    await using alone = new Alone(APP, {
      settings: { home: next.home },
      env: { SAYS_PORT: "yes" },
    });
    running.add(Number(alone.child.pid));
    alone.child.disconnect();
    await next.open();
    await next.linked();
    await until(() => next.told("listening").length > 0, { what: "the worker to listen" });
    const port = await until(() => portSaid(alone), { what: "its port" });
    expect((await get({ port }, "/state")).body).toBe('{"connected":true,"worker":true}');
    expect(alone.stderr).toBe("");
  });
});

describe("a program that is no cluster worker", () => {
  it("lives on as well", async () => {
    // What is undefined is not there.
    const env = { SAYS_PORT: "yes", NODE_UNIQUE_ID: undefined as unknown as string };
    await using alone = new Alone(APP, { settings: { home: next.home }, env });
    running.add(Number(alone.child.pid));
    const port = await until(() => portSaid(alone), { what: "its port" });
    alone.child.disconnect();
    await next.open();
    expect((await next.linked()).listening).toHaveLength(1);
    await get({ port }, "/send?text=hello");
    await until(() => next.appMessages.length > 0, { what: "the message" });
    next.pipe?.send("hello too");
    await until(() => said(alone).at(-1)?.endsWith('process heard "hello too"'), { what: "it" });
    expect(await getJson({ port }, "/state")).toEqual({ connected: true });
    await get({ port }, "/disconnect");
    await until(() => next.told("left").length === 1, { what: "its word" });
    await until(() => said(alone).at(-1)?.includes("process disconnected"), { what: "its own" });
    expect(alone.child.exitCode).toBeNull();
  });
});

describe("without a supervisor", () => {
  it("the app's messages wait, within bounds, and those beyond are refused", async () => {
    await using alone = await serving();
    alone.child.disconnect();
    expect(await getJson(alone, "/sendQuietly?times=2000")).toBeNull();
    const last = await getJson<string>(alone, "/send?text=last");
    expect(last).toMatch(/too many messages/);
    await next.open();
    await until(() => next.appMessages.length >= 1000, { what: "what waited" });
    expect(next.appMessages).toEqual(Array.from({ length: 1000 }, (_, n) => `quiet ${n}`));
    expect(await getJson(alone, "/send?text=now")).toBeNull();
    await until(() => next.appMessages.length > 1000, { what: "the message" });
    expect(next.appMessages.at(-1)).toEqual({ said: "now" });
    expect(alone.stderr).toBe("");
  });

  it("a drain goes on by itself, and the next hears of it", async () => {
    await using alone = await serving();
    const slow = await slowRequest(alone, 3000);
    alone.send({ t: "drain", timeoutMs: 5000 });
    await until(() => alone.told("released").length > 0, { what: "the drain" });
    alone.child.disconnect();
    await next.open();
    await next.linked();
    expect((await slow.answer).status).toBe(200);
    expect(await alone.exited).toEqual([0, null]);
    expect(next.told("released")).toHaveLength(1);
    expect(said(alone)[1]).toBe("outlives: SIGTERM null");
  });

  it.each(["ends without it", "ends with the next"])(
    "a program that is finished %s",
    async (how) => {
      await using alone = await serving({ HEARS: "nothing" });
      alone.child.disconnect();
      if (how === "ends with the next") await next.open().then(() => next.linked());
      await get(alone, "/close");
      expect(await alone.exited).toEqual([0, null]);
      expect(said(alone)).toEqual([]);
    },
  );

  it.each(["without one", "with the next"])(
    "a program that listens for messages stays %s",
    async (how) => {
      await using alone = await serving();
      alone.child.disconnect();
      if (how === "with the next") await next.open().then(() => next.linked());
      await get(alone, "/close");
      const since = performance.now();
      await until(() => performance.now() > since + 300, { what: "a while" });
      expect(alone.child.exitCode).toBeNull();
    },
  );

  it("a connection that is in the supervisor's hands is served here", async () => {
    await using alone = await serving();
    const { port } = alone;
    const open = await Promise.all(Array.from({ length: 8 }, () => idle(port)));
    alone.send({ t: "loads", loads: { 1: 8, 2: 0 } });
    const passed: Handle[] = [];
    alone.onHandle = (message, handle) => {
      passed.push(handle);
      if (message.t === "pass") alone.send({ t: "passed", id: message.id });
    };
    const answers = Array.from({ length: 3 }, async () => (await get(alone, "/state")).status);
    await until(() => passed.length > 0, { what: "a connection that is passed on" });
    const id = alone.told("pass")[0]?.id;
    expect(id).toBeGreaterThan(0);
    alone.child.disconnect();
    for (const handle of passed) handle.close();
    expect(await Promise.all(answers)).toEqual([200, 200, 200]);
    for (const socket of open) socket.destroy();
  });

  it("one that was given to another worker is not", async () => {
    await using alone = await serving();
    const open = await Promise.all(Array.from({ length: 8 }, () => idle(alone.port)));
    alone.send({ t: "loads", loads: { 1: 8, 2: 0 } });
    alone.onHandle = (message, handle) => {
      if (message.t !== "pass") return;
      alone.send({ t: "passed", id: message.id });
      alone.send({ t: "given", id: message.id });
      new net.Socket({ handle } as never).end("from another");
    };
    let text = "";
    for await (const piece of net.connect(alone.port, "127.0.0.1")) text += piece;
    expect(text).toBe("from another");
    alone.child.disconnect();
    expect((await get(alone, "/state")).status).toBe(200);
    for (const socket of open) socket.destroy();
  });
});

describe("an app that closes its channel", () => {
  it.each(["disconnect", "leave"])("is left alone, after: %s", async (how) => {
    await using alone = await adopted();
    await get(alone, `/${how}`);
    await until(() => next.told("left").length === 1 && next.closed === 1, { what: "its word" });
    expect(await alone.exited).toEqual([0, null]);
    expect(said(alone)).toEqual(expect.arrayContaining(["outlives: worker disconnected null"]));
    expect(next.hellos).toHaveLength(1);
  });

  it("while there is nobody ends as without us", async () => {
    await using alone = await serving();
    alone.child.disconnect();
    await get(alone, "/leave");
    expect(await alone.exited).toEqual([0, null]);
    expect(said(alone)).toEqual([
      "outlives: worker disconnected null",
      "outlives: process disconnected null",
    ]);
  });
});

const portSaid = (alone: Alone): number =>
  Number(/listens (\d+)/.exec(said(alone).join("\n"))?.[1] ?? 0);

/** A request that the app has begun to answer; the answer is a promise within, so that it need not be awaited. */
async function slowRequest(alone: Alone, ms: number): Promise<{ answer: ReturnType<typeof get> }> {
  const answer = get(alone, `/slow?ms=${ms}`);
  await until(() => said(alone).length > 0, { what: "the request to arrive" });
  return { answer };
}

/** A connection that was served once and is open. */
async function idle(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  socket.write("GET /state HTTP/1.1\r\nhost: app\r\n\r\n");
  await once(socket, "data");
  return socket;
}
