import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./holdfast.ts";
import { endServer } from "./servers.ts";
import { until } from "./until.ts";

/** Whether this machine has Redis, of Debian's package `redis-server` or another. */
export function hasRedis(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

/** A Redis on loopback that keeps nothing on disk; everything it has is gone after it. */
export class Redis {
  readonly port: number;
  readonly #directory = mkdtempSync(join(tmpdir(), "hf-redis-"));
  readonly #child: ChildProcess;
  #said = "";

  private constructor(port: number) {
    this.port = port;
    const place = ["--bind", "127.0.0.1", "--port", String(port), "--dir", this.#directory];
    this.#child = spawn("redis-server", [...place, "--save", "", "--appendonly", "no"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk) => (this.#said += chunk));
    }
  }

  /** Resolves when it answers. */
  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort());
    try {
      await until(() => redis.answers(), { what: "redis-server to answer" });
      return redis;
    } catch (error) {
      await redis[Symbol.asyncDispose]();
      throw new Error(`${String(error)}\n${redis.#said}`);
    }
  }

  /** For the examples' `REDIS_URL`. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Sends one command of plain words, and resolves with the answer as it came. */
  async command(...words: readonly string[]): Promise<string> {
    const socket = connect({ port: this.port, host: "127.0.0.1" });
    try {
      await once(socket, "connect");
      socket.write(`${words.join(" ")}\r\n`);
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString("utf8").trim();
    } finally {
      socket.destroy();
    }
  }

  async answers(): Promise<boolean> {
    return (await this.command("PING")) === "+PONG";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endServer(this.#child, this.#directory);
  }
}
