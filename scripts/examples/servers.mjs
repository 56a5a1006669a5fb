// What examples/servers.sh does, for the examples' runner.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "./catalogue.mjs";

const script = join(root, "examples/servers.sh");

/** The variable that names each server: who sets it has a server of his own. */
const VARIABLES = {
  kafka: "KAFKA_BROKERS",
  mosquitto: "MQTT_URL",
  rabbitmq: "AMQP_URL",
  redis: "REDIS_URL",
};

/**
 * How each server is: `running`, `taken` (somebody else's), `stopped`, `missing`, or `given` by a variable.
 * @param {readonly string[]} names
 * @returns {Readonly<Record<string, string>>}
 */
export function statesOf(names) {
  if (names.length === 0) return {};
  const { status, stdout, error } = spawnSync(script, ["status", ...names], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${script} status failed: ${error?.message ?? status}`);
  const lines = stdout.trim().split("\n");
  const found = Object.fromEntries(lines.map((line) => line.split(/ +/).slice(0, 2)));
  const given = names.filter((name) => process.env[VARIABLES[name]]);
  return { ...found, ...Object.fromEntries(given.map((name) => [name, "given"])) };
}

/**
 * Starts what is not there. `env` names all of them; `stop` ends those that were started here.
 * @param {readonly string[]} names
 */
export async function startServers(names) {
  const states = statesOf(names);
  const missing = names.filter((name) => states[name] === "missing");
  if (missing.length > 0) {
    const variables = missing.map((name) => VARIABLES[name]);
    throw new Error(
      `It needs ${missing.join(", ")}, not installed here. \`examples/servers.sh install ${missing.join(" ")}\` installs it, ` +
        `and ${variables.join(", ")} in the environment names one that is elsewhere.`,
    );
  }
  const asked = names.filter((name) => states[name] !== "given");
  const started = asked.filter((name) => states[name] === "stopped");
  const stop = async () => {
    if (started.length > 0) await run("stop", started);
  };
  try {
    const said = asked.length > 0 ? await run("start", asked) : "";
    const env = Object.fromEntries(
      [...said.matchAll(/^export (\w+)='([^']*)'$/gm)].map(([, name, value]) => [name, value]),
    );
    return { env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves with what it has written to standard output. In a process group of its own: Ctrl-C must not cut it short. */
async function run(action, names) {
  const child = spawn(script, [action, ...names], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    said += chunk;
  });
  const [status, signal] = await once(child, "close");
  if (status !== 0) throw new Error(`${script} ${action} failed: ${signal ?? status}`);
  return said;
}
