/** A home with one app in it, the processes that belong to it, and what can be known of them from outside. */

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { AppOverview, Overview } from "../../src/core/overview.ts";
import { freePort, projectRoot } from "../support/holdfast.ts";
import { type CommandEnd, House } from "../support/house.ts";
import { isAlive, killLeftovers, listenersOn, state } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { type Line, readLines } from "./ledger.ts";
import { type Member, marked, members, unixSockets } from "./proc.ts";
import { CALM_SIZE } from "./schedule.ts";

export const APP = "chaos";
const PROGRAM = join(projectRoot, "test/chaos/app.mjs");
/** All that may be in a home nobody runs in. */
const LASTING = /^(state\.json(\..*)?|supervisor\.log(\..*)?|logs|queues)$/;
const GONE_WITHIN_MS = 5000;

export interface WorldOptions {
  /** Another built command. */
  readonly cli?: string | undefined;
  /** No heir runs: what needs one is left out. */
  readonly noHeir?: boolean;
  /** How the app breaks what it promises; see app.mjs. */
  readonly misbehave?: string;
}

export class World {
  readonly port: number;
  readonly house = new House();
  /** What supervisors have marked their workers with. */
  readonly markers = new Set<string>();
  readonly hasHeir: boolean;
  /** `holdfast upgrade` is there. */
  canUpgrade = false;
  readonly #cli: string | undefined;

  private constructor(port: number, { cli, misbehave, noHeir = false }: WorldOptions) {
    this.port = port;
    this.hasHeir = !noHeir;
    this.#cli = cli;
    writeFileSync(this.#ledger, "");
    const env = { PORT: String(port), LEDGER: this.#ledger };
    const app = {
      ...{ name: APP, script: PROGRAM, instances: CALM_SIZE },
      ...{ minUptime: 300, drainTimeout: 10_000 },
      // Workers die all the time: it is not to be taken for a crash loop.
      ...{ maxRestarts: 10_000, backoffBase: 10, backoffCap: 100 },
      env: misbehave === undefined ? env : { ...env, MISBEHAVE: misbehave },
    };
    this.house.file("chaos.json", { apps: [app], heir: this.hasHeir });
  }

  /** Resolves when all workers are ready. */
  static async start(options: WorldOptions): Promise<World> {
    const world = new World(await freePort(), options);
    try {
      const { status, stderr } = await world.run(["start", "chaos.json"]);
      if (status !== 0) throw new Error(`holdfast start: ${status}\n${stderr}${world.logTail()}`);
      world.canUpgrade = /^ +upgrade\b/m.test((await world.run(["--help"])).stdout);
    } catch (error) {
      world.dispose();
      throw error;
    }
    return world;
  }

  get home(): string {
    return this.house.home;
  }

  get #ledger(): string {
    return join(this.house.root, "ledger");
  }

  run(args: readonly string[]): Promise<CommandEnd> {
    const program = this.#cli === undefined ? {} : { program: [process.execPath, this.#cli] };
    return this.house.run(args, program);
  }

  members(): Member[] {
    const found = members(this.house.id);
    for (const { marker } of found) if (marker !== null) this.markers.add(marker);
    return found;
  }

  /** Workers of a slot, oldest first: while one is replaced there are two. */
  workersOf(slot: number): Member[] {
    return this.members()
      .filter((each) => each.worker !== null && each.slot === slot)
      .sort((a, b) => (a.worker ?? 0) - (b.worker ?? 0));
  }

  /** The pid the home's claim names, null where nobody alive has it. */
  claimed(): number | null {
    try {
      const { pid } = JSON.parse(readFileSync(join(this.home, "supervisor.pid"), "utf8"));
      return isAlive(pid) ? pid : null;
    } catch {
      // Between one supervisor and the next.
      return null;
    }
  }

  /** Processes that stand by: they hold no claim. */
  heirs(): number[] {
    const supervisor = this.claimed();
    return this.members()
      .filter(({ pid, command }) => pid !== supervisor && /\bheir\b/.test(command))
      .map(({ pid }) => pid);
  }

  /** Somebody has the claim and takes commands. */
  async isInCharge(): Promise<boolean> {
    const pid = this.claimed();
    if (pid === null || state(pid) === "T") return false;
    return new Promise((resolve) => {
      const socket = connect(join(this.home, "control.sock"));
      const settle = (isThere: boolean): void => {
        socket.destroy();
        resolve(isThere);
      };
      socket.once("connect", () => settle(true));
      socket.once("error", () => settle(false));
    });
  }

  async overview(): Promise<{ pid: number; app: AppOverview | undefined }> {
    const { status, stdout, stderr } = await this.run(["list", "-o", "json"]);
    if (status !== 0) throw new Error(`list: ${status} ${stderr}`);
    const { supervisor, apps } = (JSON.parse(stdout) as { data: Overview }).data;
    return { pid: supervisor.pid, app: apps.find(({ name }) => name === APP) };
  }

  /** What the workers have written. */
  lines(): Line[] {
    return readLines(readFileSync(this.#ledger, "utf8"));
  }

  /** The end of the supervisors' log. */
  logTail(count = 60): string {
    try {
      const text = readFileSync(join(this.home, "supervisor.log"), "utf8");
      return text.trimEnd().split("\n").slice(-count).join("\n");
    } catch {
      return "there is no supervisor.log";
    }
  }

  /** What supervisors and heirs have said that is no record, or is fatal; and how often each fault was told. */
  logFaults(): { readonly broken: readonly string[]; readonly told: ReadonlyMap<string, number> } {
    const broken: string[] = [];
    const counts = new Map<string, number>();
    for (const line of this.logTail(Number.POSITIVE_INFINITY).split("\n")) {
      const record = recordIn(line);
      // A command may start a supervisor while an heir is about to become one: one of them goes.
      if (record?.code === "HF_ALREADY_RUNNING") continue;
      if (record === null || record.level === "fatal") broken.push(line);
      else if (record.level === "error") {
        // The code of an exit is a number.
        const code = typeof record.code === "string" ? record.code : undefined;
        const what = String(code ?? record.reason ?? record.msg);
        counts.set(what, (counts.get(what) ?? 0) + 1);
      }
    }
    return { broken, told: counts };
  }

  /** Shuts down, and tells what is left that should not be. */
  async end(): Promise<string[]> {
    // For their markers.
    this.members();
    const { status, stdout, stderr } = await this.run(["shutdown"]);
    const said = status === 0 ? [] : [`shutdown ended with ${status}: ${stdout}${stderr}`];
    const left = (): string[] => marked(this.house.id, this.markers);
    const patience = { what: "all processes to end", timeoutMs: GONE_WITHIN_MS };
    await until(() => left().length === 0, patience).catch(() => {});
    return [
      ...said,
      ...left().map((process) => `a process outlived the shutdown: ${process}`),
      ...listenersOn(this.port).map(({ pids }) => `port ${this.port} is still held by ${pids}`),
      ...unixSockets(this.home).map(({ name }) => `a UNIX socket outlived the shutdown: ${name}`),
      ...readdirSync(this.home)
        .filter((name) => !LASTING.test(name))
        .map((name) => `left in the home: ${name}`),
    ];
  }

  /** Kills what is left. With `keep` the folder stays. */
  dispose({ keep = false } = {}): void {
    while (killLeftovers(this.house.id).length > 0);
    if (!keep) rmSync(this.house.root, { recursive: true, force: true, maxRetries: 3 });
  }
}

function recordIn(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}
