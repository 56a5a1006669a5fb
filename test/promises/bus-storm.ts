/** A supervisor in the foreground with two apps, whose processes are killed at random, itself among them. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  fixture,
  freePort,
  type HoldfastRun,
  type LogRecord,
  runHoldfast,
} from "../support/holdfast.ts";
import { after } from "../support/output.ts";
import { descendants, leftovers, type ProcessInfo, pssKb } from "../support/processes.ts";
import { type Account, type Kill, readLines } from "./bus-judge.ts";

const INSTANCES = 4;
const IDENTITY = "outside";
/** Between two kills, from and to. */
const WORKER_EVERY_MS = [500, 1500] as const;
const SUPERVISOR_EVERY_MS = [8000, 12_000] as const;
const BOOTED_WITHIN_MS = 60_000;

export class Storm {
  readonly kills: Kill[] = [];
  /** Supervisors that ended by themselves. */
  readonly ends: string[] = [];
  /** When supervisors had all their workers ready; milliseconds since 1970. */
  readonly readies: number[] = [];
  peakKb = 0;
  readonly psk = { identity: IDENTITY, key: randomBytes(32).toString("hex") };
  readonly url: string;
  readonly #root: string;
  readonly #random: () => number;
  readonly #runs: HoldfastRun[] = [];

  private constructor(root: string, port: number, random: () => number) {
    this.#root = root;
    this.#random = random;
    this.url = `tls://127.0.0.1:${port}`;
  }

  /** Resolves when all workers are ready. The same `random` kills in the same order. */
  static async brew(random: () => number): Promise<Storm> {
    const root = mkdtempSync(join(tmpdir(), "hf-storm-"));
    const storm = new Storm(root, await freePort(), random);
    storm.#write();
    storm.#start();
    try {
      await storm.calm();
    } catch (error) {
      await storm.dispose();
      throw error;
    }
    return storm;
  }

  get supervisor(): HoldfastRun {
    return this.#runs.at(-1) as HoldfastRun;
  }

  /** Kills for so long. */
  async rage(forMs: number): Promise<void> {
    const end = performance.now() + forMs;
    let worker = this.#next(WORKER_EVERY_MS);
    let supervisor = this.#next(SUPERVISOR_EVERY_MS);
    while (Math.min(worker, supervisor) < end) {
      await after(Math.max(0, Math.min(worker, supervisor) - performance.now()));
      this.peakKb = Math.max(this.peakKb, pssKb(this.supervisor.pid));
      if (worker < supervisor) {
        this.#killWorker();
        worker = this.#next(WORKER_EVERY_MS);
      } else {
        this.#kill("supervisor", this.supervisor.pid);
        this.#start();
        supervisor = this.#next(SUPERVISOR_EVERY_MS);
      }
    }
  }

  /** Resolves when the present supervisor has all its workers ready. */
  async calm(): Promise<void> {
    await this.supervisor.waitForLog(isReady, { timeoutMs: BOOTED_WITHIN_MS });
  }

  /** What the workers have written, and who was killed. */
  account(): Omit<Account, "accepted"> {
    const { kills, readies } = this;
    return { lines: readLines(readFileSync(this.#ledger, "utf8")), kills, readies };
  }

  /** How long it took from each death of a supervisor until the next had all workers ready. */
  get outagesMs(): number[] {
    const deaths = this.kills.filter(({ what }) => what === "supervisor");
    return deaths.map(({ at }) => (this.readies.find((ready) => ready > at) ?? Number.NaN) - at);
  }

  /** Processes of supervisors before this one. */
  strays(): ProcessInfo[] {
    const { pid, id } = this.supervisor;
    const own = new Set([pid, ...descendants(pid).map((each) => each.pid)]);
    return leftovers(id).filter((each) => !own.has(each.pid));
  }

  /** What supervisors have told of faults, each once. */
  get told(): string[] {
    const codes = this.#runs.flatMap(({ logs }) => logs.map(({ code }) => String(code ?? "")));
    return [...new Set(codes)].filter((code) => code !== "").sort();
  }

  async dispose(): Promise<void> {
    for (const run of this.#runs) await run.dispose();
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 3 });
  }

  get #ledger(): string {
    return join(this.#root, "ledger");
  }

  #write(): void {
    const { identity, key } = this.psk;
    const all = [">"];
    const permissions = { publish: all, subscribe: all, request: all, reply: all, queues: all };
    writeFileSync(join(this.#root, "key"), key, { mode: 0o600 });
    writeFileSync(this.#ledger, "");
    const app = (name: string) => ({
      ...{ name, script: fixture(`apps/storm-${name}.mjs`), instances: INSTANCES },
      ...{ ready: "message", minUptime: 0, maxRestarts: 10_000 },
      ...{ backoffBase: 10, backoffCap: 100, env: { LEDGER: this.#ledger } },
    });
    const listen = this.url.slice("tls://".length);
    const bus = {
      listen,
      psk: { [identity]: { keyFile: join(this.#root, "key"), ...permissions } },
    };
    const file = { apps: [app("works"), app("asks")], bus };
    writeFileSync(join(this.#root, "ecosystem.json"), JSON.stringify(file));
  }

  #start(): void {
    const like = this.#runs[0];
    const command = ["run", "ecosystem.json", "--queue-folder", join(this.#root, "queues")];
    const options = { cwd: this.#root, env: { TMPDIR: this.#root } };
    const run = runHoldfast(command, { ...options, ...(like ? { like } : {}) });
    this.#runs.push(run);
    run.waitForLog(isReady, { timeoutMs: BOOTED_WITHIN_MS }).then(
      () => {
        if (this.supervisor === run) this.readies.push(Date.now());
      },
      // It was killed before, or is told of where it is waited for.
      () => {},
    );
    void run.exited.then(({ code, signal }) => {
      const how = `the supervisor ${run.pid} ended by itself: ${code} ${signal}`;
      const said = [...run.stdout, ...run.stderr].slice(-20).join("\n");
      if (signal !== "SIGKILL") this.ends.push(`${how}\n${said}`);
    });
  }

  #killWorker(): void {
    const pids = descendants(this.supervisor.pid).map(({ pid }) => pid);
    const pid = pids[Math.floor(this.#random() * pids.length)];
    if (pid !== undefined) this.#kill("worker", pid);
  }

  #kill(what: Kill["what"], pid: number): void {
    const at = Date.now();
    try {
      process.kill(pid, "SIGKILL");
      this.kills.push({ what, pid, at });
    } catch {
      // It has ended since it was looked for.
    }
  }

  #next([from, to]: readonly [number, number]): number {
    return performance.now() + from + this.#random() * (to - from);
  }
}

function isReady({ msg }: LogRecord): boolean {
  return msg.startsWith("ready;");
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
