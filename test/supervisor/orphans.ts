/** A house whose supervisor dies, and what its workers are like then and afterwards. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AppOverview } from "../../src/core/overview.ts";
import { House } from "../support/house.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";

export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** No heir: whoever needs a supervisor next starts one. */
export class Orphanage extends House {
  supervisorPid(): number {
    return JSON.parse(readFileSync(join(this.home, "supervisor.pid"), "utf8")).pid;
  }

  /** SIGKILL to the supervisor; resolves when it is gone. Gives its pid. */
  async killSupervisor(): Promise<number> {
    const pid = this.supervisorPid();
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid), { what: "the supervisor to be dead" });
    return pid;
  }

  /** What should run, as it is written down. */
  state(): { apps: { options: { name: string } }[] } {
    return JSON.parse(readFileSync(join(this.home, "state.json"), "utf8"));
  }

  async app(name: string): Promise<AppOverview> {
    const { apps } = await this.overview();
    const found = apps.find((app) => app.name === name);
    if (!found) throw new Error(`there is no app ${name}`);
    return found;
  }

  /** Of the workers that are ready, by slot. */
  async pids(name: string): Promise<number[]> {
    const { workers } = await this.app(name);
    const ready = workers.filter(({ phase }) => phase === "ready");
    return ready.sort((a, b) => a.slot - b.slot).map(({ pid }) => pid ?? -1);
  }

  /** What the supervisors have logged so far. */
  logs(): LogLine[] {
    const lines = readFileSync(join(this.home, "supervisor.log"), "utf8").split("\n");
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  }

  /** Resolves when so many workers in all have been adopted. */
  async adopted(count: number): Promise<void> {
    const adopted = (): boolean =>
      this.logs().filter(({ msg }) => msg === "worker adopted").length >= count;
    await until(adopted, { what: `${count} workers to be adopted` });
  }
}
