import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { until } from "./until.ts";

/** Characters of its log: it has a line for each request. */
const KEPT = 10_000;

/** Whether this machine has kcat (Debian: `kcat`), which brings librdkafka's mock of a cluster. */
export function hasKcat(): boolean {
  return spawnSync("kcat", ["-V"]).status === 0;
}

/**
 * librdkafka's mock of a Kafka cluster, with one broker: a protocol mock, and no Kafka. It keeps all in memory, makes a topic
 * of four partitions when it is first asked for one, knows old versions of the protocol only, and takes
 * static members for dynamic ones. Where members come and go at once it answers SyncGroup with INVALID_REQUEST at times, which
 * is final for kafkajs: that worker ends, and another one is started.
 */
export class KafkaMock {
  readonly brokers: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, brokers: string) {
    this.#child = child;
    this.brokers = brokers;
  }

  static async start(): Promise<KafkaMock> {
    // A producer of messages that never come, until its standard input ends; where the mock is, its log tells.
    const options = ["-b", "mock", "-X", "test.mock.num.brokers=1", "-d", "mock", "-t", "unused"];
    const child = spawn("kcat", ["-P", ...options], { stdio: "pipe" });
    let said = "";
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding("utf8").on("data", (chunk) => (said = `${said}${chunk}`.slice(-KEPT)));
    }
    const address = await until(() => /bootstrap\.servers=(\S+:\d+)/.exec(said)?.[1], {
      what: "the mock to listen",
    }).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw new Error(`${String(error)}\n${said}`);
    });
    return new KafkaMock(child, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}
