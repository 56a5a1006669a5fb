/** The ways to keep a session on its worker that are compared, and some that do not. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "./children.mjs";
import { freePort, launch, ofChildren } from "./contenders.mjs";
import { HOLDFAST, installPeers, SOCKETIO_STICKY } from "./nodes.mjs";
import { beginSessions, endSessions } from "./sticky-sessions.mjs";
import { whenAllAnswer } from "./workers.mjs";

const APP = fileURLToPath(new URL("sticky-app.mjs", import.meta.url));
const CLUSTER = fileURLToPath(new URL("cluster.mjs", import.meta.url));
const PRIMARY = fileURLToPath(new URL("sticky-primary.mjs", import.meta.url));

/**
 * @typedef {import("./contenders.mjs").Setting} Setting
 * @typedef {import("./contenders.mjs").Started} Started
 * @typedef {import("./contenders.mjs").Running & { sessions: readonly import("./sticky-sessions.mjs").Session[] }} Running
 */

/** @type {Record<string, (setting: Setting) => Started | Promise<Started>>} */
const STARTERS = {
  cluster,
  reusePort,
  socketio: (setting) => socketio(setting, "least-connection"),
  socketioRR: (setting) => socketio(setting, "round-robin"),
  nginx,
  off: (setting) => holdfast(setting, null),
  on: (setting) => holdfast(setting, true),
  placed: (setting) => holdfast(setting, { placement: "least-loaded" }),
};

/** All but `placed`, which has a test of its own. */
export const STICKY_CONTENDERS = [
  ...["cluster", "reusePort", "socketio", "socketioRR", "nginx", "off", "on"],
];

/** Why a contender cannot run on this machine; undefined where it can. */
export function missing(/** @type {string} */ name) {
  if (name !== "nginx") return undefined;
  const { error } = spawnSync("nginx", ["-v"], { stdio: "ignore" });
  return error ? "nginx is not installed: left out" : undefined;
}

/**
 * Starts a contender and begins sessions with all of its workers.
 * @param {string} name
 * @param {Omit<Setting, "port">} setting
 * @returns {Promise<Running>}
 */
export async function startSticky(name, setting) {
  const starter = STARTERS[name];
  if (!starter)
    throw new Error(`no contender "${name}"; there are ${STICKY_CONTENDERS.join(", ")}`);
  /** @type {import("./sticky-sessions.mjs").Session[]} */
  let sessions = [];
  const running = await launch(name, starter, setting, async (port, count, { backends = [] }) => {
    // nginx passes over for seconds whom it has found closed, and a session would seem another worker's.
    await Promise.all(backends.map((each) => whenAllAnswer(each, 1)));
    sessions = await beginSessions(port, count);
    return [...new Set(sessions.map(({ worker }) => worker))];
  });
  const stop = async () => {
    await endSessions(running.port, sessions);
    await running.stop();
  };
  return { ...running, sessions, stop };
}

/** @param {Setting} setting */
function cluster({ node, workers, port }) {
  const env = { PORT: String(port), BENCH_WORKERS: String(workers), BENCH_APP: APP };
  return ofChildren([start(node, [CLUSTER], { env })]);
}

/**
 * Single processes that listen side by side: nothing can cost less.
 * @param {Setting} setting
 */
function reusePort({ node, workers, port }) {
  const env = { PORT: String(port), BENCH_REUSE_PORT: "1" };
  return ofChildren(Array.from({ length: workers }, () => start(node, [APP], { env })));
}

/**
 * @param {Setting} setting
 * @param {string} balancing where a client without a session goes
 */
function socketio({ node, workers, port }, balancing) {
  installPeers();
  const env = {
    PORT: String(port),
    BENCH_WORKERS: String(workers),
    BENCH_SOCKETIO_STICKY: SOCKETIO_STICKY,
    BENCH_BALANCING: balancing,
  };
  return ofChildren([start(node, [PRIMARY], { env })]);
}

/**
 * Single processes behind nginx, which knows a session by the app's own cookie. A client without one is spread.
 * @param {Setting} setting
 */
async function nginx({ node, workers, port }) {
  const ports = await Promise.all(Array.from({ length: workers }, freePort));
  const apps = ports.map((each) => start(node, [APP], { env: { PORT: String(each) } }));
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  mkdirSync(join(folder, "logs"));
  writeFileSync(join(folder, "nginx.conf"), nginxConfig(port, ports));
  const proxy = start("nginx", ["-p", folder, "-c", "nginx.conf", "-e", "stderr"]);
  const started = ofChildren([proxy, ...apps]);
  const stop = async () => {
    await started.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...started, stop, backends: ports };
}

/**
 * @param {number} port
 * @param {readonly number[]} ports of the single processes
 */
function nginxConfig(port, ports) {
  return `
daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  map $cookie_session $client { "" $request_id; default $cookie_session; }
  upstream workers {
    hash $client consistent;
    ${ports.map((each) => `server 127.0.0.1:${each};`).join("\n    ")}
    keepalive 64;
    # Less than Node's, which would close under a request: nginx then holds the worker for dead.
    keepalive_timeout 4s;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000000;
    location / {
      proxy_pass http://workers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

/**
 * @param {Setting} setting
 * @param {unknown} sticky the option of that name
 */
function holdfast({ node, workers, port }, sticky) {
  if (!existsSync(HOLDFAST)) throw new Error("there is no build: npm run build");
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const file = join(folder, "holdfast.config.json");
  writeFileSync(file, JSON.stringify({ name: "bench", script: APP, instances: workers, sticky }));
  const env = { PORT: String(port) };
  const started = ofChildren([start(node, [HOLDFAST, "run", file], { env })]);
  const stop = async () => {
    await started.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...started, stop };
}
