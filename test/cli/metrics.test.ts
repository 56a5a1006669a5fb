/** Metrics and probes of the command line: `--metrics`, `admin` in a file, `holdfast metrics`. */
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, freePort, runHoldfast } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const PUPPET = fixture("puppet.mjs");
const TOKEN = "0123456789abcdef0123";
const one = { name: "api", script: PUPPET, instances: 1, minUptime: 100, env: { PORT: "0" } };

const adminOf = async (house: House): Promise<string | null> =>
  (await house.overview()).supervisor.admin;
const statusAt = async (address: string | null, path: string, headers = {}): Promise<number> =>
  (await fetch(`http://${address}${path}`, { headers })).status;
const pids = async (house: House): Promise<unknown> =>
  (await house.overview()).apps.map(({ workers }) => workers.map(({ pid }) => pid));
const stateOf = (house: House): Record<string, unknown> =>
  JSON.parse(readFileSync(join(house.home, "state.json"), "utf8"));

describe("holdfast metrics", () => {
  it("prints the text once, where no admin server is", async () => {
    await using house = new House();
    await house.ok(["start", "-"], { input: JSON.stringify(one) });
    expect(await adminOf(house)).toBeNull();
    const { stdout } = await house.ok(["metrics"]);
    expect(stdout).toContain("# TYPE holdfast_app_up gauge");
    expect(stdout).toContain('holdfast_app_up{app="api"} 1');
    expect(stdout).not.toContain("# EOF");
    const openMetrics = await house.ok(["metrics", "--openmetrics"]);
    expect(openMetrics.stdout.trimEnd().endsWith("# EOF")).toBe(true);
    const json = JSON.parse((await house.ok(["metrics", "--json"])).stdout);
    expect(json).toMatchObject({
      version: 1,
      data: { contentType: expect.stringContaining("text/plain") },
    });
    const words = (await house.ok(["__complete", "met"])).stdout;
    expect(words).toBe("metrics\n");
  });

  it("says that nobody is there", async () => {
    await using house = new House();
    expect(await house.run(["metrics"])).toMatchObject({
      status: 3,
      stdout: "",
      stderr: expect.stringContaining("HF_NO_SUPERVISOR"),
    });
  });
});

describe("the option metrics", () => {
  /** A server with metrics of its own, and the text of all metrics once it has answered and been heard. */
  async function heard(house: House, apps: readonly object[], sign: RegExp): Promise<string> {
    await house.ok(["start", "-"], { input: JSON.stringify({ apps }) });
    for (const { addresses } of (await house.overview()).apps) {
      expect(await (await fetch(`http://${addresses[0]}/`)).text()).toBe("ordered");
    }
    return until(
      async () => {
        const { stdout } = await house.ok(["metrics"]);
        return sign.test(stdout) ? stdout : null;
      },
      { what: `${sign} in the metrics`, timeoutMs: 20_000, intervalMs: 200 },
    );
  }
  const own = {
    ...{ script: fixture("apps/own-metrics.mjs"), instances: 1, env: { PORT: "0" } },
  };
  const count = (app: string): string =>
    `holdfast_http_request_duration_seconds_count{app="${app}",method="GET",code="2xx"}`;

  it("takes an app's own metrics with merge, as many as maxSeries says", async () => {
    await using house = new House();
    const apps = [
      { ...own, name: "merged", metrics: { merge: true } },
      { ...own, name: "few", metrics: { merge: true, maxSeries: 1 } },
      { ...own, name: "plain" },
    ];
    const text = await heard(
      house,
      apps,
      /dropped_series_total\{app="few"\} [1-9][\s\S]*orders_total\{app="merged",kind="book"\} 1\n/,
    );
    expect(text).not.toMatch(/orders_total\{app="plain"/);
  });

  it("with false counts nothing, and workers are still heard", async () => {
    await using house = new House();
    const apps = [
      { ...own, name: "silent", metrics: false },
      { ...own, name: "told" },
    ];
    // Beats of all workers come at one time: when the second app's request is told, the first's would be.
    const text = await heard(
      house,
      apps,
      new RegExp(`${count("told").replace(/[{}]/g, "\\$&")} 1`),
    );
    expect(text).toContain(`${count("silent")} 0`);
    expect(text).not.toMatch(/mails_total\{app="silent"/);
    expect(text).toMatch(/holdfast_worker_stale\{app="silent",worker="0"\} 0/);
    expect(text).toMatch(
      /holdfast_worker_eventloop_seconds_total\{app="silent",worker="0",state="idle"\} [\d.]*[1-9]/,
    );
  });
});

describe("start --metrics", () => {
  it("has the supervisor answer, also the next one, until --no-metrics", async () => {
    await using house = new House();
    const port = await freePort();
    const { stderr } = await house.ok(
      ["start", PUPPET, "--name", "api", "-i", "1", "--metrics", `${port}`],
      {
        env: { PORT: "0" },
      },
    );
    const address = `127.0.0.1:${port}`;
    expect(stderr).toContain(`admin server: on ${address}`);
    expect(await statusAt(address, "/metrics")).toBe(200);
    expect(await statusAt(address, "/readyz")).toBe(200);
    const { pid } = (await house.overview()).supervisor;
    process.kill(pid, "SIGKILL");
    await until(() => !existsSync(`/proc/${pid}`), { what: "the supervisor's end" });
    await house.ok(["resurrect"]);
    expect(await statusAt(address, "/readyz")).toBe(200);
    await house.ok(["start", "api", "--no-metrics"]);
    await expect(statusAt(address, "/healthz")).rejects.toThrow();
    expect(stateOf(house).admin).toBeNull();
  });

  it("refuses what is no address, and what others could reach, before anything has changed", async () => {
    await using house = new House();
    const file = house.file("apps.json", { apps: [one] });
    const wrong = await house.run(["start", file, "--metrics", "70000"]);
    expect(wrong).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("--metrics: received"),
    });
    const open = await house.run(["start", file, "--metrics", "0.0.0.0:0"]);
    expect(open).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("code: HF_ADMIN_UNPROTECTED"),
    });
    expect((await house.overview()).apps).toEqual([]);
  });

  it("goes on without it where the port is taken, and says whose it is", async () => {
    await using house = new House();
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const end = await house.run(["start", "-", "--metrics", String(port)], {
      input: JSON.stringify(one),
    });
    expect(end.status).toBe(1);
    expect(end.stderr).toContain("code: HF_ADMIN_PORT_IN_USE");
    if (process.platform === "linux") expect(end.stderr).toContain(`process ${process.pid}`);
    expect((await house.overview()).apps).toMatchObject([{ name: "api", ready: 1 }]);
    holder.close();
  });

  it("takes its token from the environment, keeps it to itself, and hands it to no app", async () => {
    await using house = new House();
    const env = { HOLDFAST_ADMIN_TOKEN: TOKEN };
    await house.ok(["start", "-", "--metrics", "0.0.0.0:0"], { input: JSON.stringify(one), env });
    const address = `127.0.0.1:${(await adminOf(house))?.split(":").at(-1)}`;
    expect(await statusAt(address, "/metrics")).toBe(401);
    expect(await statusAt(address, "/metrics", { Authorization: `Bearer ${TOKEN}` })).toBe(200);
    expect(await statusAt(address, "/readyz")).toBe(200);
    const [app] = (await house.overview()).apps;
    const inside = await (await fetch(`http://${app?.addresses[0]}/env`)).text();
    expect(inside).toContain("HOLDFAST_SLOT");
    expect(inside).not.toContain(TOKEN);
    const shown = [
      (await house.ok(["status", "-o", "json"])).stdout,
      (await house.ok(["env", "api", "--show"])).stdout,
      readFileSync(join(house.home, "supervisor.log"), "utf8"),
    ];
    expect(shown.join("")).not.toContain(TOKEN);
    expect(statSync(join(house.home, "state.json")).mode & 0o777).toBe(0o600);
  });
});

describe("admin in a file", () => {
  it("is listened on, moved by a change without new workers, told by a dry run, left as it is, switched off", async () => {
    await using house = new House();
    const [first, second] = [await freePort(), await freePort()];
    const write = (more: object): string => house.file("apps.json", { apps: [one], ...more });
    const file = write({ admin: { listen: first } });
    await house.ok(["start", file]);
    expect(await adminOf(house)).toBe(`127.0.0.1:${first}`);
    const before = await pids(house);
    write({ admin: { listen: `127.0.0.1:${second}` } });
    const dry = await house.ok(["start", file, "--dry-run"]);
    expect(dry.stderr).toContain(`admin server: would be on 127.0.0.1:${second}`);
    expect(await adminOf(house)).toBe(`127.0.0.1:${first}`);
    await house.ok(["start", file]);
    expect(await statusAt(`127.0.0.1:${second}`, "/readyz")).toBe(200);
    await expect(statusAt(`127.0.0.1:${first}`, "/readyz")).rejects.toThrow();
    // Nothing is said twice, and what a file does not mention stays.
    expect((await house.ok(["start", file])).stderr).not.toContain("admin server");
    write({});
    await house.ok(["start", file]);
    expect(await adminOf(house)).toBe(`127.0.0.1:${second}`);
    write({ admin: false });
    await house.ok(["start", file]);
    expect(await adminOf(house)).toBeNull();
    expect(await pids(house)).toEqual(before);
  });

  it("expects nothing of apps that were stopped, or shut down with the supervisor", async () => {
    await using house = new House();
    const named = (name: string): object => ({ ...one, name });
    const admin = { listen: await freePort() };
    const apps = [named("a"), named("b")];
    await house.ok(["start", house.file("apps.json", { apps, admin })]);
    const readyz = async (): Promise<object> =>
      (await fetch(`http://127.0.0.1:${admin.listen}/readyz`)).json() as Promise<object>;
    expect(await readyz()).toMatchObject({ ready: true, apps: [{ app: "a" }, { app: "b" }] });
    await house.ok(["stop", "b"]);
    expect(await readyz()).toMatchObject({ ready: true, apps: [{ app: "a" }] });
    await house.ok(["shutdown"]);
    await house.ok(["start", "-"], { input: JSON.stringify(named("c")) });
    expect(await readyz()).toMatchObject({ ready: true, apps: [{ app: "c" }] });
    await house.ok(["resurrect"]);
    expect(await readyz()).toMatchObject({ ready: true, apps: [{ app: "a" }, { app: "c" }] });
  });

  it("has its token in a file of its own, which is read anew", async () => {
    await using house = new House();
    house.file("token", `${TOKEN}\n`);
    const admin = { listen: "0.0.0.0:0", tokenFile: "token" };
    const file = house.file("apps.json", { apps: [one], admin });
    await house.ok(["start", file]);
    const bearer = (token: string): object => ({ Authorization: `Bearer ${token}` });
    const address = (await adminOf(house))?.replace("0.0.0.0", "127.0.0.1") ?? null;
    expect(await statusAt(address, "/metrics", bearer(TOKEN))).toBe(200);
    house.file("token", `${TOKEN}-new`);
    await house.ok(["start", file]);
    expect(await statusAt(address, "/metrics", bearer(TOKEN))).toBe(401);
    expect(await statusAt(address, "/metrics", bearer(`${TOKEN}-new`))).toBe(200);
    house.file("token", "short");
    const end = await house.run(["start", file]);
    expect(end).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("HF_ADMIN_TOKEN_INVALID"),
    });
    expect(await statusAt(address, "/metrics", bearer(`${TOKEN}-new`))).toBe(200);
  });

  it("is checked and shown by validate, without its token", async () => {
    await using house = new House();
    const file = house.file("apps.json", { apps: [one], admin: { listen: 9464, token: TOKEN } });
    const { stdout } = await house.ok(["validate", file, "--json"]);
    expect(JSON.parse(stdout).data.admin).toEqual({ listen: "127.0.0.1:9464", tokenFile: null });
    expect(stdout).not.toContain(TOKEN);
    house.file("apps.json", { apps: [one], admin: { port: 1 } });
    expect((await house.run(["validate", file])).stderr).toContain("admin.port: is unknown");
  });
});

describe("in the foreground", () => {
  it("run --metrics answers until the app has drained", async () => {
    const port = await freePort();
    const run = runHoldfast(["run", PUPPET, "-i", "1", "--metrics", String(port)], {
      env: { PORT: "0" },
    });
    try {
      const ready = await run.waitForLog(({ msg }) => msg.startsWith("ready;"));
      expect(await statusAt(`127.0.0.1:${port}`, "/readyz")).toBe(200);
      const busy = await fetch(`http://${ready.addresses}/slow?ms=5000`);
      run.signal("SIGTERM");
      await run.waitForLog(({ msg }) => msg.startsWith("stopping"));
      expect(await statusAt(`127.0.0.1:${port}`, "/readyz")).toBe(503);
      expect(await statusAt(`127.0.0.1:${port}`, "/healthz")).toBe(200);
      expect(await busy.text()).toContain("done");
      expect(await run.exited).toMatchObject({ code: 0 });
    } finally {
      await run.dispose();
    }
  });

  it("supervisor --metrics answers before there is any app", async () => {
    const port = await freePort();
    const run = runHoldfast(["supervisor", "--metrics", String(port)]);
    try {
      await run.waitForLog(({ msg }) => msg === "supervisor ready");
      expect(await statusAt(`127.0.0.1:${port}`, "/readyz")).toBe(200);
      await run.stop();
    } finally {
      await run.dispose();
    }
  });
});
