/** The loads of the sticky benchmark, and who takes part in each. */

import { fileURLToPath } from "node:url";
import { byCookie, bySid } from "./sticky-sessions.mjs";
import { LOAD, runLoad } from "./turn.mjs";

const ECHO_LOAD = fileURLToPath(new URL("sticky-echo-load.mjs", import.meta.url));
/** @type {readonly import("./sticky-sessions.mjs").Ask[]} */
const NO_SESSION = [{ path: "/", cookie: "", worker: null }];

/**
 * @typedef {import("./sticky-contenders.mjs").Running} Running
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title
 * @property {import("./turn.mjs").Mode} mode
 * @property {readonly string[]} contenders
 * @property {readonly string[]} close to each other, so that they take their turns in every round
 * @property {(running: Running) => import("./turn.mjs").Loader} loader
 */

/** @type {readonly Case[]} */
export const CASES = [
  {
    name: "matched",
    title: "Keep-alive, requests with a cookie; for `on` of the worker that the connection came to",
    mode: "keep-alive",
    contenders: ["cluster", "nginx", "off", "on"],
    close: ["off", "on"],
    loader: (running) => requests(withCookie(running), "own"),
  },
  {
    name: "used",
    title: "The same, after each session's first request came to any worker and was forwarded",
    mode: "keep-alive",
    contenders: ["on"],
    close: [],
    loader: (running) => requests(withCookie(running), "own", ["--astray"]),
  },
  {
    name: "mixed",
    title: "Keep-alive, requests of all workers' sessions in turns: 3 of 4 are forwarded",
    mode: "keep-alive",
    contenders: ["on"],
    close: [],
    loader: (running) => requests(withCookie(running), "turns"),
  },
  {
    name: "sid",
    title:
      "Keep-alive as far as the server lets it be, requests with a sid of Socket.IO; `on` as above",
    mode: "keep-alive",
    contenders: ["socketio", "on"],
    close: [],
    loader: ({ name, sessions }) => requests(bySid(sessions), name === "on" ? "own" : "chance"),
  },
  {
    name: "new",
    title: "A new connection for each request, no session; from `on` each gets a cookie",
    mode: "connection",
    contenders: ["cluster", "reusePort", "nginx", "off", "socketio", "socketioRR", "on"],
    close: [],
    loader: () => requests(NO_SESSION, "chance"),
  },
  {
    name: "returning",
    title: "A new connection for each request, each with some worker's session",
    mode: "connection",
    contenders: ["nginx", "socketio", "on"],
    close: [],
    loader: (running) =>
      requests(
        running.name === "socketio" ? bySid(running.sessions) : withCookie(running),
        "chance",
      ),
  },
  {
    name: "echo",
    title: "WebSockets, 1 kB of text and its echo; for `on` all were handed over",
    mode: "keep-alive",
    contenders: ["cluster", "on"],
    close: ["cluster", "on"],
    loader: ({ name, sessions }) => (name === "on" ? echoes(byCookie(sessions, true)) : echoes([])),
  },
];

/** @param {Running} running */
function withCookie({ name, sessions }) {
  return byCookie(sessions, name === "on" || name === "nginx");
}

/**
 * @param {readonly import("./sticky-sessions.mjs").Ask[]} asks
 * @param {"chance" | "own" | "turns"} by
 * @param {readonly string[]} more arguments
 * @returns {import("./turn.mjs").Loader}
 */
function requests(asks, by, more = []) {
  const args = ["--asks", JSON.stringify(asks), "--by", by, ...more];
  return (node, port, mode, pace) => runLoad(node, LOAD, port, pace, ["--mode", mode, ...args]);
}

/**
 * @param {readonly import("./sticky-sessions.mjs").Ask[]} asks
 * @returns {import("./turn.mjs").Loader}
 */
function echoes(asks) {
  const more = asks.length > 0 ? ["--asks", JSON.stringify(asks), "--elsewhere"] : [];
  return (node, port, _mode, pace) => runLoad(node, ECHO_LOAD, port, pace, more);
}
