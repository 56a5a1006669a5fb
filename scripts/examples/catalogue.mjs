// The folders of examples/, and what each needs beside itself.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "examples");
export const FILE = "ecosystem.config.json";

/**
 * @typedef {object} Needs
 * @property {readonly string[]} [servers] Names of examples/servers.sh.
 * @property {number} [supervisors] More than one: each has a port of its own, PORT and those after it.
 * @property {boolean} [queues] Durable queues, in a folder that is gone afterwards.
 */

/** @type {Readonly<Record<string, Needs>>} */
const NEEDS = {
  "amqp-jobs": { servers: ["rabbitmq"] },
  "kafka-consumers": { servers: ["kafka"] },
  "mqtt-telemetry": { servers: ["mosquitto"] },
  "redis-pubsub": { servers: ["redis"], supervisors: 2 },
};

/** Every example that is an app, by name. */
export function examples() {
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, FILE)));
  return names.sort().map(described);
}

/** @param {string} name */
function described(name) {
  const { servers = [], supervisors = 1, queues = false } = NEEDS[name] ?? {};
  const path = join(folder, name);
  return { name, folder: path, title: titleOf(path), servers, supervisors, queues };
}

/** @param {string} path */
function titleOf(path) {
  const file = join(path, "README.md");
  const [first = ""] = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  return first.replace(/^# */, "");
}
