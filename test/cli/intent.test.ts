/** What was asked of the supervisor: it is not forgotten, not mixed up, and what is said of it is true. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { connectControl } from "../../src/link/control-client.ts";
import { fixture } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { fdCount, isAlive, restingFdCount } from "../support/processes.ts";
import { until } from "../support/until.ts";

const PUPPET = fixture("puppet.mjs");
/** Longer than any test: what takes this long is under way until somebody ends it. */
const LONG_MS = "60000";
const one = { script: PUPPET, instances: 1, minUptime: 100 };
/** Ready when it says so, however long that takes. */
const patient = { ready: "message", readyTimeout: "1h" };

interface Saved {
  readonly options: {
    readonly name: string;
    readonly instances?: number;
    readonly env?: Record<string, string>;
  };
  readonly configFile: string | null;
  readonly stopped: boolean;
}

function saved(house: House): Map<string, Saved> {
  const { apps } = JSON.parse(readFileSync(join(house.home, "state.json"), "utf8"));
  return new Map(apps.map((app: Saved) => [app.options.name, app]));
}

async function appOf(house: House, name: string) {
  const found = (await house.overview()).apps.find((app) => app.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

function phases(house: House, name: string): Promise<string[]> {
  return appOf(house, name).then(({ workers }) => workers.map(({ phase }) => phase));
}

async function start(house: House, name: string, env: Record<string, string> = {}): Promise<void> {
  await house.ok(["start", "-"], { input: JSON.stringify({ ...one, name, env }) });
}

/** A request that keeps a worker draining until it is dropped. */
async function keepBusy(house: House, name: string): Promise<Disposable> {
  const { addresses } = await appOf(house, name);
  const dropped = new AbortController();
  const url = `http://${addresses[0]}/slow?ms=${LONG_MS}`;
  const response = await fetch(url, { signal: dropped.signal });
  response.text().catch(() => {});
  return { [Symbol.dispose]: () => dropped.abort() };
}

/** With all that would go on without it: what is left is what is written down. */
async function kill(house: House): Promise<void> {
  const { supervisor, apps } = await house.overview();
  const workers = apps.flatMap((app) => app.workers.map(({ pid }) => pid));
  const pids = [supervisor.heir.pid, supervisor.pid, ...workers].filter((pid) => pid !== null);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => !pids.some(isAlive), { what: "the end of all" });
}

describe("a supervisor that is killed while it is at it", () => {
  it("remembers every start, stop, delete and scale that was asked for", async () => {
    await using house = new House();
    for (const name of ["halted", "gone"]) await start(house, name);
    const env = { PUPPET_READY: "message", PUPPET_FILE: house.file("wide.json", {}) };
    const input = JSON.stringify({ ...one, ...patient, name: "wide", env });
    await house.ok(["start", "-"], { input });
    using _halted = await keepBusy(house, "halted");
    using _gone = await keepBusy(house, "gone");
    house.file("wide.json", { PUPPET_BOOT_MS: LONG_MS });
    const slow = { ...one, ...patient, name: "fresh", env: { PUPPET_BOOT_MS: LONG_MS } };
    const asked = [
      house.run(["stop", "halted"]),
      house.run(["delete", "gone"]),
      house.run(["scale", "wide", "2"]),
      house.run(["start", "-"], { input: JSON.stringify(slow) }),
    ];
    await until(async () => (await phases(house, "halted")).includes("draining"), {
      what: "the stop",
    });
    await until(async () => (await phases(house, "wide")).length === 2, { what: "the scaling" });
    await until(async () => (await phases(house, "fresh")).includes("starting"), {
      what: "the start",
    });
    await until(async () => (await house.overview()).apps.every(({ name }) => name !== "gone"), {
      what: "the deletion",
    });
    await kill(house);
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([1, 1, 1, 1]);
    house.file("wide.json", {});
    await start(house, "other");
    await until(async () => (await appOf(house, "wide")).ready === 2, { what: "two workers" });
    const { apps } = await house.overview();
    expect(apps.map(({ name, status }) => [name, status])).toEqual([
      ["halted", "stopped"],
      ["wide", "running"],
      ["fresh", "running"],
      ["other", "running"],
    ]);
  });

  it("comes back with the options that served where their successors had not proved themselves", async () => {
    await using house = new House();
    const write = (env: Record<string, string>) =>
      house.file("holdfast.config.json", { ...one, name: "a", env });
    const file = write({ PUPPET_VERSION: "1" });
    await house.ok(["start", file]);
    write({ PUPPET_VERSION: "2" });
    await house.ok(["start", file]);
    expect(saved(house).get("a")?.options.env).toEqual({ PUPPET_VERSION: "2" });
    write({ PUPPET_VERSION: "3", PUPPET_BOOT_MS: LONG_MS });
    const asked = house.run(["start", file]);
    await until(async () => (await phases(house, "a")).length === 2, { what: "the reload" });
    // Other changes are written down meanwhile, and the number of workers is not lost with the try.
    await start(house, "b");
    expect(saved(house).get("a")?.options.env).toEqual({ PUPPET_VERSION: "2" });
    await kill(house);
    expect((await asked).status).toBe(1);
    await house.ok(["start", "b"]);
    await house.ok(["wait", "a"]);
    const { addresses } = await appOf(house, "a");
    expect((await fetch(`http://${addresses[0]}/`)).headers.get("x-version")).toBe("2");
  });
});

describe("what cannot be written down", () => {
  it("is told beside what was done, and written with the next change", async () => {
    await using house = new House();
    await start(house, "a");
    const { pid } = (await house.overview()).supervisor;
    // A folder in the way of the file that is written aside: root is stopped by it, too.
    const obstacle = join(house.home, `state.json.${pid}.tmp`);
    mkdirSync(obstacle);
    const input = JSON.stringify([
      { ...one, name: "b" },
      { ...one, name: "c", script: "/nowhere.mjs" },
    ]);
    const end = await house.run(["start", "-", "-o", "json"], { input });
    expect(end.stderr).toContain("b: started");
    expect(end.stderr).toContain("HF_SCRIPT_NOT_FOUND");
    expect(end.stderr).toContain("HF_STATE_UNWRITABLE");
    expect(JSON.parse(end.stdout).data.unsaved).toMatchObject({ code: "HF_STATE_UNWRITABLE" });
    expect(await house.run(["stop", "b"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("b: stopped"),
    });
    const { rmdirSync } = await import("node:fs");
    rmdirSync(obstacle);
    await house.ok(["restart", "a"]);
    expect(saved(house).get("b")?.stopped).toBe(true);
  });
});

describe("two that apply at once", () => {
  it("do not take back each other's options: the last one that came up holds", async () => {
    await using house = new House();
    const file = (name: string, env: Record<string, string>) =>
      house.file(name, { ...one, name: "a", readyTimeout: 1500, env });
    await house.ok(["start", file("first.config.json", { PUPPET_VERSION: "1" })]);
    const bad = file("bad.config.json", { PUPPET_FAIL: "never-listen" });
    const good = file("good.config.json", { PUPPET_VERSION: "2" });
    const failing = house.run(["start", bad]);
    await until(async () => (await phases(house, "a")).length === 2, { what: "the bad reload" });
    const ends = await Promise.all([failing, house.run(["start", good])]);
    expect(ends.map(({ status }) => status)).toEqual([6, 0]);
    expect(saved(house).get("a")).toMatchObject({
      configFile: good,
      options: { env: { PUPPET_VERSION: "2" } },
    });
    expect((await house.ok(["start", good])).stderr).toContain("unchanged: a");
    const { addresses } = await appOf(house, "a");
    expect((await fetch(`http://${addresses[0]}/`)).headers.get("x-version")).toBe("2");
  });

  it("leave a stopped app as it was where the new options cannot run, its file's name too", async () => {
    await using house = new House();
    const first = house.file("first.config.json", { ...one, name: "a" });
    await house.ok(["start", first]);
    await house.ok(["stop", "a"]);
    const bad = house.file("bad.config.json", { ...one, name: "a", script: "/nowhere.mjs" });
    expect((await house.run(["start", bad])).status).toBe(78);
    expect(saved(house).get("a")).toMatchObject({ configFile: first, stopped: true });
    expect((await house.ok(["start", "a"])).stderr).toContain("a: started");
  });
});

describe("an app that is being removed", () => {
  it("is started anew when it is gone", async () => {
    await using house = new House();
    await start(house, "a");
    const before = await appOf(house, "a");
    const busy = await keepBusy(house, "a");
    const deleted = house.run(["delete", "a"]);
    await until(async () => (await house.overview()).apps.length === 0, { what: "the deletion" });
    const { pid } = (await house.overview()).supervisor;
    const sockets = await restingFdCount(pid);
    const started = house.run(["start", "-"], { input: JSON.stringify({ ...one, name: "a" }) });
    await until(() => fdCount(pid) > sockets, { what: "the start to be asked for" });
    busy[Symbol.dispose]();
    expect((await deleted).stderr).toContain("a: removed");
    expect(await started).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("a: started"),
    });
    const after = await appOf(house, "a");
    expect(after.ready).toBe(1);
    expect(after.workers[0]?.pid).not.toBe(before.workers[0]?.pid);
    expect(saved(house).has("a")).toBe(true);
  });
});

describe("a supervisor that ends", () => {
  it.each(["shutdown", "SIGTERM"])(
    "by %s begins nothing new; a start waits for its end and has another one do it",
    async (how) => {
      await using house = new House();
      await start(house, "a");
      const busy = await keepBusy(house, "a");
      const { pid } = (await house.overview()).supervisor;
      const ending = how === "shutdown" ? house.ok(["shutdown"]) : process.kill(pid, "SIGTERM");
      await until(async () => (await phases(house, "a")).includes("draining"), {
        what: "the drain",
      });
      for (const args of [
        ["restart", "a"],
        ["reload", "a"],
        ["scale", "a", "2"],
      ]) {
        const end = await house.run(args);
        expect([args, end.status, end.stderr]).toEqual([
          ...[args, 1, expect.stringContaining("HF_SHUTTING_DOWN")],
        ]);
      }
      const input = JSON.stringify({ ...one, name: "b" });
      expect(await house.run(["start", "-", "--timeout", "100ms"], { input })).toMatchObject({
        status: 5,
        stderr: expect.stringMatching(/shuts down; waiting for its end\n[\s\S]*HF_TIMEOUT/),
      });
      const started = house.run(["start", "-"], { input });
      busy[Symbol.dispose]();
      expect(await started).toMatchObject({
        status: 0,
        stderr: expect.stringContaining("b: started"),
      });
      await ending;
      const { apps, supervisor } = await house.overview();
      expect(supervisor.pid).not.toBe(pid);
      expect(apps.map(({ name, status }) => [name, status])).toEqual([
        ["a", how === "shutdown" ? "idle" : "running"],
        ["b", "running"],
      ]);
    },
  );

  it("and a start at the same moment end with an app that runs, or one that was shut down and says so", async () => {
    await using house = new House();
    await start(house, "a");
    for (let round = 0; round < 5; round += 1) {
      const [, started] = await Promise.all([
        house.ok(["shutdown"]),
        house.run(["start", "-"], { input: JSON.stringify({ ...one, name: `b${round}` }) }),
      ]);
      const { stdout } = await house.run(["list", "-o", "json"]);
      const { apps } = JSON.parse(stdout).data;
      const app = apps.find(({ name }: { name: string }) => name === `b${round}`);
      // Begun before the shutdown it was stopped with the rest; otherwise it runs in the next supervisor.
      if (app) expect([started.status, app.ready]).toEqual([0, 1]);
      else expect(started.stderr).toMatch(/started|HF_/);
      await start(house, "a");
    }
  });

  it("lets those who watch go with exit status 0, and those who wait with a reason", async () => {
    await using house = new House();
    for (const how of ["shutdown", "SIGTERM"]) {
      await start(house, "a");
      const { pid } = (await house.overview()).supervisor;
      const before = await restingFdCount(pid);
      const watching = house.run(["events"]);
      await until(() => fdCount(pid) > before, { what: "the watcher to connect" });
      await house.ok(["stop", "a"]);
      await start(house, "idle");
      await house.ok(["stop", "idle"]);
      await start(house, "a");
      const more = await restingFdCount(pid);
      const waiting = house.run(["wait", "idle"]);
      await until(() => fdCount(pid) > more, { what: "the waiter to connect" });
      if (how === "shutdown") await house.ok(["shutdown"]);
      else process.kill(pid, "SIGTERM");
      expect(await watching).toMatchObject({
        status: 0,
        stdout: expect.stringContaining("worker:exit"),
        stderr: expect.stringContaining("note: the supervisor has ended"),
      });
      expect(await waiting).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("HF_SHUTTING_DOWN"),
      });
      await until(() => !existsSync(`/proc/${pid}`), { what: "its end" });
    }
  });

  it("by command leaves its apps asleep, one by one, until they are asked for", async () => {
    await using house = new House();
    for (const name of ["a", "b", "off"]) await start(house, name);
    await house.ok(["stop", "off"]);
    await house.ok(["shutdown"]);
    await start(house, "c");
    await kill(house);
    await house.ok(["start", "a"]);
    const ready = async () => (await house.overview()).apps.map(({ name, ready }) => [name, ready]);
    await house.ok(["wait", "c"]);
    expect(await ready()).toEqual([
      ["a", 1],
      ["b", 0],
      ["off", 0],
      ["c", 1],
    ]);
    await house.ok(["resurrect"]);
    await kill(house);
    await house.ok(["start", "a"]);
    await house.ok(["wait", "b"]);
    expect(await ready()).toEqual([
      ["a", 1],
      ["b", 1],
      ["off", 0],
      ["c", 1],
    ]);
  });
});

describe("a question that makes no sense", () => {
  it("is a fault of who asks, and says where it is", async () => {
    await using house = new House();
    await start(house, "a");
    const client = await connectControl(join(house.home, "control.sock"), "1.0.0");
    if (!client) throw new Error("nobody listens");
    const ask = (verb: string, takes: unknown): Promise<unknown> =>
      client.call(verb as never, takes as never, { timeoutMs: 20_000 }).catch((error) => error);
    const junk = [null, 5, "a", {}, [null], [{ toString: 5 }], { length: 1 }];
    const verbs = [
      "start",
      "stop",
      "restart",
      "reload",
      "delete",
      "signal",
      "wait",
      "env",
      "events",
    ];
    for (const verb of verbs) {
      for (const targets of junk) {
        const error = await ask(verb, { targets, signal: "SIGWINCH" });
        expect([verb, targets, error]).toEqual([
          ...[verb, targets, expect.objectContaining({ code: "HF_CONFIG_INVALID" })],
        ]);
      }
    }
    const more: [string, unknown][] = [
      ...junk.map((apps): [string, unknown] => ["apply", { apps }]),
      ...[null, 5, { options: null }, { options: { script: 5 } }].map((app): [string, unknown] => [
        ...(["apply", { apps: [app] }] as const),
      ]),
      ["apply", { apps: [{ options: one }], environment: { A: 5 } }],
      ["apply", { apps: [{ options: one }], configFile: {} }],
      ["scale", { app: null, instances: 2 }],
      ["scale", { app: "a", instances: { toString: 5 } }],
      ["signal", { targets: ["a"], signal: { toString: 5 } }],
      ...["apply", "scale", "signal"].map((verb): [string, unknown] => [verb, null]),
    ];
    for (const [verb, takes] of more) {
      expect([verb, takes, await ask(verb, takes)]).toEqual([
        ...[verb, takes, expect.objectContaining({ code: "HF_CONFIG_INVALID" })],
      ]);
    }
    client.close();
    expect((await house.overview()).apps.map(({ name, ready }) => [name, ready])).toEqual([
      ["a", 1],
    ]);
  });
});
