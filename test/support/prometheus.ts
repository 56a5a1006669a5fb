import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./holdfast.ts";
import { endServer } from "./servers.ts";
import { until } from "./until.ts";

/** Whether this machine has a real Prometheus, of Debian's package `prometheus` or another. */
export function hasPrometheus(): boolean {
  return ["prometheus", "promtool"].every((program) => run(program, ["--version"]).status === 0);
}

/** `promtool`, to its end. */
export function promtool(
  args: readonly string[],
  input = "",
): { status: number | null; output: string } {
  const { status, stdout, stderr } = run("promtool", args, input);
  return { status, output: `${stdout}${stderr}` };
}

function run(program: string, args: readonly string[], input = "") {
  return spawnSync(program, args, { input, encoding: "utf8" });
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus on loopback that scrapes one address; everything it has is gone after it. */
export class Prometheus {
  readonly #directory = mkdtempSync(join(tmpdir(), "hf-prometheus-"));
  readonly #child: ChildProcess;
  readonly #url: string;
  #said = "";

  private constructor(port: number, config: string) {
    const file = join(this.#directory, "prometheus.yml");
    writeFileSync(file, config);
    this.#url = `http://127.0.0.1:${port}`;
    const data = join(this.#directory, "data");
    this.#child = spawn(
      "prometheus",
      [
        ...[`--config.file=${file}`, `--storage.tsdb.path=${data}`],
        ...[`--web.listen-address=127.0.0.1:${port}`, "--log.level=warn"],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child.stderr?.setEncoding("utf8").on("data", (chunk) => (this.#said += chunk));
  }

  /** Resolves when the target has been scraped; a new Prometheus takes some seconds to begin. */
  static async scraping(target: string, everyMs: number): Promise<Prometheus> {
    const config = JSON.stringify({
      global: { scrape_interval: `${everyMs}ms`, scrape_timeout: `${everyMs}ms` },
      scrape_configs: [{ job_name: "holdfast", static_configs: [{ targets: [target] }] }],
    });
    const prometheus = new Prometheus(await freePort(), config);
    await until(async () => (await prometheus.value("up")) === 1, {
      ...{ what: "Prometheus's first scrape", timeoutMs: 40_000, intervalMs: 200 },
    });
    return prometheus;
  }

  /** What a query gives now. */
  async query(query: string): Promise<readonly Sample[]> {
    const url = `${this.#url}/api/v1/query?query=${encodeURIComponent(query)}`;
    const answer = (await (await fetch(url)).json()) as {
      readonly error?: string;
      readonly data?: {
        readonly result: { metric: Record<string, string>; value: [number, string] }[];
      };
    };
    if (!answer.data) throw new Error(`${query}: ${answer.error}\n${this.#said}`);
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** The one number a query gives; NaN where it gives none. */
  async value(query: string): Promise<number> {
    const [sample] = await this.query(query);
    return sample?.value ?? Number.NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endServer(this.#child, this.#directory);
  }
}
