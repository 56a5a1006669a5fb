/** What makes the command line pleasant: it is quick, says what it waits for, and shows what is asked for. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const PUPPET = fixture("puppet.mjs");
const CLI = join(projectRoot, "dist/bin/holdfast.cjs");

async function started(house: House, ...more: readonly string[]): Promise<void> {
  await house.ok(["start", PUPPET, "-n", "web", "-i", "1", "--min-uptime", "100ms", ...more]);
}

describe("list", () => {
  it("loads neither what reads other command lines, nor what starts processes, nor Unicode's tables", async () => {
    await using house = new House();
    await started(house);
    const spy = house.file(
      "spy.cjs",
      `process.on("exit", () => {
        const loaded = [...Object.keys(require.cache), ...process.moduleLoadList];
        for (const name of loaded) if (/commander|east-asian|NativeModule child_process/.test(name)) process._rawDebug(name);
      });`,
    );
    const program = [process.execPath, "--require", spy, CLI];
    for (const command of [["list"], ["ls", "-o", "wide"], ["jlist"]]) {
      const { stdout, stderr } = await house.ok(command, { program });
      expect(stdout).toContain("web");
      expect([command, stderr]).toEqual([command, ""]);
    }
    // The spy sees what it is to see.
    expect((await house.ok(["list", "--help"], { program })).stderr).toContain("commander");
  });

  it("shows the columns that are asked for, and names them all where one is unknown", async () => {
    await using house = new House();
    await started(house);
    const { stdout } = await house.ok(["list", "--columns", "State,name"]);
    expect(stdout).toBe("STATE    NAME\n● ready  web\n");
    const wrong = await house.run(["list", "--columns", "name,size"]);
    expect([wrong.status, wrong.stdout]).toEqual([78, ""]);
    expect(wrong.stderr).toContain(
      '--columns: received "size", expected some of name, state, ready, since',
    );
    const data = await house.run(["list", "--json", "--columns", "name"]);
    expect(data.stderr).toContain("--columns: is for tables, but json is asked for");
  });
});

describe("jlist and status", () => {
  it("say which Node runs the workers, how, and what a stop does", async () => {
    await using house = new House();
    const folder = house.file("package.json", { name: "web", version: "4.5.6" });
    expect(folder).toContain(house.root);
    const script = house.file("server.js", `require("http").createServer().listen(0);`);
    await house.ok(["start", script, "-i", "1", "--node-args=--trace-warnings", "-q"]);
    const [one] = JSON.parse((await house.ok(["jlist"])).stdout);
    expect(one.pm2_env).toMatchObject({
      exec_mode: "cluster_mode",
      node_version: process.versions.node,
      exec_interpreter: process.execPath,
      node_args: ["--trace-warnings"],
      version: "4.5.6",
    });
    const { stdout } = await house.ok(["status", "server"]);
    expect(stdout).toContain(`node      ${process.versions.node} --trace-warnings, cluster mode`);
    expect(stdout).toMatch(
      /at stop {3}drains; killed with all it has started after \d+\S* at the latest/,
    );
  });

  it("pm_id stays while other apps come, grow and go", async () => {
    await using house = new House();
    const ids = async (): Promise<Record<string, number>> => {
      const all: { pm_id: number; name: string; pm2_env: { NODE_APP_INSTANCE: number } }[] =
        JSON.parse((await house.ok(["jlist"])).stdout);
      return Object.fromEntries(
        all.map(({ pm_id, name, pm2_env }) => [`${name}:${pm2_env.NODE_APP_INSTANCE}`, pm_id]),
      );
    };
    await house.ok(["start", PUPPET, "-n", "a", "-i", "1", "--min-uptime", "100ms"]);
    await house.ok(["start", PUPPET, "-n", "b", "-i", "1", "--min-uptime", "100ms"]);
    const first = await ids();
    await house.ok(["scale", "a", "2"]);
    const grown = await ids();
    expect(grown).toEqual({ ...first, "a:1": 2 });
    await house.ok(["delete", "a"]);
    expect(await ids()).toEqual({ "b:0": first["b:0"] });
    await house.ok(["start", PUPPET, "-n", "a", "-i", "1", "--min-uptime", "100ms"]);
    expect(await ids()).toEqual({ "b:0": first["b:0"], "a:0": 3 });
  });
});

describe("scale", () => {
  it("takes away no more workers than there are but one", async () => {
    await using house = new House();
    await started(house, "-i", "2");
    const { status, stderr } = await house.run(["scale", "web", "--", "-5"]);
    expect(status).toBe(78);
    expect(stderr).toContain(
      'instances: received "-5", but there are 2, and at least 1 must be left',
    );
    expect((await house.overview()).apps[0]?.instances).toBe(2);
    await house.ok(["scale", "web", "--", "-1"]);
    expect((await house.overview()).apps[0]?.instances).toBe(1);
  });
});

describe("logs -f", () => {
  // skip: elsewhere than on Linux a reader that has gone is noticed with the next line.
  it.runIf(process.platform === "linux")(
    "ends with its reader, although nothing more is written",
    async () => {
      await using house = new House();
      await house.ok(["start", fixture("talks.mjs"), "-n", "talks", "-i", "1"]);
      // A shell's pipe: what Node itself gives a child is a socket.
      const line = '"$0" "$1" logs -f talks | head -n 1';
      const shell = spawn("sh", ["-c", line, process.execPath, CLI], {
        env: house.env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      shell.stdout.on("data", (chunk) => (said += chunk));
      shell.stderr.on("data", (chunk) => (said += chunk));
      const [status] = await once(shell, "close", { signal: AbortSignal.timeout(20_000) });
      expect(status).toBe(0);
      expect(said.trim().split("\n")).toEqual([expect.stringMatching(/^talks/)]);
    },
  );
});

describe("start", () => {
  it("of a program that does not listen says what it waits for", async () => {
    await using house = new House();
    const script = house.file("quiet.mjs", "setInterval(() => {}, 10_000);");
    const args = [CLI, "start", script, "-i", "1", "--min-uptime", "100ms"];
    const child = spawn(process.execPath, args, { env: house.env, cwd: house.root });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (chunk) => (said += chunk));
    await until(() => said.includes("nothing new for"), { what: "the note" });
    expect(said).toMatch(
      /^quiet:0 nothing new for [2-9]s: waiting to see whether it listens and stays up; Ctrl-C ends/m,
    );
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([130, null]);
  });
});
