/** The requests of a load: what is sent, what is known of the responses, and which one comes next. */

import { connect } from "node:net";

/** Of a worker's pid, with blanks before it, at the end of a response. */
export const PID_CHARS = 8;
const ANSWER_WITHIN_MS = 5000;

/**
 * @typedef {import("./sticky-sessions.mjs").Ask} Ask
 *
 * @typedef {object} Request
 * @property {Buffer} bytes
 * @property {number | null} worker who has to answer; null: anyone
 * @property {number} size of the whole response
 * @property {boolean} isKept whether the connection stays open after it
 */

/**
 * Asks once and measures the answer, head and body.
 * @param {Ask} ask
 * @param {{ port: number, host: string, isKeptAlive: boolean }} to
 * @returns {Promise<Request>}
 */
export async function probe({ path, cookie, worker }, { port, host, isKeptAlive }) {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    `Connection: ${isKeptAlive ? "keep-alive" : "close"}`,
    ...(cookie === "" ? [] : [`Cookie: ${cookie}`]),
  ];
  const bytes = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  const text = await responseTo(bytes, { port, host });
  const isKept = isKeptAlive && !/^connection: close/im.test(text);
  return { bytes, worker, size: text.length, isKept };
}

/**
 * @param {Buffer} request
 * @param {{ port: number, host: string }} to
 * @returns {Promise<string>} the whole response
 */
function responseTo(request, to) {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(to, () => socket.write(request));
    socket.setEncoding("latin1").on("data", (/** @type {string} */ chunk) => {
      text += chunk;
      const body = text.indexOf("\r\n\r\n") + 4;
      const size = body + Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (body < 4 || text.length < size) return;
      socket.destroy();
      resolve(text);
    });
    socket.on("error", reject);
    socket.on("end", () => reject(new Error(`no whole response but ${JSON.stringify(text)}`)));
    socket.setTimeout(ANSWER_WITHIN_MS, () => reject(new Error("no response in time")));
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
