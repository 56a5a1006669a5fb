// One of the two processes of a turn of the benchmark `bus`: the first argument or BENCH_ROLE says which,
// send | listen | ask | serve | enqueue, BENCH_OVER by what. It says on stdout `pid ROLE PID`, `ready`, and the one that
// measures `begin` and `end {...}`.
import { transport } from "./bus-over.mjs";
import { Latencies } from "./latencies.mjs";

const role = process.env.BENCH_ROLE ?? "";
const seconds = Number(process.env.BENCH_SECONDS);
const warmupMs = Number(process.env.BENCH_WARMUP) * 1000;
const MESSAGE_BYTES = 100;
/** With all its numbers as long as this one, every message is. */
const FIRST = 10_000_000;
const IN_FLIGHT = 200;

const text = "x".repeat(MESSAGE_BYTES - JSON.stringify({ n: FIRST, text: "" }).length);
let last = FIRST;

/** @returns {import("./bus-over.mjs").Message} */
function next() {
  last += 1;
  return { n: last, text };
}

say(`pid ${role} ${process.pid}`);
const over = await transport(process.env.BENCH_OVER ?? "");
const roles = { send, listen, ask, serve, enqueue };
await roles[/** @type {keyof typeof roles} */ (role)]();

async function send() {
  await over.pump(next);
}

/** Counts what comes, from a while after the first message on. */
async function listen() {
  const counted = { messages: 0, lost: 0 };
  let before = 0;
  await over.listen(({ n }) => {
    counted.messages += 1;
    if (before === 0) void measure(counted);
    else counted.lost += Math.abs(n - before - 1);
    before = n;
  });
  ready();
}

async function serve() {
  await over.serve((message) => message);
  ready();
}

/** One after the other. */
async function ask() {
  const counted = { messages: 0, wrong: 0 };
  const latencies = new Latencies();
  let isMeasuring = false;
  void measure(
    counted,
    () => {
      isMeasuring = true;
    },
    latencies,
  );
  for (;;) {
    const message = next();
    const since = performance.now();
    const answer = await over.ask(message);
    if (isMeasuring) latencies.add(performance.now() - since);
    counted.messages += 1;
    if (answer.n !== message.n) counted.wrong += 1;
  }
}

/** So many under way at once, each followed by the next when it is committed. */
async function enqueue() {
  const counted = { messages: 0 };
  const latencies = new Latencies();
  let isMeasuring = false;
  const one = async () => {
    for (;;) {
      const since = performance.now();
      await over.enqueue?.(next());
      if (isMeasuring) latencies.add(performance.now() - since);
      counted.messages += 1;
    }
  };
  for (let count = 0; count < IN_FLIGHT; count++) void one();
  await measure(
    counted,
    () => {
      isMeasuring = true;
    },
    latencies,
  );
}

/**
 * @param {Record<string, number> & { messages: number }} counted
 * @param {() => void} [begun]
 * @param {Latencies} [latencies]
 */
async function measure(counted, begun = () => {}, latencies = new Latencies()) {
  await pause(warmupMs);
  const before = { ...counted };
  const since = performance.now();
  begun();
  say("begin");
  await pause(seconds * 1000);
  const tookMs = performance.now() - since;
  const { messages, ...errors } = counted;
  const perSecond = ((messages - before.messages) / tookMs) * 1000;
  const [p50Ms, p99Ms] = [latencies.quantile(0.5), latencies.quantile(0.99)];
  say(`end ${JSON.stringify({ perSecond, p50Ms, p99Ms, errors })}`);
}

/** A worker of Holdfast says so to its supervisor as well, or is asked nothing. */
function ready() {
  say("ready");
  if (process.env.BENCH_OVER === "holdfast") process.send?.("ready");
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
