/** Sessions of a contender, begun as clients begin them, and the requests that carry them. */

import { randomBytes } from "node:crypto";
import { get, request as post } from "node:http";
import { pause } from "./children.mjs";

const PATH = "/socket.io/?EIO=4&transport=polling";
const AT_ONCE = 16;
/** Of each worker. */
const SESSIONS = 8;
const WITHIN_MS = 30_000;
const AGAIN_MS = 25;
/** As long as a tag, for contenders that give no cookie: all are sent the same number of bytes. */
const NO_TAG = "none";

/**
 * @typedef {object} Session
 * @property {number} worker pid of the one that began it
 * @property {string} sid of engine.io
 * @property {string} cookie what a browser would send
 *
 * @typedef {object} Ask a request, with what it is known by
 * @property {string} path
 * @property {string} cookie empty: none
 * @property {number | null} worker who has to answer; null: anyone
 */

/**
 * Begins sessions, on new connections, until each worker has some.
 * @param {number} port
 * @param {number} workers
 * @returns {Promise<Session[]>} all that were begun
 */
export async function beginSessions(port, workers) {
  /** @type {Session[]} */
  const begun = [];
  const deadline = performance.now() + WITHIN_MS;
  while (inTurns(begun).length < workers * SESSIONS) {
    if (performance.now() > deadline) {
      const met = new Set(begun.map(({ worker }) => worker)).size;
      throw new Error(
        `${begun.length} sessions on ${met} of ${workers} workers within ${WITHIN_MS} ms`,
      );
    }
    const results = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => begin(port)));
    begun.push(...results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
    await pause(AGAIN_MS);
  }
  return begun;
}

/**
 * As clients of Socket.IO do when they leave; a worker that drains would wait for them.
 * @param {number} port
 * @param {readonly Session[]} sessions
 */
export async function endSessions(port, sessions) {
  await Promise.allSettled(sessions.map(({ sid }) => endSession(port, sid)));
}

/**
 * As many sessions of each worker, one worker's after the other's.
 * @param {readonly Session[]} sessions
 */
function inTurns(sessions) {
  const pids = [...new Set(sessions.map(({ worker }) => worker))];
  const each = pids.map((pid) => sessions.filter(({ worker }) => worker === pid));
  const count = Math.min(SESSIONS, ...each.map((some) => some.length));
  return Array.from({ length: count }, (_, index) =>
    each.flatMap((some) => some[index] ?? []),
  ).flat();
}

/**
 * @param {readonly Session[]} sessions
 * @param {boolean} isSticky whether answers have to come from the session's worker
 * @returns {Ask[]}
 */
export function byCookie(sessions, isSticky) {
  return inTurns(sessions).map(({ cookie, worker }) => ({
    path: "/",
    cookie,
    worker: isSticky ? worker : null,
  }));
}

/**
 * @param {readonly Session[]} sessions
 * @returns {Ask[]}
 */
export function bySid(sessions) {
  return inTurns(sessions).map(({ sid, worker }) => ({
    path: `/?EIO=4&sid=${sid}`,
    cookie: "",
    worker,
  }));
}

/**
 * A handshake of Socket.IO, from a client that has the app's own cookie already.
 * @param {number} port
 * @returns {Promise<Session>}
 */
function begin(port) {
  const own = `session=${randomBytes(6).toString("base64url")}`;
  return new Promise((resolve, reject) => {
    const options = { port, path: PATH, host: "127.0.0.1", agent: false, timeout: 2000 };
    const request = get({ ...options, headers: { cookie: own } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        const worker = Number(response.headers["x-worker"]);
        const sid = /"sid":"([\w-]{20})"/.exec(text)?.[1];
        if (!worker || !sid)
          return reject(new Error(`no session but ${response.statusCode}: ${text}`));
        resolve({
          worker,
          sid,
          cookie: `${own}; holdfast-bench=${tagIn(response.headers) ?? NO_TAG}`,
        });
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", reject);
  });
}

/** @param {import("node:http").IncomingHttpHeaders} headers */
function tagIn(headers) {
  return /^holdfast-bench=([\w-]+)/.exec(headers["set-cookie"]?.[0] ?? "")?.[1];
}

/**
 * @param {number} port
 * @param {string} sid
 * @returns {Promise<void>}
 */
function endSession(port, sid) {
  return new Promise((resolve, reject) => {
    const path = `${PATH}&sid=${sid}`;
    const options = { port, path, host: "127.0.0.1", agent: false, timeout: 2000 };
    const request = post({ ...options, method: "POST" }, (response) => {
      response
        .resume()
        .on("end", () => resolve())
        .on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", reject);
    // The packet of engine.io that closes.
    request.end("1");
  });
}
