import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./holdfast.ts";
import { accepts, endServer } from "./servers.ts";
import { until } from "./until.ts";

/** Debian's `/usr/sbin/rabbitmq-server` is for the service, and its folders; this is what it calls. */
const SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const STARTS_WITHIN_MS = 120_000;

/** Whether this machine has RabbitMQ, of Debian's package `rabbitmq-server`. */
export function hasRabbitmq(): boolean {
  return existsSync(SCRIPT) && spawnSync("which", ["epmd"]).status === 0;
}

/** A RabbitMQ of its own on loopback; all it has, its port mapper included, is gone after it. */
export class Rabbitmq {
  readonly url: string;
  readonly #folder: string;
  readonly #portMapper: ChildProcess;
  readonly #node: ChildProcess;

  private constructor(folder: string, ports: Ports) {
    this.url = `amqp://127.0.0.1:${ports.amqp}`;
    this.#folder = folder;
    const env = environment(folder, ports);
    // Erlang would start one that stays, and that other nodes use.
    this.#portMapper = spawn("epmd", [], { env, stdio: "ignore" });
    this.#node = spawn(SCRIPT, [], { env, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    this.#node.stderr?.resume();
  }

  /** Resolves when it takes connections. */
  static async start(): Promise<Rabbitmq> {
    const folder = mkdtempSync(join(tmpdir(), "hf-rabbitmq-"));
    const ports = { amqp: await freePort(), node: await freePort(), epmd: await freePort() };
    writeFileSync(join(folder, "plugins"), "[].");
    writeFileSync(join(folder, "rabbitmq.conf"), "disk_free_limit.absolute = 1MB\n");
    const rabbitmq = new Rabbitmq(folder, ports);
    try {
      const what = "RabbitMQ to listen";
      await until(() => accepts(ports.amqp), { what, timeoutMs: STARTS_WITHIN_MS });
      return rabbitmq;
    } catch (error) {
      const said = rabbitmq.#log();
      await rabbitmq[Symbol.asyncDispose]();
      throw new Error(`${String(error)}\n${said}`);
    }
  }

  #log(): string {
    const file = join(this.#folder, "log");
    return existsSync(file) ? readFileSync(file, "utf8").slice(-4000) : "it has no log";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endServer(this.#node, this.#folder);
    await endServer(this.#portMapper, this.#folder);
  }
}

interface Ports {
  readonly amqp: number;
  /** Between nodes of a cluster. */
  readonly node: number;
  readonly epmd: number;
}

function environment(folder: string, { amqp, node, epmd }: Ports): NodeJS.ProcessEnv {
  const none = join(folder, "none");
  return {
    PATH: process.env.PATH ?? "",
    LANG: "C.UTF-8",
    HOME: folder,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(epmd),
    // The script becomes the node, so that its pid is the node's.
    RUNNING_UNDER_SYSTEMD: "true",
    RABBITMQ_NODENAME: `hf-${amqp}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(amqp),
    RABBITMQ_DIST_PORT: String(node),
    RABBITMQ_MNESIA_BASE: join(folder, "data"),
    RABBITMQ_LOG_BASE: folder,
    RABBITMQ_LOGS: join(folder, "log"),
    RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq"),
    RABBITMQ_ADVANCED_CONFIG_FILE: none,
    RABBITMQ_CONF_ENV_FILE: none,
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, "generated"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    // It has one core's worth of work, and no business outside this machine.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
  };
}
