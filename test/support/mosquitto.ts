import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "./holdfast.ts";
import { accepts, endServer } from "./servers.ts";
import { until } from "./until.ts";

/** Debian's servers lie where the PATH of ordinary users does not look. */
const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin`;
const env = { ...process.env, PATH };

/** Whether this machine has mosquitto, of Debian's package of that name or another. */
export function hasMosquitto(): boolean {
  // With `-h` it ends with 3.
  return spawnSync("mosquitto", ["-h"], { env }).error === undefined;
}

/** A mosquitto on loopback that keeps nothing on disk; everything it has is gone after it. */
export class Mosquitto {
  readonly port: number;
  readonly #directory = mkdtempSync(join(tmpdir(), "hf-mosquitto-"));
  readonly #child: ChildProcess;
  #said = "";

  private constructor(port: number, settings: readonly string[]) {
    this.port = port;
    const file = join(this.#directory, "mosquitto.conf");
    // As root it would become another user, who may not read its folder.
    const own = [`listener ${port} 127.0.0.1`, `user ${userInfo().username}`, "persistence false"];
    const rest = ["allow_anonymous true", "log_dest stderr", "log_type notice", ...settings];
    writeFileSync(file, [...own, ...rest, ""].join("\n"));
    this.#child = spawn("mosquitto", ["-c", file], { env, stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (chunk) => (this.#said += chunk));
  }

  /** Resolves when it listens; `settings` are lines of mosquitto.conf(5). */
  static async start(settings: readonly string[] = []): Promise<Mosquitto> {
    const mosquitto = new Mosquitto(await freePort(), settings);
    try {
      await until(() => accepts(mosquitto.port), { what: "mosquitto to listen" });
      return mosquitto;
    } catch (error) {
      await mosquitto[Symbol.asyncDispose]();
      throw new Error(`${String(error)}\n${mosquitto.said}`);
    }
  }

  /** For the examples' `MQTT_URL`. */
  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** What it wrote to its log: who came and went, and what it dropped. */
  get said(): string {
    return this.#said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endServer(this.#child, this.#directory);
  }
}
