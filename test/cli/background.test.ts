import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const PUPPET = fixture("puppet.mjs");
const fast = { minUptime: 100 };

function addressOf(addresses: readonly string[]): string {
  return `http://${addresses[0]}`;
}

async function pidsOf(house: House, app: string): Promise<number[]> {
  const { apps } = await house.overview();
  const found = apps.find(({ name }) => name === app);
  return found?.workers.flatMap(({ pid }) => (pid === null ? [] : [pid])) ?? [];
}

describe("start", () => {
  it("launches a supervisor, returns when the app serves, and a second time changes nothing", async () => {
    await using house = new House();
    const first = await house.ok(["start", PUPPET, "-n", "web", "-i", "2"]);
    expect(first.stderr).toContain("web: started");
    const { apps, supervisor } = await house.overview();
    expect(apps[0]).toMatchObject({ name: "web", ready: 2, instances: 2, status: "running" });
    expect((await fetch(`${addressOf(apps[0]?.addresses ?? [])}/`)).status).toBe(200);
    const pids = await pidsOf(house, "web");
    const second = await house.ok(["start", PUPPET, "-n", "web", "-i", "2"]);
    expect(second.stderr).toContain("unchanged: web");
    expect(await pidsOf(house, "web")).toEqual(pids);
    expect((await house.overview()).supervisor.pid).toBe(supervisor.pid);
  });

  it("says why an app did not come up, with its last output, and exits with 1", async () => {
    await using house = new House();
    const env = { PUPPET_FAIL: "throw" };
    const more = ["--max-restarts", "1", "--backoff-base", "10ms"];
    const end = await house.run(["start", PUPPET, "-n", "bad", "-i", "1", ...more], { env });
    expect(end.status).toBe(1);
    expect(end.stderr).toContain("bad did not start");
    expect(end.stderr).toMatch(/Its last output:\n( {2}\|.*\n)*.*Error/);
    expect(end.stderr).toContain("code: HF_START_FAILED");
    expect((await house.run(["status", "bad"])).status).toBe(3);
  });

  it("is one supervisor's work, however many ask at once", async () => {
    await using house = new House();
    const names = ["a", "b", "c", "d"];
    await Promise.all(names.map((name) => house.ok(["start", PUPPET, "-n", name, "-i", "1"])));
    const { apps } = await house.overview();
    expect(apps.map(({ name, ready }) => [name, ready]).sort()).toEqual(
      names.map((name) => [name, 1]),
    );
  });

  it("keeps home, socket and state to their owner", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-i", "1"]);
    const mode = (name: string) => (statSync(join(house.home, name)).mode & 0o777).toString(8);
    expect([mode("."), mode("control.sock"), mode("state.json"), mode("supervisor.log")]).toEqual([
      "700",
      "600",
      "600",
      "600",
    ]);
  });
});

describe("stop, start, restart, reload, scale, delete", () => {
  it("do as they say, twice as well as once, and to names, slots, patterns and all", async () => {
    await using house = new House();
    for (const name of ["api", "api-2", "mail"]) {
      await house.ok(["start", PUPPET, "-n", name, "-i", "2", "--min-uptime", "100ms"]);
    }
    expect((await house.ok(["stop", "api*"])).stderr).toContain("api: stopped");
    expect((await house.ok(["stop", "api"])).stderr).toContain("api: was stopped already");
    expect((await house.overview()).apps.map(({ status }) => status)).toEqual([
      "stopped",
      "stopped",
      "running",
    ]);
    expect((await house.ok(["start", "api"])).stderr).toContain("api: started");
    expect((await house.ok(["start", "api"])).stderr).toContain("api: ran already");

    const before = await pidsOf(house, "mail");
    await house.ok(["restart", "mail:1"]);
    const after = await pidsOf(house, "mail");
    expect(after.filter((pid) => before.includes(pid))).toHaveLength(1);

    expect((await house.ok(["reload", "mail"])).stderr).toContain("mail: reloaded, generation 2");
    expect((await house.ok(["scale", "mail", "+1"])).stderr).toContain("mail: scaled to 3");
    expect(await pidsOf(house, "mail")).toHaveLength(3);
    await house.ok(["scale", "mail=1"]);
    expect(await pidsOf(house, "mail")).toHaveLength(1);

    expect((await house.ok(["delete", "api", "api-2"])).stderr).toContain("api: removed");
    expect((await house.run(["delete", "api"])).status).toBe(4);
    expect((await house.ok(["delete", "all"])).status).toBe(0);
    expect((await house.ok(["delete", "all"])).stderr).toContain("nothing to do");
  });

  it("of something unknown, of nothing and of slots are told with their exit statuses", async () => {
    await using house = new House();
    expect(await house.run(["stop", "api"])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("HF_NO_SUPERVISOR"),
    });
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const cases: [string[], number, string][] = [
      [["stop", "apo"], 4, "HF_NO_SUCH_APP"],
      [["stop"], 2, "HF_NO_TARGET"],
      [["stop", "api:0"], 2, "HF_WHOLE_APPS_ONLY"],
      [["signal", "SIGNOPE", "api"], 2, "HF_UNKNOWN_SIGNAL"],
      [["scale", "api", "many"], 78, "HF_CONFIG_INVALID"],
      [["wait", "api", "--for", "godot"], 78, "HF_CONFIG_INVALID"],
      [["wait", "api", "--for", "stopped", "--timeout", "50ms"], 5, "HF_TIMEOUT"],
      [["start"], 78, "HF_NO_CONFIG_FILE"],
      [["start", "a.config.js", "b.config.js"], 2, "HF_ONE_FILE"],
      [["start", "no-such-script.js"], 78, "HF_SCRIPT_NOT_FOUND"],
      [["nonsense"], 2, "unknown command"],
    ];
    for (const [args, status, text] of cases) {
      const end = await house.run(args);
      expect([args, end.status, end.stderr]).toEqual([args, status, expect.stringContaining(text)]);
    }
    expect((await house.overview()).apps.map(({ name }) => name)).toEqual(["api"]);
  });

  it("a reload that fails says why with exit status 6, and the old workers serve on", async () => {
    await using house = new House();
    const told = house.file("puppet.json", { PUPPET_VERSION: "1" });
    const env = { PUPPET_FILE: told };
    await house.ok(["start", PUPPET, "-n", "web", "-i", "2", "--min-uptime", "100ms"], { env });
    const pids = await pidsOf(house, "web");
    writeFileSync(told, JSON.stringify({ PUPPET_FAIL: "throw" }));
    const end = await house.run(["reload", "web"]);
    expect(end.status).toBe(6);
    expect(end.stderr).toMatch(/HF_RELOAD_FAILED/);
    expect(end.stderr).toContain("Nothing has changed");
    expect(await pidsOf(house, "web")).toEqual(pids);
    const { stdout } = await house.ok(["status", "web"]);
    expect(stdout).toMatch(/reload +(to )?generation 2 failed \(unchanged\)/);
  });
});

describe("what is shown", () => {
  it("is data on stdout and talk on stderr", async () => {
    await using house = new House();
    const end = await house.ok(["start", PUPPET, "-n", "api", "-i", "1", "-o", "json"]);
    expect(JSON.parse(end.stdout)).toMatchObject({
      version: 1,
      data: { outcomes: [{ app: "api", did: "started", error: null }] },
    });
    expect((await house.ok(["ls", "-o", "name"])).stdout).toBe("api\n");
    expect(JSON.parse((await house.ok(["jlist"])).stdout)).toMatchObject([
      { name: "api", pm2_env: { status: "online" } },
    ]);
    expect((await house.run(["ls", "-o", "yaml"])).status).toBe(78);
    const quiet = await house.ok(["reload", "api", "-q"]);
    expect([quiet.stdout, quiet.stderr]).toEqual(["", ""]);
  });

  it("where no supervisor runs is an empty list and no error", async () => {
    await using house = new House();
    expect(await house.ok(["list"])).toMatchObject({ stdout: "" });
    expect(JSON.parse((await house.ok(["list", "--json"])).stdout).data.apps).toEqual([]);
    expect((await house.ok(["jlist"])).stdout).toBe("[]\n");
    expect((await house.ok(["shutdown"])).stderr).toContain("no supervisor runs");
    expect((await house.run(["status"])).status).toBe(3);
    expect(existsSync(house.home)).toBe(false);
  });

  it("hides the values of variables unless asked for them", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1", "--env", "API_KEY=hush-hush"]);
    expect((await house.ok(["env", "api"])).stdout).toContain("API_KEY=***");
    expect((await house.ok(["env", "api", "--show"])).stdout).toContain("API_KEY=hush-hush");
    for (const args of [["list", "-o", "json"], ["jlist"], ["status", "api", "--json"]]) {
      expect((await house.ok(args)).stdout).not.toContain("hush-hush");
    }
    expect(readFileSync(join(house.home, "supervisor.log"), "utf8")).not.toContain("hush-hush");
  });

  it("events come as they happen, a line of JSON each", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1", "--min-uptime", "100ms"]);
    const listening = house.run(["events", "api"], {
      program: ["sh", "-c", `"${process.execPath}" dist/bin/holdfast.cjs "$@" | head -n 3`, "sh"],
      cwd: join(import.meta.dirname, "../.."),
    });
    let isDone = false;
    void listening.finally(() => (isDone = true));
    while (!isDone) await house.ok(["reload", "api"]);
    const events = (await listening).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events).toHaveLength(3);
    for (const { app, at } of events) expect([app, typeof at]).toEqual(["api", "number"]);
  });
});

describe("what should run", () => {
  it("runs again after the supervisor has died and another is started; what was stopped does not", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"], { env: { MY_VARIABLE: "kept" } });
    await house.ok(["start", PUPPET, "-n", "idle", "-i", "1"]);
    await house.ok(["stop", "idle"]);
    const { supervisor } = await house.overview();
    const workers = await pidsOf(house, "api");
    process.kill(supervisor.pid, "SIGKILL");
    await until(() => !existsSync(`/proc/${supervisor.pid}`), {
      what: "the supervisor to be gone",
    });
    for (const pid of workers) {
      await until(() => !existsSync(`/proc/${pid}`) || process.kill(pid, "SIGKILL") === null, {
        what: `worker ${pid} to be gone`,
      });
    }
    await house.ok(["resurrect"]);
    const { apps } = await house.overview();
    expect(apps.map(({ name, status }) => [name, status])).toEqual([
      ["api", "running"],
      ["idle", "idle"],
    ]);
    expect((await house.ok(["env", "api", "--show"])).stdout).toContain("MY_VARIABLE=kept");
  });

  it("after a shutdown waits for resurrect", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    expect((await house.ok(["shutdown"])).stderr).toContain("stopped: api");
    await house.ok(["start", PUPPET, "-n", "other", "-i", "1"]);
    expect((await house.overview()).apps.map(({ name, ready }) => [name, ready])).toEqual([
      ["api", 0],
      ["other", 1],
    ]);
    expect((await house.ok(["resurrect"])).stderr).toContain("api: started");
    const { supervisor } = await house.overview();
    process.kill(supervisor.pid, "SIGKILL");
    await until(() => !existsSync(`/proc/${supervisor.pid}`), { what: "its end" });
    // Resurrected is written down; and a known app is started by its name, without a supervisor too.
    expect((await house.ok(["start", "other"])).stderr).toMatch(/other: (started|ran already)/);
    await house.ok(["wait", "api", "--timeout", "20s"]);
    expect((await house.overview()).apps.map(({ ready }) => ready)).toEqual([1, 1]);
    await house.ok(["stop", "api"]);
    await house.ok(["start", PUPPET, "-n", "api", "-i", "3"]);
    expect(await pidsOf(house, "api")).toHaveLength(3);
    await house.ok(["scale", "api", "-1"]);
    expect(await pidsOf(house, "api")).toHaveLength(2);
  });

  it("that nobody can read is kept aside, told in the log, and does not stop a start", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    await house.ok(["shutdown"]);
    writeFileSync(join(house.home, "state.json"), '{"version":1,"apps":[{"opti');
    writeFileSync(join(house.home, "state.json.last-good"), "");
    await house.ok(["start", PUPPET, "-n", "new", "-i", "1"]);
    expect(readFileSync(join(house.home, "supervisor.log"), "utf8")).toMatch(
      /kept as .*unreadable/,
    );
    expect((await house.overview()).apps.map(({ name }) => name)).toEqual(["new"]);
  });

  it("of a newer Holdfast stops the start with what to do", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    await house.ok(["shutdown"]);
    writeFileSync(join(house.home, "state.json"), '{"version":99}');
    const end = await house.run(["start", PUPPET, "-n", "new"]);
    expect([end.status, end.stderr]).toEqual([78, expect.stringContaining("HF_STATE_NEWER")]);
  });
});

describe("files", () => {
  it("are applied: what is new starts, what changed reloads or scales, what is gone is pruned", async () => {
    await using house = new House();
    const write = (apps: object[]) =>
      house.file("holdfast.config.json", {
        apps: apps.map((app) => ({ script: PUPPET, ...fast, ...app })),
      });
    write([
      { name: "a", instances: 1, env: { SECRET: "one", GONE: "x" } },
      { name: "b", instances: 1 },
      { name: "c", instances: 1 },
    ]);
    await house.ok(["start"]);
    const [a, b] = [await pidsOf(house, "a"), await pidsOf(house, "b")];
    expect((await house.ok(["start"])).stderr).toMatch(/^unchanged: a, b, c$/m);
    expect(await pidsOf(house, "a")).toEqual(a);

    write([
      { name: "a", instances: 2, env: { SECRET: "two" } },
      { name: "b", instances: 2 },
    ]);
    const dry = await house.ok(["start", "--dry-run", "--prune"]);
    expect(dry.stderr).toContain("b: instances 1 -> 2");
    expect(dry.stderr).toMatch(/^a: .*env\.?\s?SECRET/m);
    expect(dry.stderr).toMatch(/^c: remove$/m);
    expect(dry.stderr).not.toMatch(/one|two/);
    expect(await pidsOf(house, "b")).toEqual(b);

    await house.ok(["start", "--prune"]);
    const { apps } = await house.overview();
    expect(apps.map(({ name, ready }) => [name, ready])).toEqual([
      ["a", 2],
      ["b", 2],
    ]);
    expect(await pidsOf(house, "a")).not.toContain(a[0]);
    expect(await pidsOf(house, "b")).toEqual(expect.arrayContaining(b));
    const env = (await house.ok(["env", "a", "--show"])).stdout;
    expect(env).toContain("SECRET=two");
    expect(env).not.toContain("GONE");
  });

  it("with a fault change nothing and tell all faults at once", async () => {
    await using house = new House();
    house.file("holdfast.config.json", { script: PUPPET, name: "a", instances: 1 });
    await house.ok(["start"]);
    const pids = await pidsOf(house, "a");
    house.file("holdfast.config.json", {
      apps: [
        { script: PUPPET, name: "a", wait_raedy: true },
        { name: "b", instances: "lots" },
      ],
    });
    const end = await house.run(["reload"]);
    expect(end.status).toBe(78);
    expect(end.stderr).toMatch(/apps\[0\]\.wait_raedy.*did you mean/);
    expect(end.stderr).toContain("apps[1].script");
    expect(end.stderr).toContain("apps[1].instances");
    expect(await pidsOf(house, "a")).toEqual(pids);
    expect((await house.run(["validate"])).status).toBe(78);
  });

  it("whose reload fails are a change again the next time", async () => {
    await using house = new House();
    const write = (env: object) =>
      house.file("holdfast.config.json", { script: PUPPET, name: "a", instances: 1, env, ...fast });
    write({ PUPPET_VERSION: "1" });
    await house.ok(["start"]);
    const pids = await pidsOf(house, "a");
    write({ PUPPET_FAIL: "exit1" });
    expect((await house.run(["start"])).status).toBe(6);
    expect(await pidsOf(house, "a")).toEqual(pids);
    expect((await house.run(["start"])).status).toBe(6);
    write({ PUPPET_VERSION: "2" });
    await house.ok(["start"]);
    const { apps } = await house.overview();
    const answer = await fetch(`${addressOf(apps[0]?.addresses ?? [])}/nope`);
    expect(answer.headers.get("x-version")).toBe("2");
  });

  it("come from standard input, and only some of their apps with --only", async () => {
    await using house = new House();
    const apps = ["a", "b"].map((name) => ({ script: PUPPET, name, instances: 1 }));
    await house.ok(["start", "-", "--only", "b"], { input: JSON.stringify({ apps }) });
    expect((await house.overview()).apps.map(({ name }) => name)).toEqual(["b"]);
    const end = await house.run(["start", "-", "--only", "c"], { input: JSON.stringify({ apps }) });
    expect(end.status).toBe(4);
  });
});
