/** The Node everything is measured on, and what has to be installed for it and for the peers. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const NODES = fileURLToPath(new URL("../test/nodes", import.meta.url));
const PEERS = fileURLToPath(new URL("peers", import.meta.url));

export const HOLDFAST = fileURLToPath(new URL("../dist/bin/holdfast.cjs", import.meta.url));
export const PM2 = `${PEERS}/node_modules/pm2/bin/pm2`;
export const SOCKETIO_STICKY = `${PEERS}/node_modules/@socket.io/sticky/index.js`;
export const REDIS = `${PEERS}/node_modules/redis/dist/index.js`;
export const PM2_EXPORTER = `${PEERS}/node_modules/pm2-prometheus-exporter/exporter.js`;

/**
 * The binary: BENCH_NODE, or Node 24 of the tests where there is one for this machine, or this one.
 * @returns {{ path: string, version: string }}
 */
export function benchNode() {
  const path = process.env.BENCH_NODE ?? nodeOfTests() ?? process.execPath;
  const { stdout, status, error } = spawnSync(path, ["-p", "process.versions.node"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the Node to measure does not run: ${error ?? path}`);
  return { path, version: stdout.trim() };
}

function nodeOfTests() {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const path = binaryOf("node24");
  if (!existsSync(path)) install(NODES);
  return path;
}

/**
 * The Node at hand and, once they are installed, the newer ones of the tests.
 * @returns {{ path: string, version: string }[]}
 */
export function allNodes() {
  const manifest = JSON.parse(readFileSync(`${NODES}/package.json`, "utf8"));
  const newer = Object.entries(manifest.dependencies).map(([name, spec]) => ({
    path: binaryOf(name),
    version: String(spec).split("@")[1] ?? name,
  }));
  const own = { path: process.execPath, version: process.versions.node };
  return [own, ...newer.filter(({ path }) => existsSync(path))];
}

/** @param {string} name */
function binaryOf(name) {
  return `${NODES}/node_modules/${name}/bin/node`;
}

export function installPeers() {
  if (![PM2, PM2_EXPORTER, SOCKETIO_STICKY, REDIS].every((file) => existsSync(file)))
    install(PEERS);
}

/** @param {string} folder */
function install(folder) {
  const args = ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error("npm ci failed; is there a network?");
}
