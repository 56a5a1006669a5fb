// One turn of the benchmark `bus` and the root of all its processes: the supervisor, the cluster primary, or what
// starts Redis and two programs.
//   bus-primary.mjs holdfast|cluster|redis relay|request|enqueue SECONDS WARMUP
// sends the result to its parent, and stays until SIGTERM, so that its CPU time can be read.
import { spawn } from "node:child_process";
import cluster from "node:cluster";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pause } from "./children.mjs";
import { freePort } from "./contenders.mjs";
import { preciseCpuMsOf } from "./processes.mjs";

const [over = "", which = "", seconds = "1", warmup = "1"] = process.argv.slice(2);
const WORKER = fileURLToPath(new URL("bus-worker.mjs", import.meta.url));
/** Every sample waits so long by itself, which is no delay. */
const RESOLUTION_MS = 1;
/** A thousand samples a second are nothing beside a hundred thousand messages, but much beside single requests. */
const isSampled = which !== "request";
const CONNECT_TRIES = 200;

/** The first waits for the second. */
const ROLES = /** @type {Record<string, string[]>} */ ({
  relay: ["send", "listen"],
  request: ["ask", "serve"],
  enqueue: ["enqueue"],
});
const [first = "", second] = ROLES[which] ?? [];
const env = { BENCH_OVER: over, BENCH_SECONDS: seconds, BENCH_WARMUP: warmup };

/** @type {Map<string, number>} pids by what they are: the two roles, and `middle` */
const pids = new Map();
/** @type {() => void} */
let secondReady = () => {};
const whenSecondReady = new Promise((resolve) => {
  secondReady = () => resolve(null);
});
/** @type {(() => Promise<unknown> | void)[]} */
const endings = [];

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
let since = performance.now();
let loop = performance.eventLoopUtilization();
/** @type {Record<string, number>} */
let spent = {};

const starters = { holdfast, cluster: bareCluster, redis };
let isEnding = false;
process.once("SIGTERM", end);
// Nobody is left to read the result.
process.once("disconnect", end);
await starters[/** @type {keyof typeof starters} */ (over)]();

async function end() {
  if (isEnding) return;
  isEnding = true;
  await Promise.allSettled(endings.map((each) => each()));
  process.exit(0);
}

/** @param {string} line of a worker */
function hear(line) {
  const [word, ...rest] = line.split(" ");
  if (word === "pid") pids.set(rest[0] ?? "", Number(rest[1]));
  else if (word === "ready") secondReady();
  else if (word === "begin") begin();
  else if (word === "end") process.send?.(result(JSON.parse(rest.join(" "))));
  else process.stderr.write(`${line}\n`);
}

function begin() {
  if (isSampled) delay.enable();
  delay.reset();
  since = performance.now();
  loop = performance.eventLoopUtilization();
  spent = cpuMs();
}

/** @param {{ perSecond: number }} measured */
function result(measured) {
  const messages = (measured.perSecond * (performance.now() - since)) / 1000;
  const used = Object.entries(cpuMs());
  const micros = used.map(([who, ms]) => [who, ((ms - (spent[who] ?? 0)) * 1000) / messages]);
  const late = (/** @type {number} */ nanoseconds) => nanoseconds / 1e6 - RESOLUTION_MS;
  const own = {
    ...(isSampled ? { loopP99Ms: late(delay.percentile(99)), loopMaxMs: late(delay.max) } : {}),
    loopBusy: performance.eventLoopUtilization(loop).utilization,
  };
  const hasMiddle = pids.get("middle") === process.pid;
  return { ...measured, cpuMicros: Object.fromEntries(micros), ...(hasMiddle ? own : {}) };
}

function cpuMs() {
  return Object.fromEntries([...pids].map(([who, pid]) => [who, preciseCpuMsOf(pid)]));
}

async function holdfast() {
  pids.set("middle", process.pid);
  const { createSupervisor } = await import("../dist/src/index.js");
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const app = (/** @type {string} */ role) => ({
    ...{ name: role, script: WORKER, env: { ...env, BENCH_ROLE: role }, instances: 1 },
    ...(role === second ? { ready: "message" } : {}),
    ...(role === first && second ? { dependsOn: [second] } : {}),
  });
  const output = {
    write: (
      /** @type {unknown} */ _from,
      /** @type {string} */ _stream,
      /** @type {Buffer} */ lines,
    ) => {
      for (const line of lines.toString().split("\n")) if (line !== "") hear(line);
      return true;
    },
    onceDrained: () => {},
  };
  const apps = second ? [app(second), app(first)] : [app(first)];
  // As the command does.
  const settings = { output, queueFolder: folder, priority: "raised" };
  const supervisor = createSupervisor(/** @type {any} */ ({ apps }), /** @type {any} */ (settings));
  endings.push(async () => {
    await supervisor.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await supervisor.start().catch((error) => {
    // The turn is over: it need not wait until the program counts as ready.
    if (!isEnding) throw error;
  });
}

async function bareCluster() {
  pids.set("middle", process.pid);
  cluster.setupPrimary({ exec: WORKER, silent: true });
  const fork = (/** @type {string} */ role) => {
    const worker = cluster.fork({ ...env, BENCH_ROLE: role });
    endings.push(() => void worker.process.kill("SIGKILL"));
    listenTo(worker.process);
    return worker;
  };
  const receiver = fork(second ?? "");
  await whenSecondReady;
  const sender = fork(first);
  sender.on("message", (message) => receiver.send(message));
  receiver.on("message", (message) => sender.send(message));
}

async function redis() {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const port = await freePort();
  const memory = ["--save", "", "--appendonly", "no", "--dir", folder];
  const server = spawn("redis-server", ["--bind", "127.0.0.1", "--port", String(port), ...memory]);
  endings.push(async () => {
    server.kill("SIGTERM");
    if (server.exitCode === null && server.pid)
      await new Promise((gone) => server.once("exit", gone));
    rmSync(folder, { recursive: true, force: true });
  });
  pids.set("middle", server.pid ?? 0);
  await whenAnswered(server);
  const startRole = (/** @type {string} */ role) => {
    const more = { BENCH_ROLE: role, BENCH_REDIS_URL: `redis://127.0.0.1:${port}` };
    const child = spawn(process.execPath, [WORKER], { env: { ...process.env, ...env, ...more } });
    endings.push(() => void child.kill("SIGKILL"));
    listenTo(child);
  };
  startRole(second ?? "");
  await whenSecondReady;
  startRole(first);
}

/** @param {import("node:child_process").ChildProcess} child */
function listenTo({ stdout, stderr }) {
  if (stdout) createInterface({ input: stdout }).on("line", hear);
  stderr?.pipe(process.stderr);
}

/** @param {import("node:child_process").ChildProcess} server */
async function whenAnswered({ stdout }) {
  let text = "";
  stdout?.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  for (let tries = 0; tries < CONNECT_TRIES; tries++) {
    if (text.includes("Ready to accept connections")) return;
    await pause(10);
  }
  throw new Error(`redis-server did not start: ${text}`);
}
