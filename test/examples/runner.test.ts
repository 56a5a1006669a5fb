/** `npm run examples`: what it lists, and an example from its start to the end of all that was started for it. */

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { freePort, projectRoot } from "../support/holdfast.ts";
import { Output } from "../support/output.ts";
import { isAlive, killLeftovers, leftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";

const RUNNER = join(projectRoot, "scripts/examples.mjs");
const SERVERS = join(projectRoot, "examples/servers.sh");
const names = readdirSync(join(projectRoot, "examples"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "monitoring")
  .map(({ name }) => name);
/** The program that Debian's package of the same name has, the example that needs it, and the server's name in servers.sh. */
const SERVED = [
  ["redis-server", "redis-pubsub", "redis"],
  ["mosquitto", "mqtt-telemetry", "mosquitto"],
  ["rabbitmq-server", "amqp-jobs", "rabbitmq"],
  ["kcat", "kafka-consumers", "kafka"],
] as const;

const folders: string[] = [];
const marks: string[] = [];

afterEach(() => {
  for (const mark of marks.splice(0)) killLeftovers(mark);
  for (const folder of folders.splice(0)) {
    // Redis writes over its environment, and with it the mark.
    if (readdirSync(folder).length > 0)
      ended(SERVERS, ["stop"], { PATH: process.env.PATH, XDG_RUNTIME_DIR: folder });
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Servers of this test alone: their folder is below this one. */
function surroundings(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(tmpdir(), "hf-runner-"));
  folders.push(folder);
  const mark = `${process.pid}-runner${marks.length}-${Date.now().toString(36)}`;
  marks.push(mark);
  const { PATH } = process.env;
  return { PATH, HOME: folder, XDG_RUNTIME_DIR: folder, [MARKER_VARIABLE]: mark, ...more };
}

/** Whether it is installed; some lie where the PATH of ordinary users does not look. */
function has(program: string): boolean {
  const PATH = `${process.env.PATH}:/usr/sbin`;
  return spawnSync("sh", ["-c", `command -v ${program}`], { env: { PATH } }).status === 0;
}

/** Of this test's servers: others may run at their own ports. */
async function ports(): Promise<Readonly<Record<string, string>>> {
  const variables = ["REDIS_PORT", "MOSQUITTO_PORT", "RABBITMQ_PORT"];
  // Each by itself: 20,000 above a free one lie the ports that outgoing connections get.
  variables.push("RABBITMQ_DIST_PORT", "ERL_EPMD_PORT");
  const chosen: [string, string][] = [];
  for (const variable of variables) chosen.push([variable, String(await freePort())]);
  return Object.fromEntries(chosen);
}

function ended(file: string, args: readonly string[], env = surroundings()) {
  const { status, stdout, stderr } = spawnSync(file, args, { env, encoding: "utf8" });
  return { status, stdout, stderr };
}

function start(name: string, env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [RUNNER, name, "--no-build"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return {
    output: new Output(child, `npm run examples ${name}`),
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
  };
}

it("lists every example with its title, and says which server is here", () => {
  const { status, stdout } = ended(process.execPath, [RUNNER]);
  expect(status).toBe(0);
  for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S.*$`, "m"));
  expect(stdout).toMatch(/^ {2}gateway-services +A gateway and its services over the bus$/m);
  expect(stdout).not.toContain("monitoring");
});

it("shows the list for a name it does not know, and for two", () => {
  const unknown = ended(process.execPath, [RUNNER, "no-such"]);
  expect(unknown).toMatchObject({ status: 2, stdout: "" });
  expect(unknown.stderr).toMatch(/^There is no example "no-such"\.\n\n[\s\S]*gateway-services/);
  const two = ended(process.execPath, [RUNNER, "chat-ws", "gateway-services"]);
  expect(two).toMatchObject({ status: 2, stderr: expect.stringContaining("One at a time.") });
  const flag = ended(process.execPath, [RUNNER, "chat-ws", "--fast"]);
  expect(flag).toMatchObject({ status: 2, stderr: expect.stringContaining("--fast") });
});

it("starts one at the port it is given, reloads it, and ends with it", async () => {
  const port = await freePort();
  const env = surroundings({ PORT: String(port) });
  const { output, signal } = start("http-express", env);
  await output.wait(() => output.logs.find(({ msg }) => msg.startsWith("ready;")), "that it runs");
  signal("SIGHUP");
  await output.wait(() => output.logs.find(({ msg }) => msg === "reload done"), "the reload's end");
  const answer = await fetch(`http://127.0.0.1:${port}/items/7`);
  expect(await answer.json()).toMatchObject({ id: 7, price: 107 });
  signal("SIGTERM");
  expect(await output.exited).toEqual({ code: 0, signal: null });
  await until(() => leftovers(env[MARKER_VARIABLE] ?? "").length === 0, { what: "all to be gone" });
});

it.for(SERVED)(
  "[%s] starts with %s, and both end with it",
  { timeout: 150_000 },
  async ([program, name, server], context) => {
    // skip: the program is not installed; Debian's package has its name
    context.skip(!has(program), `${program} is not installed (Debian: ${program})`);
    const env = surroundings({ PORT: "0", ...(await ports()) });
    const { output, signal } = start(name, env);
    const supervisors = name === "redis-pubsub" ? 2 : 1;
    const isReady = () =>
      output.logs.filter(({ msg }) => msg.startsWith("ready;")).length === supervisors;
    await output.wait(() => isReady() || undefined, "that it runs", { timeoutMs: 90_000 });
    const state = () => ended(SERVERS, ["status", server], env).stdout;
    const [, pid] = /^\w+ +running +127\.0\.0\.1:\d+, pid (\d+)$/m.exec(state()) ?? [];
    expect(isAlive(Number(pid)), state()).toBe(true);
    signal("SIGTERM");
    expect((await output.exited).code).toBe(0);
    expect(isAlive(Number(pid))).toBe(false);
    expect(state()).toMatch(/^\w+ +stopped/);
    expect(readdirSync(env.XDG_RUNTIME_DIR ?? "")).toEqual([]);
    await until(() => leftovers(env[MARKER_VARIABLE] ?? "").length === 0, {
      what: "all to be gone",
    });
  },
);

// skip: redis-server is not installed (Debian: redis-server)
it.skipIf(!has("redis-server"))(
  "[redis-server] uses a server that is there, and leaves it alone",
  async () => {
    const env = surroundings({ REDIS_PORT: String(await freePort()) });
    const elsewhere = { ...env, XDG_RUNTIME_DIR: surroundings().XDG_RUNTIME_DIR };
    const started = ended(SERVERS, ["start", "redis"], env);
    expect(started.stdout).toBe(`export REDIS_URL='redis://127.0.0.1:${env.REDIS_PORT}'\n`);
    try {
      const again = ended(SERVERS, ["start", "redis"], elsewhere);
      expect(again).toMatchObject({ status: 0, stdout: started.stdout });
      expect(again.stderr).toContain("is taken; what runs there is used");
      ended(SERVERS, ["stop", "redis"], elsewhere);
      expect(ended(SERVERS, ["status", "redis"], env).stdout).toMatch(/^redis +running/);
    } finally {
      ended(SERVERS, ["stop", "redis"], env);
    }
    expect(ended(SERVERS, ["status", "redis"], env).stdout).toMatch(/^redis +stopped/);
  },
);

it("says what a server's name may be", () => {
  expect(ended(SERVERS, ["start", "oracle"])).toMatchObject({ status: 2 });
  expect(ended(SERVERS, ["begin"]).stderr).toContain("install|start|status|stop");
});
