import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { WorkerOverview } from "../../../src/core/overview.ts";
import { projectRoot } from "../holdfast.ts";
import { House } from "../house.ts";
import { until } from "../until.ts";

const SUCCESSOR_WITHIN_MS = 30_000;

export interface ExampleOptions {
  /** Workers of every app. Default: 4. */
  readonly instances?: number;
  /** For every app, beside what its file says. */
  readonly env?: Readonly<Record<string, string>>;
  /** By an app's name: what is to stand in its description instead. */
  readonly apps?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What has just been done to the example. */
export type Blow = "start" | "reload" | "kill";

export interface PoundOptions {
  /** The apps whose workers are killed, by turns. Default: all. */
  readonly apps?: readonly string[];
  /** Reloads of everything, with a kill after each. Default: 5. */
  readonly reloads?: number;
  /** Waits for something to have happened since it was called last, such as more messages. */
  readonly between: (after: Blow) => Promise<void>;
}

interface Described {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One of `examples/`, started from its own file under a supervisor of the test's; `PORT` is 0 where the file names one. */
export class Example {
  readonly house: House;
  readonly names: readonly string[];

  private constructor(house: House, names: readonly string[]) {
    this.house = house;
    this.names = names;
  }

  /** Resolves when all its workers are ready. */
  static async start(folder: string, options: ExampleOptions = {}): Promise<Example> {
    const house = new House();
    const cwd = join(projectRoot, "examples", folder);
    const { apps } = JSON.parse(readFileSync(join(cwd, "ecosystem.config.json"), "utf8")) as {
      apps: readonly Described[];
    };
    const moved = apps.map((app) => ({
      ...app,
      ...{ cwd, instances: options.instances ?? 4, minUptime: 200, backoffBase: 50 },
      env: { ...app.env, ...(app.env?.PORT ? { PORT: "0" } : {}), ...options.env },
      ...options.apps?.[app.name],
    }));
    const names = moved.map(({ name }) => name);
    try {
      await house.ok(["start", house.file("ecosystem.config.json", { apps: moved })]);
      return new Example(house, names);
    } catch (error) {
      await house[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where an app listens, such as `127.0.0.1:41234`: by default the first of all, and its first address. */
  async address(name = this.names[0], nth = 0): Promise<string> {
    const app = (await this.house.overview()).apps.find((each) => each.name === name);
    const address = app?.addresses[nth];
    if (address === undefined) throw new Error(`${name} listens nowhere`);
    return address;
  }

  /** The workers of an app that are ready, by slot. */
  async workers(name = this.names[0]): Promise<readonly WorkerOverview[]> {
    const app = (await this.house.overview()).apps.find((each) => each.name === name);
    const ready = (app?.workers ?? []).filter(({ phase }) => phase === "ready");
    return ready.toSorted((a, b) => a.slot - b.slot);
  }

  /** Resolves when every worker has a successor, and is gone. */
  async reload(name = "all"): Promise<void> {
    await this.house.ok(["reload", name]);
  }

  /** SIGKILL to the worker of a slot; resolves with its pid when its successor is ready. */
  async kill(name: string | undefined, slot: number): Promise<number> {
    const victim = (await this.workers(name)).find((worker) => worker.slot === slot);
    const pid = victim?.pid;
    if (!pid) throw new Error(`no worker of ${name} is ready in slot ${slot}`);
    process.kill(pid, "SIGKILL");
    await until(
      async () =>
        (await this.workers(name)).some((worker) => worker.slot === slot && worker.pid !== pid),
      { what: "the successor", timeoutMs: SUCCESSOR_WITHIN_MS, intervalMs: 100 },
    );
    return pid;
  }

  /** Reloads everything and kills workers of slot after slot, with something happening between. */
  async pound({ apps = this.names, reloads = 5, between }: PoundOptions): Promise<void> {
    await between("start");
    for (let round = 0; round < reloads; round += 1) {
      await this.reload();
      await between("reload");
      const name = apps[round % apps.length];
      const { length } = await this.workers(name);
      await this.kill(name, round % length);
      await between("kill");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]();
  }
}
