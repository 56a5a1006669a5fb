// The load, a process of its own. It keeps every connection busy with one request at a time, either a
// new connection for each request or the same one for all, and prints one line of JSON at the end.
// Sockets read into a buffer of their own and the response is known beforehand, so it only counts bytes.
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { Latencies } from "./latencies.mjs";

/** A request without an answer for so long at the end is a stalled one. */
const STALLED_AFTER_MS = 1000;
/** After a fault, so that a dead server is not stormed. */
const RETRY_AFTER_MS = 10;
const HOST = "127.0.0.1";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    mode: { type: "string" },
    connections: { type: "string" },
    seconds: { type: "string" },
    warmup: { type: "string" },
  },
});
const port = Number(values.port);
const isKeptAlive = values.mode === "keep-alive";
const header = isKeptAlive ? "keep-alive" : "close";
const request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: ${header}\r\n\r\n`);

/** What has been seen so far. */
class Tally {
  latencies = new Latencies();
  /** In the window that counts, and over all. */
  counted = 0;
  total = 0;
  isCounting = false;
  errors = { refused: 0, reset: 0, truncated: 0, wrong: 0, stalled: 0 };

  /** @param {number} ms */
  answered(ms) {
    this.total++;
    if (!this.isCounting) return;
    this.counted++;
    this.latencies.add(ms);
  }
}

/** One connection after the other, or one for ever; never two at once. */
class Slot {
  #tally;
  #size;
  #buffer = Buffer.allocUnsafe(4096);
  #received = 0;
  #sentAt = 0;
  #isAnswered = false;
  #isFaulty = false;
  /** @type {import("node:net").Socket | undefined} */
  #socket;

  /**
   * @param {Tally} tally
   * @param {number} size of the whole response
   */
  constructor(tally, size) {
    this.#tally = tally;
    this.#size = size;
  }

  open() {
    this.#begin();
    const onread = {
      buffer: this.#buffer,
      callback: (/** @type {number} */ bytes) => this.#heard(bytes),
    };
    // The latency of a new connection includes the handshake.
    const socket = connect({ port, host: HOST, noDelay: true, onread });
    this.#socket = socket;
    socket.on("connect", () => socket.write(request));
    socket.on("error", (/** @type {NodeJS.ErrnoException} */ error) => this.#failed(error));
    socket.on("close", () => this.#closed());
  }

  isStalled() {
    return !this.#isAnswered && performance.now() - this.#sentAt > STALLED_AFTER_MS;
  }

  #begin() {
    this.#received = 0;
    this.#isAnswered = false;
    this.#isFaulty = false;
    this.#sentAt = performance.now();
  }

  /** @param {number} bytes */
  #heard(bytes) {
    if (this.#received === 0 && !isOk(this.#buffer)) this.#fault("wrong");
    this.#received += bytes;
    if (this.#received > this.#size) this.#fault("wrong");
    if (this.#received !== this.#size) return true;
    this.#isAnswered = true;
    this.#tally.answered(performance.now() - this.#sentAt);
    if (!isKeptAlive) return true;
    this.#begin();
    this.#socket?.write(request);
    return true;
  }

  /** @param {NodeJS.ErrnoException} error */
  #failed(error) {
    this.#fault(error.code === "ECONNREFUSED" ? "refused" : "reset");
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
    this.#socket?.destroy();
  }
}

/** @param {Buffer} head of a response: "HTTP/1.1 200" */
function isOk(head) {
  return head[9] === 0x32 && head[10] === 0x30 && head[11] === 0x30;
}

/**
 * Asks once and measures the answer, head and body.
 * @returns {Promise<number>}
 */
function sizeOfResponse() {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ port, host: HOST }, () => socket.write(request));
    socket.setEncoding("latin1").on("data", (/** @type {string} */ chunk) => {
      text += chunk;
      const body = text.indexOf("\r\n\r\n") + 4;
      const size = body + Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (body < 4 || text.length < size) return;
      socket.destroy();
      resolve(size);
    });
    socket.on("error", reject);
    socket.on("end", () => reject(new Error(`no whole response but ${JSON.stringify(text)}`)));
    socket.setTimeout(5000, () => reject(new Error("no response within 5 s")));
  });
}

/** @param {number} seconds */
function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

const size = await sizeOfResponse();
const tally = new Tally();
const slots = Array.from({ length: Number(values.connections) }, () => new Slot(tally, size));
for (const slot of slots) slot.open();
await pause(Number(values.warmup));
tally.isCounting = true;
const begin = performance.now();
await pause(Number(values.seconds));
tally.isCounting = false;
const seconds = (performance.now() - begin) / 1000;
tally.errors.stalled = slots.filter((slot) => slot.isStalled()).length;
const { user, system } = process.cpuUsage();
const result = {
  seconds,
  counted: tally.counted,
  total: tally.total,
  errors: tally.errors,
  latencies: tally.latencies.counts(),
  cpuMs: (user + system) / 1000,
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
