// The load, a process of its own. It keeps every connection busy with one request at a time, either a
// new connection for each request or the same one for all, and prints one line of JSON at the end.
// Sockets read into a buffer of their own and the response is known beforehand, so it only counts bytes.
// With --asks it sends those requests (JSON) and looks which worker answered: the last characters of the response.
//   --by chance   any of them, and the same one as long as the connection lasts
//   --by own      after one without a session, those of the worker that the connection came to
//     --astray    each once through any worker first
//   --by turns    after one without a session, all of them in turns on each connection
import { parseArgs } from "node:util";
import { Latencies } from "./latencies.mjs";
import { Line } from "./load-line.mjs";
import { Choice, PID_CHARS, pidAt, probe, probeOwn } from "./load-requests.mjs";
import { measureAndEnd } from "./load-window.mjs";

/** A request without an answer for so long at the end is a stalled one. */
const STALLED_AFTER_MS = 1000;
/** After a fault, so that a dead server is not stormed. */
const RETRY_AFTER_MS = 10;
const HOST = "127.0.0.1";
const PLAIN = { path: "/", cookie: "", worker: null };

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    mode: { type: "string" },
    connections: { type: "string" },
    seconds: { type: "string" },
    warmup: { type: "string" },
    asks: { type: "string" },
    by: { type: "string", default: "chance" },
    astray: { type: "boolean", default: false },
  },
});
const port = Number(values.port);
const isKeptAlive = values.mode === "keep-alive";

/** What has been seen so far. */
class Tally {
  latencies = new Latencies();
  /** In the window that counts, and over all. */
  counted = 0;
  total = 0;
  /** Of those counted, answered by another worker than the connection's. */
  elsewhere = 0;
  isCounting = false;
  errors = { refused: 0, reset: 0, truncated: 0, wrong: 0, misrouted: 0, stalled: 0 };

  /**
   * @param {number} ms
   * @param {boolean} isElsewhere
   */
  answered(ms, isElsewhere) {
    this.total++;
    if (!this.isCounting) return;
    this.counted++;
    if (isElsewhere) this.elsewhere++;
    this.latencies.add(ms);
  }
}

/** One connection after the other, or one for ever; never two at once. */
class Slot {
  #tally;
  #choice;
  #request;
  #buffer = Buffer.allocUnsafe(4096);
  /** The end of what came of a response in pieces. */
  #tail = Buffer.alloc(0);
  #received = 0;
  #sentAt = 0;
  #isAnswered = false;
  #isFaulty = false;
  /** The worker this connection came to, where that is known. */
  #own = 0;
  #turn = 0;
  /** @type {Line | undefined} */
  #line;

  /**
   * @param {Tally} tally
   * @param {Choice} choice
   * @param {number} turn where in the turns this connection begins
   */
  constructor(tally, choice, turn) {
    this.#tally = tally;
    this.#choice = choice;
    this.#turn = turn;
    this.#request = choice.begin();
  }

  open() {
    this.#own = 0;
    this.#request = this.#choice.begin();
    this.#begin();
    // The latency of a new connection includes the handshake.
    const line = new Line(
      { port, host: HOST, buffer: this.#buffer },
      {
        connected: () => line.write(this.#request.bytes),
        heard: (bytes) => this.#heard(bytes),
        failed: (code) => this.#fault(code === "ECONNREFUSED" ? "refused" : "reset"),
        closed: () => this.#closed(),
      },
    );
    this.#line = line;
  }

  isStalled() {
    return !this.#isAnswered && performance.now() - this.#sentAt > STALLED_AFTER_MS;
  }

  #begin() {
    this.#received = 0;
    if (this.#tail.length > 0) this.#tail = Buffer.alloc(0);
    this.#isAnswered = false;
    this.#isFaulty = false;
    this.#sentAt = performance.now();
  }

  /** @param {number} bytes */
  #heard(bytes) {
    if (this.#received === 0 && !isOk(this.#buffer)) this.#fault("wrong");
    this.#received += bytes;
    const { size, isKept } = this.#request;
    if (this.#received > size) this.#fault("wrong");
    if (this.#received !== size) {
      if (isTold) this.#keep(bytes);
      return;
    }
    this.#isAnswered = true;
    if (isTold) this.#told(bytes);
    else this.#tally.answered(performance.now() - this.#sentAt, false);
    if (!isKept || this.#isFaulty) return;
    this.#begin();
    this.#line?.write(this.#request.bytes);
  }

  /** @param {number} bytes */
  #keep(bytes) {
    this.#tail = Buffer.concat([this.#tail, this.#buffer.subarray(0, bytes)]).subarray(-PID_CHARS);
  }

  /**
   * Somebody has answered: the right one?
   * @param {number} bytes the last ones
   */
  #told(bytes) {
    const ms = performance.now() - this.#sentAt;
    let from = bytes - PID_CHARS;
    if (from < 0) {
      this.#keep(bytes);
      from = 0;
      this.#tail.copy(this.#buffer);
    }
    const worker = pidAt(this.#buffer, from);
    const { worker: wanted } = this.#request;
    if (wanted !== null && wanted !== worker) return this.#fault("misrouted");
    if (!this.#choice.beginsPlain) return this.#tally.answered(ms, false);
    const isFirst = this.#own === 0;
    if (isFirst) this.#own = worker;
    this.#tally.answered(ms, worker !== this.#own);
    if (isFirst || this.#choice.isByTurns) {
      this.#request = this.#choice.next(this.#turn++, this.#own);
    }
  }

  #closed() {
    if (!this.#isAnswered) this.#fault("truncated");
    if (this.#isFaulty) setTimeout(() => this.open(), RETRY_AFTER_MS);
    else this.open();
  }

  /**
   * Counts the first fault of a request only.
   * @param {keyof Tally["errors"]} kind
   */
  #fault(kind) {
    if (!this.#isFaulty) this.#tally.errors[kind]++;
    this.#isFaulty = true;
    this.#line?.destroy();
  }
}

/** @param {Buffer} head of a response: "HTTP/1.1 200" */
function isOk(head) {
  return head[9] === 0x32 && head[10] === 0x30 && head[11] === 0x30;
}

/** @type {import("./load-requests.mjs").Ask[]} */
const asks = values.asks === undefined ? [PLAIN] : JSON.parse(values.asks);
const to = { port, host: HOST, isKeptAlive };
const choice = new Choice(
  await probe(PLAIN, to),
  // The first request that is forwarded teaches V8 a second kind of socket, and every later one is dearer for it.
  values.by === "own" && !values.astray
    ? await probeOwn(asks, to)
    : await Promise.all(asks.map((ask) => probe(ask, to))),
  values.by,
);
/** Answers tell who gave them. */
const isTold = values.asks !== undefined;
const tally = new Tally();
const slots = Array.from(
  { length: Number(values.connections) },
  (_, index) => new Slot(tally, choice, index),
);
for (const slot of slots) slot.open();
const pace = { warmup: Number(values.warmup), seconds: Number(values.seconds) };
await measureAndEnd(tally, slots, pace);
