/** What is done to a world, one action after the other, and what became of it, into the ledger. */

import { after } from "../support/output.ts";
import { listenersOn } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { toldToCrash } from "./crash.ts";
import type { Ledger, Outage } from "./ledger.ts";
import { heldPorts, heldSockets, send, stopped } from "./proc.ts";
import type { Action, Step } from "./schedule.ts";
import { Spells } from "./spells.ts";
import { APP, type World } from "./world.ts";

/** So long a supervisor, or an heir, is waited for; whether it was soon enough is the judge's matter. */
const THERE_WITHIN_MS = 20_000;
const CRASH_WITHIN_MS = 5000;

/** What happened, in a few words; `done` is false for what could not be done. */
export interface Done {
  readonly note: string;
  readonly done: boolean;
}

export class Deeds {
  readonly #world: World;
  readonly #ledger: Ledger;
  /** Commands under way, and supervisors and heirs that are waited for. */
  readonly #underWay = new Set<Promise<unknown>>();

  readonly #reigns = new Spells();
  readonly #heirs = new Spells();

  constructor(world: World, ledger: Ledger) {
    this.#world = world;
    this.#ledger = ledger;
  }

  /** Does it; what takes time goes on meanwhile. */
  async perform({ n, action }: Step): Promise<Done> {
    switch (action.kind) {
      case "kill-supervisor":
        return this.#killSupervisor(n);
      case "kill-heir":
        return this.#killHeir(n);
      case "kill-both":
        return this.#killBoth(n);
      case "stop-supervisor":
        return this.#stopSupervisor(action.forMs);
      case "kill-worker":
        return this.#killWorker(n, action.slot);
      case "crash-worker":
        return this.#crashWorker(n, action.slot);
      case "upgrade":
        return this.#upgrade(n);
      default:
        this.#keep(this.command(n, commandOf(action)));
        return { note: "", done: true };
    }
  }

  /** Resolves when all that takes time is over. */
  async rest(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Runs a command to its end and writes down how it went. */
  async command(step: number, args: readonly string[]): Promise<boolean> {
    const from = Date.now();
    const [status, said] = await this.#world.run(args).then(
      (end) => [end.status, `${end.stdout}${end.stderr}`] as const,
      (error: Error) => [null, error.message] as const,
    );
    const drains = ["reload", "scale", "restart"].includes(args[0] ?? "");
    const to = Date.now();
    const title = args.join(" ");
    this.#ledger.commands.push({ step, title, drains, from, to, status, said: said.slice(-600) });
    return status === 0;
  }

  /** Resolves when somebody is in charge and an heir holds all that listens; false when that does not come to be. */
  async settled(): Promise<boolean> {
    const isSettled = async (): Promise<boolean> => {
      if (this.#ledger.outages.some(({ to }) => to === null)) return false;
      if (!(await this.#world.isInCharge())) return false;
      if (!this.#world.hasHeir) return true;
      const [heir] = this.#world.heirs();
      if (heir === undefined) return false;
      return listenersOn(this.#world.port).every(({ pids }) => pids.includes(heir));
    };
    return this.#comes(isSettled, "a supervisor with its heir", 100);
  }

  async #killSupervisor(step: number): Promise<Done> {
    if (!(await this.settled())) return left("no supervisor with an heir is there");
    await this.#reigns.spare();
    const pid = this.#world.claimed();
    if (pid === null) return left("nobody has the claim");
    const outage = this.#outage(step, "supervisor");
    send(pid, "SIGKILL");
    this.#keep(this.#back(outage, async () => this.#next(pid)));
    return { note: `pid ${pid}`, done: true };
  }

  async #killHeir(step: number): Promise<Done> {
    if (!(await this.settled())) return left("no supervisor with an heir is there");
    await this.#heirs.spare();
    const [pid] = this.#world.heirs();
    if (pid === undefined) return left("no heir is there");
    const outage = this.#outage(step, "heir");
    send(pid, "SIGKILL");
    this.#keep(this.#back(outage, async () => this.#world.heirs().some((heir) => heir !== pid)));
    return { note: `pid ${pid}`, done: true };
  }

  async #killBoth(step: number): Promise<Done> {
    if (!(await this.settled())) return left("no supervisor with an heir is there");
    const [heir] = this.#world.heirs();
    const pid = this.#world.claimed();
    if (heir === undefined || pid === null) return left("no supervisor with an heir is there");
    const outage = this.#outage(step, "both");
    send(heir, "SIGKILL");
    send(pid, "SIGKILL");
    this.#keep(this.command(step, ["start", APP]));
    await this.#back(outage, async () => this.#next(pid));
    // Whoever is started by a command follows nobody.
    this.#reigns.begun({ isFirst: true });
    return { note: `pids ${pid} and ${heir}`, done: true };
  }

  async #stopSupervisor(forMs: number): Promise<Done> {
    const pid = this.#world.claimed();
    if (pid === null) return left("nobody has the claim");
    send(pid, "SIGSTOP");
    // It may have been killed meanwhile: then nobody has that pid so soon.
    this.#keep(after(forMs).then(() => send(pid, "SIGCONT")));
    return { note: `pid ${pid}`, done: true };
  }

  async #killWorker(step: number, slot: number): Promise<Done> {
    const [worker] = this.#world.workersOf(slot);
    if (!worker) return left("no worker is in that slot");
    const others = this.#heldByOthers(worker.pid);
    if (!(await stopped(worker.pid))) return left("it has just ended");
    const died = this.#died(step, slot, worker.pid, others);
    send(worker.pid, "SIGKILL");
    return died;
  }

  /** Whoever accepts the connection is asked; only the worker that is meant obeys. */
  async #crashWorker(step: number, slot: number): Promise<Done> {
    const began = performance.now();
    for (let tries = 1; performance.now() - began < CRASH_WITHIN_MS; tries += 1) {
      const workers = this.#world.workersOf(slot);
      // The old one may have left, the new one may not have come.
      const worker = workers[tries % workers.length];
      if (!worker) return left("no worker is in that slot");
      const { pid } = worker;
      if (!(await toldToCrash(pid, this.#world.port))) continue;
      const died = this.#died(step, slot, pid, this.#heldByOthers(pid));
      send(pid, "SIGCONT");
      return { ...died, note: `${died.note}, asked ${tries} times` };
    }
    return left("the worker was not reached");
  }

  #heldByOthers(dying: number): ReadonlySet<string> {
    const pids = this.#world.members().map(({ pid }) => pid);
    return heldSockets(pids.filter((pid) => pid !== dying));
  }

  #died(step: number, slot: number, pid: number, others: ReadonlySet<string>): Done {
    const ports = heldPorts(pid, this.#world.port, others);
    this.#ledger.deaths.push({ step, pid, slot, at: Date.now(), ports });
    return { note: `pid ${pid} with ${ports.length} connections`, done: true };
  }

  async #upgrade(step: number): Promise<Done> {
    if (!this.#world.canUpgrade) return left("there is no such command");
    if (!(await this.settled())) return left("no supervisor with an heir is there");
    const outage = this.#outage(step, "both");
    const isDone = await this.command(step, ["upgrade"]);
    outage.to = Date.now();
    if (isDone) this.#reigns.begun({ isFirst: true });
    this.#heirs.begun({ isFirst: true });
    return { note: isDone ? "" : "it failed", done: true };
  }

  async #next(dead: number): Promise<boolean> {
    return this.#world.claimed() !== dead && this.#world.isInCharge();
  }

  #outage(step: number, what: Outage["what"]): Outage & { to: number | null } {
    const outage = { step, what, from: Date.now(), to: null };
    this.#ledger.outages.push(outage);
    return outage;
  }

  async #back(
    outage: Outage & { to: number | null },
    isBack: () => Promise<boolean>,
  ): Promise<void> {
    // To look for an heir takes a while.
    if (!(await this.#comes(isBack, "the next one", outage.what === "heir" ? 100 : 10))) return;
    outage.to = Date.now();
    // A new supervisor's heir is its first one.
    if (outage.what === "heir") this.#heirs.begun();
    else {
      this.#reigns.begun();
      this.#heirs.begun({ isFirst: true });
    }
  }

  #comes(is: () => Promise<boolean>, what: string, intervalMs: number): Promise<boolean> {
    return until(is, { what, timeoutMs: THERE_WITHIN_MS, intervalMs }).then(
      () => true,
      () => false,
    );
  }

  #keep(work: Promise<unknown>): void {
    const done = work.finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }
}

function commandOf(action: Action): string[] {
  switch (action.kind) {
    case "restart-slot":
      return ["restart", `${APP}:${action.slot}`];
    case "scale":
      return ["scale", APP, String(action.to)];
    case "reload":
      return ["reload", APP];
    case "list":
      return ["list", "-o", "json"];
    default:
      return [action.kind];
  }
}

function left(note: string): Done {
  return { note, done: false };
}
