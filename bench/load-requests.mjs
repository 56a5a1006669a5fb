/** The requests of a load: what is sent, what is known of the responses, and which one comes next. */

import { once } from "node:events";
import { connect } from "node:net";

/** Of a worker's pid, with blanks before it, at the end of a response. */
export const PID_CHARS = 8;
const ANSWER_WITHIN_MS = 5000;
const CONNECTIONS_MAX = 500;

/**
 * @typedef {import("./sticky-sessions.mjs").Ask} Ask
 *
 * @typedef {object} Request
 * @property {Buffer} bytes
 * @property {number | null} worker who has to answer; null: anyone
 * @property {number} size of the whole response
 * @property {boolean} isKept whether the connection stays open after it
 *
 * @typedef {{ port: number, host: string, isKeptAlive: boolean }} Target
 *
 * @typedef {object} Talk on one connection, one question after the other
 * @property {(bytes: Buffer) => Promise<string>} ask gives the whole response
 * @property {() => void} end
 */

/**
 * Asks once and measures the answer, head and body.
 * @param {Ask} ask
 * @param {Target} to
 * @returns {Promise<Request>}
 */
export async function probe(ask, to) {
  const talk = await open(to);
  try {
    return await measured(ask, to, talk);
  } finally {
    talk.end();
  }
}

/**
 * The same for many, each on a connection that came to the worker who has to answer: none is sent on by another.
 * @param {readonly Ask[]} asks
 * @param {Target} to
 * @returns {Promise<Request[]>}
 */
export async function probeOwn(asks, to) {
  /** @type {Map<Ask, Request>} */
  const known = new Map();
  for (let connections = 0; known.size < asks.length; connections++) {
    if (connections > CONNECTIONS_MAX) throw new Error("no connection came to some of the workers");
    const talk = await open(to);
    const text = await talk.ask(bytesOf({ path: "/", cookie: "", worker: null }, to));
    const own = Number(text.slice(-PID_CHARS));
    for (const ask of asks) {
      const isOwn = ask.worker === null || ask.worker === own;
      if (isOwn && !known.has(ask)) known.set(ask, await measured(ask, to, talk));
    }
    talk.end();
  }
  return asks.map((ask) => /** @type {Request} */ (known.get(ask)));
}

/**
 * @param {Ask} ask
 * @param {Target} to
 * @param {Talk} talk
 * @returns {Promise<Request>}
 */
async function measured(ask, to, talk) {
  const bytes = bytesOf(ask, to);
  const text = await talk.ask(bytes);
  const isKept = to.isKeptAlive && !/^connection: close/im.test(text);
  return { bytes, worker: ask.worker, size: text.length, isKept };
}

/**
 * @param {Ask} ask
 * @param {Target} to
 */
function bytesOf({ path, cookie }, { host, isKeptAlive }) {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    `Connection: ${isKeptAlive ? "keep-alive" : "close"}`,
    ...(cookie === "" ? [] : [`Cookie: ${cookie}`]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

/**
 * @param {Target} to
 * @returns {Promise<Talk>}
 */
async function open({ port, host }) {
  const socket = connect({ port, host });
  socket.setEncoding("latin1");
  socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error("no response in time")));
  await once(socket, "connect");
  return { ask: (bytes) => responseOn(socket, bytes), end: () => socket.destroy() };
}

/**
 * @param {import("node:net").Socket} socket
 * @param {Buffer} request
 * @returns {Promise<string>} the whole response
 */
function responseOn(socket, request) {
  return new Promise((resolve, reject) => {
    let text = "";
    const read = (/** @type {string} */ chunk) => {
      text += chunk;
      const body = text.indexOf("\r\n\r\n") + 4;
      const size = body + Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (body < 4 || text.length < size) return;
      socket.off("data", read).off("error", reject).off("end", ended);
      resolve(text);
    };
    const ended = () => reject(new Error(`no whole response but ${JSON.stringify(text)}`));
    socket.on("data", read).on("error", reject).on("end", ended);
    socket.write(request);
  });
}

/** Which request comes next on a connection. */
export class Choice {
  #plain;
  #all;
  /** @type {Map<number | null, Request[]>} */
  #ofWorker = new Map();
  isByTurns;
  /** Whether a connection begins without a session, to learn which worker it came to. */
  beginsPlain;

  /**
   * @param {Request} plain without a session
   * @param {readonly Request[]} all
   * @param {string} by "chance", "own" or "turns"
   */
  constructor(plain, all, by) {
    this.#plain = plain;
    this.#all = all;
    this.isByTurns = by === "turns";
    this.beginsPlain = by !== "chance";
    for (const request of all) {
      const { worker } = request;
      this.#ofWorker.set(worker, [...(this.#ofWorker.get(worker) ?? []), request]);
    }
  }

  /** On a new connection. */
  begin() {
    return this.beginsPlain ? this.#plain : any(this.#all);
  }

  /**
   * @param {number} turn
   * @param {number} worker the one the connection came to
   */
  next(turn, worker) {
    if (this.isByTurns) return this.#all[turn % this.#all.length] ?? this.#plain;
    return any(this.#ofWorker.get(worker) ?? this.#all);
  }
}

/** @param {readonly Request[]} requests at least one */
function any(requests) {
  return /** @type {Request} */ (requests[Math.floor(Math.random() * requests.length)]);
}

/**
 * @param {Buffer} buffer
 * @param {number} from
 */
export function pidAt(buffer, from) {
  let pid = 0;
  for (let index = from; index < from + PID_CHARS; index++) {
    const char = buffer[index] ?? 0;
    if (char !== 0x20) pid = pid * 10 + char - 0x30;
  }
  return pid;
}
