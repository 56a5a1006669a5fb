// The load of WebSockets, a process of its own: on each connection one message of 1 kB at a time, and its echo.
// With --elsewhere each connection first asks which worker it came to, and then, upgrading with another's session,
// has to be handed over; otherwise it is whose it comes to. Prints one line of JSON at the end.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { Latencies } from "./latencies.mjs";
import { PID_CHARS, pidAt } from "./load-requests.mjs";
import { measureAndEnd } from "./load-window.mjs";

const HOST = "127.0.0.1";
const MESSAGE_BYTES = 1024;
/** A frame of so many bytes with a 16-bit length: 2 + 2, and from a client 4 of mask. */
const ECHO_BYTES = MESSAGE_BYTES + 4;
const OPEN_WITHIN_MS = 10_000;
const STALLED_AFTER_MS = 1000;

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    connections: { type: "string" },
    seconds: { type: "string" },
    warmup: { type: "string" },
    asks: { type: "string", default: "[]" },
    elsewhere: { type: "boolean", default: false },
  },
});
const port = Number(values.port);
const MESSAGE = frame(Buffer.alloc(MESSAGE_BYTES, "a message of a client "));

const tally = {
  latencies: new Latencies(),
  counted: 0,
  total: 0,
  isCounting: false,
  errors: { reset: 0, closed: 0, wrong: 0, stalled: 0 },
};

/** An established WebSocket that is kept busy. */
class Echo {
  #socket;
  #received = 0;
  #sentAt = 0;

  /**
   * @param {import("node:net").Socket} socket
   */
  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#heard(chunk));
    socket.on("error", () => tally.errors.reset++);
    socket.on("close", () => tally.errors.closed++);
  }

  send() {
    this.#received = 0;
    this.#sentAt = performance.now();
    this.#socket.write(MESSAGE);
  }

  isStalled() {
    return performance.now() - this.#sentAt > STALLED_AFTER_MS;
  }

  /** @param {Buffer} chunk */
  #heard(chunk) {
    // A whole frame of text, its length in 16 bits.
    if (this.#received === 0 && (chunk[0] !== 0x81 || chunk[1] !== 126)) tally.errors.wrong++;
    this.#received += chunk.length;
    if (this.#received < ECHO_BYTES) return;
    if (this.#received > ECHO_BYTES) tally.errors.wrong++;
    tally.total++;
    if (tally.isCounting) {
      tally.counted++;
      tally.latencies.add(performance.now() - this.#sentAt);
    }
    this.send();
  }
}

/**
 * Text of a client: final, masked.
 * @param {Buffer} payload
 */
function frame(payload) {
  const mask = randomBytes(4);
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, mask, masked]);
}

/**
 * Opens connections until one comes to another worker than the session's, and upgrades there.
 * @param {import("./sticky-sessions.mjs").Ask | undefined} ask undefined: no session
 */
async function open(ask) {
  const deadline = performance.now() + OPEN_WITHIN_MS;
  while (performance.now() < deadline) {
    const socket = connect({ port, host: HOST, noDelay: true });
    if (ask && values.elsewhere && (await workerOf(socket)) === ask.worker) {
      socket.destroy();
      continue;
    }
    await upgrade(socket, ask);
    return new Echo(socket);
  }
  throw new Error(`no connection came to another worker within ${OPEN_WITHIN_MS} ms`);
}

/** @param {import("node:net").Socket} socket */
async function workerOf(socket) {
  const body = /content-length: (\d+)/i;
  const answer = await exchange(socket, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, (text) => {
    const head = text.indexOf("\r\n\r\n") + 4;
    return head >= 4 && text.length >= head + Number(body.exec(text)?.[1]);
  });
  return pidAt(Buffer.from(answer, "latin1"), answer.length - PID_CHARS);
}

/**
 * @param {import("node:net").Socket} socket
 * @param {import("./sticky-sessions.mjs").Ask | undefined} ask
 */
async function upgrade(socket, ask) {
  const lines = [
    "GET /ws HTTP/1.1",
    `Host: ${HOST}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ...(ask ? [`Cookie: ${ask.cookie}`] : []),
  ];
  const text = `${lines.join("\r\n")}\r\n\r\n`;
  const answer = await exchange(socket, text, (all) => all.includes("\r\n\r\n"));
  const worker = Number(/^x-worker: (\d+)/im.exec(answer)?.[1]);
  if (!answer.startsWith("HTTP/1.1 101 ")) throw new Error(`not upgraded: ${answer}`);
  if (ask && ask.worker !== null && ask.worker !== worker) {
    throw new Error(`upgraded by ${worker} instead of ${ask.worker}`);
  }
}

/**
 * @param {import("node:net").Socket} socket
 * @param {string} request
 * @param {(text: string) => boolean} isWhole
 * @returns {Promise<string>}
 */
function exchange(socket, request, isWhole) {
  return new Promise((resolve, reject) => {
    let text = "";
    const heard = (/** @type {Buffer} */ chunk) => {
      text += chunk.toString("latin1");
      if (!isWhole(text)) return;
      for (const event of ["data", "error", "close", "timeout"]) socket.removeAllListeners(event);
      socket.setTimeout(0);
      resolve(text);
    };
    socket.on("data", heard).on("error", reject);
    socket.on("close", () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
    socket.setTimeout(OPEN_WITHIN_MS, () => reject(new Error(`no answer but ${text}`)));
    socket.write(request);
  });
}

/** @type {readonly import("./sticky-sessions.mjs").Ask[]} */
const asks = JSON.parse(values.asks);
const echoes = await Promise.all(
  Array.from({ length: Number(values.connections) }, (_, index) =>
    open(asks[index % Math.max(asks.length, 1)]),
  ),
);
for (const echo of echoes) echo.send();
const pace = { warmup: Number(values.warmup), seconds: Number(values.seconds) };
await measureAndEnd(tally, echoes, pace);
