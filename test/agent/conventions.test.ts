/** What an app finds around it and may do without knowing of Holdfast: readiness, environment, its end. */

import { execFile, spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { reload, stage, stop, workers } from "../promises/stage.ts";
import { fixture, freePort, type HoldfastRun } from "../support/holdfast.ts";
import { Output } from "../support/output.ts";
import { until } from "../support/until.ts";
import { get, getJson } from "./served.ts";

describe("a worker is ready", () => {
  it("when it says so, with --ready message, and not before", async () => {
    const env = { PUPPET_READY: "message", PUPPET_READY_MS: "700" };
    const flags = ["--ready", "message"];
    const { run, port } = await stage("puppet.mjs", { env, flags, ready: false });
    await run.waitForLine(/puppet: listening/);
    expect(run.logs.some((log) => log.msg === "worker ready")).toBe(false);
    await run.waitForLog((log) => log.msg.startsWith("ready;"));
    for (const log of run.logs.filter(({ msg }) => msg === "worker ready"))
      expect(log.tookMs).toBeGreaterThanOrEqual(700);
    expect((await get({ port })).status).toBe(200);
    await stop(run);
  });

  it("and when it never says so, that is a failure which tells what was missing", async () => {
    const flags = ["--ready", "message", "--ready-timeout", "2500ms", "--max-restarts", "0"];
    const { run } = await stage("puppet.mjs", { flags, ready: false, instances: 1 });
    const failed = await run.waitForLog((log) => log.code === "HF_START_FAILED");
    expect(failed.msg).toMatch(/within 2500 ms: it listens but never said that it is ready/);
    const exit = run.logs.find((log) => log.reason !== undefined);
    expect(exit).toMatchObject({ reason: "startup_timeout", signal: "SIGKILL" });
    // It was killed as one who would not become ready, and the run goes on: status 137 is for a stop.
    expect((await run.stop()).code).toBe(0);
  });

  it.each([{}, { TLS: "1" }])("when its probe answers 2xx: %j", async (env) => {
    const flags = ["--ready", "http:/health"];
    const { run } = await stage("apps/health.mjs", { env, flags });
    const steps = run.stdout.filter((line) => /^slot 0: |"worker ready".*/.test(line));
    const own = steps.filter((line) => line.startsWith("slot 0") || line.includes('"slot":0'));
    expect(own.slice(0, 3).map((line) => line.slice(-3))).toEqual(["503", "503", "200"]);
    expect(own[3]).toMatch(/"worker ready"/);
    // Each asks its own worker, and no longer than needed.
    await stop(run);
    for (const slot of [0, 1])
      expect(run.stdout.filter((line) => line.startsWith(`slot ${slot}: `))).toHaveLength(3);
  });
});

describe("a worker's surroundings", () => {
  it("show no trace of the agent, neither to it nor to its children and threads", async () => {
    const { run, port } = await stage("apps/inside.mjs", {
      flags: ["--node-args", "--no-warnings"],
    });
    const facts = await getJson<Record<"own" | "child" | "thread", object>>({ port });
    const clean = { execArgv: ["--no-warnings"], nodeOptions: null, hasAgent: false };
    expect(facts.own).toEqual({ ...clean, hasAgent: true });
    expect(facts.child).toMatchObject(clean);
    expect(facts.thread).toEqual(clean);
    await stop(run);
  });

  it("add NODE_APP_INSTANCE and a few HOLDFAST_* variables, the slot stable over a death", async () => {
    const { run, port } = await stage("apps/inside.mjs", { env: { OWN: "kept" } });
    type Environment = Record<string, string>;
    const { env, child } = await getJson<{ env: Environment; child: { env: Environment } }>({
      port,
    });
    const given = ["PATH", "LANG", "NO_COLOR", "HOME", "HOLDFAST_HOME", "HOLDFAST_TEST_ID"];
    const added = [
      "NODE_APP_INSTANCE",
      ...["GENERATION", "SLOT", "SUPERVISOR", "WORKER"].map(holdfast),
    ];
    const expected = [...given, "OWN", "PORT", "PUPPET_FILE", ...added].sort();
    expect(Object.keys(env).sort()).toEqual(expected);
    expect(Object.keys(child.env).sort()).toEqual(expected);
    expect(env.OWN).toBe("kept");

    const slots = async () => {
      const seen = new Set<string>();
      await until(
        async () => {
          const facts = await getJson<{ env: Environment }>({ port });
          expect(facts.env.NODE_APP_INSTANCE).toBe(facts.env.HOLDFAST_SLOT);
          return seen.add(facts.env.HOLDFAST_SLOT ?? "").size === 2;
        },
        { what: "both slots to answer" },
      );
      return [...seen].sort();
    };
    expect(await slots()).toEqual(["0", "1"]);
    process.kill(workers(run).get(1) ?? -1, "SIGKILL");
    await until(() => run.logs.filter((log) => log.msg === "worker ready").length === 3, {
      what: "the replacement",
    });
    expect(await slots()).toEqual(["0", "1"]);
    await stop(run);
  });
});

const holdfast = (name: string): string => `HOLDFAST_${name}`;

/** How often a worker wrote a line. */
function count(run: HoldfastRun, line: string): number {
  return run.stdout.filter((each) => each === line).length;
}

describe("a worker's own end runs", () => {
  it.each([
    { app: "sigint-only", first: "SIGINT signal received: cleaning up", last: "clean-up done" },
    {
      app: "sigterm-close",
      first: "SIGTERM signal received: closing HTTP server",
      last: "HTTP server closed",
    },
    {
      app: "shutdown-message",
      first: "shutdown message received: closing all connections",
      last: "finished closing connections",
    },
  ])("of $app, at a reload and at a stop", async ({ app, first, last }) => {
    const { run } = await stage(`apps/${app}.mjs`);
    expect(await reload(run, 1)).toBe("done");
    expect([count(run, first), count(run, last)]).toEqual([2, 2]);
    await stop(run);
    expect([count(run, first), count(run, last)]).toEqual([4, 4]);
    const ends = run.logs.filter((log) => log.reason !== undefined);
    expect(ends.map(({ reason, code }) => [reason, code])).toEqual([
      ...Array(2).fill(["reload", 0]),
      ...Array(2).fill(["stop", 0]),
    ]);
  });

  it("of a PM2 app that is told by --shutdown-message", async () => {
    const { run } = await stage("apps/shutdown-message.mjs", { flags: ["--shutdown-message"] });
    await stop(run);
    expect(count(run, "finished closing connections")).toBe(2);
  });

  it("for it, when it has none: after the answer to its last request", async () => {
    const { run, port } = await stage("puppet.mjs", { instances: 1 });
    const answer = get({ port }, "/slow?ms=1500");
    await until(async () => (await getJson<{ pid: number }>({ port })).pid, { what: "an answer" });
    await stop(run);
    expect((await answer).body).toMatch(/^0\n1\n.*9\ndone\n$/s);
    expect(run.logs.find((log) => log.reason !== undefined)).toMatchObject({
      ...{ reason: "stop", code: 0, signal: null },
    });
  });

  it.each(["throw", "reject", "reject-plainly", "exit"])(
    "as under plain Node, when it dies by itself: %s",
    async (how) => {
      const env = { HOW: how };
      const [code, stdout, stderr] = await plainly("apps/dies.mjs", env);
      const flags = ["--max-restarts", "0"];
      const { run } = await stage("apps/dies.mjs", { env, flags, instances: 1, ready: false });
      await run.waitForLog((log) => log.code === "HF_START_FAILED");
      const exit = run.logs.find((log) => log.reason !== undefined);
      expect(exit).toMatchObject({ code, signal: null });
      expect(`${run.stderr.join("\n")}\n`).toBe(stderr);
      expect(run.stdout).toContain(stdout.trim());
      await stop(run);
    },
  );
});

describe('"holdfast/worker"', () => {
  const steps = (lines: readonly string[], who: string) =>
    lines.filter((line) => line.startsWith(`step: ${who} `)).map((line) => line.split(" ")[2]);
  const ending = ["draining", "consumers", "consumers", "rest", "SIGTERM", "ends"];

  it("tells slot, generation and the drain, and runs hooks in their order", async () => {
    // Long enough that no worker counts as one that never listens, however slowly it boots.
    const flags = ["--handover", "--min-uptime", "2s"];
    const { run } = await stage("apps/worker-api.mjs", { flags });
    expect(await reload(run, 1)).toBe("done");
    await stop(run);
    for (const who of ["1/0", "1/1", "2/0", "2/1"])
      expect(steps(run.stdout, who)).toEqual(["begins", "listens", "active", ...ending]);
    const at = (step: string) => run.stdout.indexOf(`step: ${step}`);
    // Hand-over: the successor becomes active when its predecessor's consumers are done.
    for (const slot of [0, 1]) {
      expect(at(`2/${slot} active`)).toBeGreaterThan(at(`1/${slot} consumers done`));
      expect(at(`2/${slot} listens`)).toBeLessThan(at(`1/${slot} draining`));
      expect(run.stdout).toContain(`step: 1/${slot} rest reload`);
      expect(run.stdout).toContain(`step: 2/${slot} rest stop`);
    }
    expect(run.stderr.filter((line) => line.startsWith("Error: a hook that fails"))).toHaveLength(
      4,
    );
  });

  it("has a successor wait for the end of the process whose consumers would not end", async () => {
    const flags = ["--handover", "--min-uptime", "2s"];
    const env = { FAILS: "consumer" };
    const { run } = await stage("apps/worker-api.mjs", { instances: 1, flags, env });
    expect(await reload(run, 1)).toBe("done");
    await stop(run);
    const at = (step: string) => run.stdout.indexOf(`step: ${step}`);
    expect(run.stdout).not.toContain("step: 1/0 consumers done");
    expect(at("2/0 active")).toBeGreaterThan(at("1/0 ends"));
  });

  it("ends a worker whose activation fails, as under plain Node", async () => {
    const flags = ["--max-restarts", "0"];
    const env = { FAILS: "activation" };
    const { run } = await stage("apps/worker-api.mjs", { instances: 1, flags, env, ready: false });
    const exit = await run.waitForLog((log) => log.reason !== undefined);
    expect(exit).toMatchObject({ reason: "uncaught", code: 1, signal: null });
    expect(run.stderr.join("\n")).toContain("Error: activation fails");
    await stop(run);
  });

  it("is harmless under plain Node", async () => {
    const env = { PORT: String(await freePort()) };
    const child = spawn(process.execPath, [fixture("apps/worker-api.mjs")], { env });
    const output = new Output(child, "plain node");
    await output.wait(() => output.findLine(/listens/), "that it listens");
    expect(steps(output.stdout, "0/0")).toEqual(["begins", "active", "listens"]);
    child.kill("SIGTERM");
    expect((await output.exited).code).toBe(0);
    expect(steps(output.stdout, "0/0").slice(-2)).toEqual(["SIGTERM", "ends"]);
  });
});

/** Exit code and output of a fixture under Node alone. */
async function plainly(
  app: string,
  env: Record<string, string>,
): Promise<[number, string, string]> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [fixture(app)], { env }, (_error, stdout, stderr) =>
      resolve([child.exitCode ?? -1, stdout, stderr]),
    );
  });
}
