// One side of the benchmark `scrape`, in a process of its own:
//   scrape-primary.mjs holdfast|cluster WORKERS SCRAPES
// prints {"series", "bytes", "loopMs": [...], "cpuMs": [...], "latencyMs": [...]}.
import { spawn } from "node:child_process";
import cluster from "node:cluster";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const [side, workers = 0, scrapes = 0] = process.argv.slice(2).map((text) => Number(text) || text);
const BUCKETS = 12;

if (cluster.isPrimary) console.log(JSON.stringify(await measured()));
else await metricsOfWorker();

async function measured() {
  const {
    hear = () => {},
    scrape,
    end,
  } = await (side === "holdfast" ? holdfast : aggregator)(Number(workers));
  /** @type {number[]} */
  const loopMs = [];
  /** @type {number[]} */
  const cpuMs = [];
  /** @type {number[]} */
  const latencyMs = [];
  let text = "";
  // The first ones load and compile what they need.
  for (let count = -5; count < Number(scrapes); count++) {
    hear();
    const before = performance.eventLoopUtilization();
    const cpu = process.cpuUsage();
    const since = performance.now();
    text = await scrape();
    const took = performance.now() - since;
    const { active } = performance.eventLoopUtilization(before);
    if (count < 0) continue;
    latencyMs.push(took);
    loopMs.push(active);
    const { user, system } = process.cpuUsage(cpu);
    cpuMs.push((user + system) / 1000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  end();
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
  return { series, bytes: text.length, loopMs, cpuMs, latencyMs };
}

/**
 * The store as the supervisor has it. The workers are `sleep` processes, so that /proc is read for each,
 * and their beats are said for them before every scrape.
 * @param {number} count
 */
async function holdfast(count) {
  const { MetricsStore } = await import("../dist/src/metrics/store.js");
  const { Exposition } = await import("../dist/src/metrics/exposition.js");
  const sleepers = Array.from({ length: count }, () =>
    spawn("sleep", ["600"], { stdio: "ignore" }),
  );
  const refs = sleepers.map((_, slot) => ({ id: slot + 1, slot }));
  const status = {
    ...{ name: "app", status: "running", instances: count, range: null, ready: count },
    ...{ generation: 1, reloading: false, mixed: false, addresses: ["127.0.0.1:1"] },
    workers: sleepers.map(({ pid }, slot) => ({
      ...{ id: slot + 1, pid: pid ?? null, slot, generation: 1, phase: "ready", ageMs: 1 },
      settled: true,
    })),
    slots: refs.map(({ slot }) => ({ slot, state: "ready", crashes: 0, retryInMs: null })),
  };
  const view = { status, mode: "cluster", namespace: "default", version: "1", memoryLimitBytes: 0 };
  const facts = { version: "1", apps: () => [view] };
  const store = new MetricsStore(/** @type {never} */ (facts));
  const exposition = new Exposition(store);
  for (const ref of refs) {
    store.workerStarted("app", ref);
    store.workerReady("app", ref, 100);
  }
  let beats = 0;
  return {
    hear() {
      beats += 1;
      for (const ref of refs) store.hearBeat("app", ref, beat(beats));
    },
    scrape: async () => (await exposition.render()).body,
    end() {
      for (const sleeper of sleepers) sleeper.kill();
    },
  };
}

/** @param {number} count */
function beat(count) {
  const distribution = { sum: count / 100, buckets: Array(BUCKETS).fill(count) };
  const keys = ["0:2", "0:3", "0:4", "0:5", "2:2", "2:4"];
  return {
    ...{ active: count * 300, idle: count * 700, delayP99: 12, delayMax: 20, heapUsed: 4e7 },
    ...{ heapLimit: 4e9, external: 2e6, cpuUser: count * 200, cpuSystem: count * 50 },
    ...{ connections: 12, inFlight: 3, aborted: count, handled: count },
    requests: Object.fromEntries(keys.map((key) => [key, distribution])),
    gc: { minor: { sum: count / 1000, buckets: [count, 1, 0, 0, 0] } },
  };
}

/**
 * prom-client's own way: the primary asks every worker at each scrape.
 * @param {number} count
 */
async function aggregator(count) {
  const { AggregatorRegistry } = await import("prom-client");
  const registry = new AggregatorRegistry();
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url) });
  const all = Array.from({ length: count }, () => cluster.fork());
  await Promise.all(
    all.map((worker) => new Promise((resolve) => worker.once("message", () => resolve(null)))),
  );
  return {
    scrape: () => registry.clusterMetrics(),
    end() {
      for (const worker of all) worker.process.kill("SIGKILL");
    },
  };
}

/** Default metrics and one histogram of requests, with the labels a worker of Holdfast has. */
async function metricsOfWorker() {
  const { AggregatorRegistry, collectDefaultMetrics, Histogram } = await import("prom-client");
  new AggregatorRegistry();
  collectDefaultMetrics();
  const histogram = new Histogram({
    ...{ name: "http_request_duration_seconds", help: "Requests", labelNames: ["method", "code"] },
  });
  for (const method of ["GET", "POST"])
    for (const code of ["2xx", "3xx", "4xx", "5xx"]) histogram.observe({ method, code }, 0.02);
  process.send?.("ready");
}
