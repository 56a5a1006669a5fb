/** A run: the schedule of a seed, done to a world under load, and judged after each round. */

import { after } from "../support/output.ts";
import { Deeds } from "./deeds.ts";
import { clock, judge, told, type Verdict } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { type Loads, startLoads } from "./loads.ts";
import { look } from "./look.ts";
import { observe } from "./observer.ts";
import { type Kind, type Step, schedule, titleOf } from "./schedule.ts";
import { World, type WorldOptions } from "./world.ts";

export interface ChaosOptions extends WorldOptions {
  readonly seed: number;
  /** Asked at the end of each round. */
  readonly isOver: (round: number) => boolean;
  /** Actions that are left out; the schedule stays what it is. */
  readonly without?: ReadonlySet<Kind>;
  /** Go on when there are faults. */
  readonly goOn?: boolean;
  /** Keep the home where there are faults. */
  readonly keep?: boolean;
  readonly say: (line: string) => void;
}

export interface Report {
  readonly faults: readonly string[];
  readonly ledger: Ledger;
  /** The end of the supervisors' log, and where the home is that was kept. */
  readonly log: string;
  readonly kept: string | null;
}

/** What needs an heir. */
const OF_HEIRS = new Set<Kind>(["kill-supervisor", "kill-heir", "kill-both", "upgrade"]);
/** The first look is before the first step. */
const BEFORE = -1;
/** What a step may have slowed down. */
const COST_WITHIN_MS = 2000;

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const { say, seed } = options;
  say(`seed ${seed}`);
  const world = await World.start(options);
  let faults: readonly string[] = ["it did not come to an end"];
  try {
    const run = new Run(world, options);
    faults = await run.through();
    const log = faults.length > 0 ? world.logTail() : "";
    const kept = options.keep && faults.length > 0 ? world.home : null;
    return { faults, ledger: run.ledger, log, kept };
  } finally {
    world.dispose({ keep: options.keep === true && faults.length > 0 });
  }
}

class Run {
  readonly ledger = new Ledger();
  readonly #world: World;
  readonly #options: ChaosOptions;
  readonly #deeds: Deeds;

  constructor(world: World, options: ChaosOptions) {
    this.#world = world;
    this.#options = options;
    this.#deeds = new Deeds(world, this.ledger);
  }

  /** Resolves with all faults. */
  async through(): Promise<readonly string[]> {
    const unobserve = observe(this.#world, this.ledger);
    let loads = startLoads(this.#world.port, this.ledger);
    try {
      for (const step of this.#steps()) {
        await after(step.pauseMs);
        if (step.action.kind !== "look") {
          await this.#perform(step);
          continue;
        }
        const verdict = await this.#look(step, loads);
        const isDone = step.n !== BEFORE && this.#options.isOver(step.round);
        if (isDone || (verdict.faults.length > 0 && !this.#options.goOn)) break;
        loads = startLoads(this.#world.port, this.ledger);
      }
    } finally {
      await loads.stop();
      unobserve();
    }
    return this.#end();
  }

  *#steps(): Generator<Step> {
    yield { n: BEFORE, round: 0, pauseMs: COST_WITHIN_MS, action: { kind: "look" } };
    yield* schedule(this.#options.seed);
  }

  async #perform(step: Step): Promise<void> {
    const { without, noHeir, say } = this.#options;
    const at = Date.now();
    const { kind } = step.action as { kind: Kind };
    const isLeftOut = without?.has(kind) || (noHeir && OF_HEIRS.has(kind));
    const { note, done } = isLeftOut
      ? { note: "as asked", done: false }
      : await this.#deeds.perform(step);
    this.ledger.deeds.push({ step, at, note, done });
    say(`${told(this.ledger, step.n)}: ${done ? "" : "left out, "}${note}`);
  }

  async #look({ n }: Step, loads: Loads): Promise<Verdict> {
    await loads.stop();
    this.ledger.looks.push(await look(this.#world, this.#deeds, this.ledger, n));
    this.ledger.lines = this.#world.lines();
    const verdict = judge(this.ledger, { isOver: false });
    for (const line of costs(this.ledger, verdict)) this.#options.say(line);
    return verdict;
  }

  async #end(): Promise<readonly string[]> {
    const { ledger } = this;
    ledger.remains.push(...(await this.#world.end()));
    const { broken, told: counts } = this.#world.logFaults();
    ledger.remains.push(...broken.slice(0, 10).map((line) => `supervisor.log: ${line}`));
    const errors = [...counts].map(([what, count]) => `${what} ${count}`).join(", ");
    this.#options.say(`errors in supervisor.log: ${errors || "none"}`);
    this.ledger.lines = this.#world.lines();
    const { faults } = judge(ledger, { isOver: true });
    const well = [...ledger.ok].map(([load, count]) => `${load} ${count}`).join(", ");
    this.#options.say(`went well: ${well}; durable messages accepted: ${ledger.accepted.size}`);
    return faults;
  }
}

/** What the steps since the last look have cost. */
function costs(ledger: Ledger, { faults, costs }: Verdict): string[] {
  const [from, to] = [ledger.looks.at(-2)?.step ?? BEFORE, ledger.looks.at(-1)?.step ?? BEFORE];
  const of = ledger.deeds.filter(({ step, done }) => done && step.n > from && step.n < to);
  const lines = of.map(({ step, at }) => {
    const { requests = 0, sockets = 0 } = costs.get(step.n) ?? {};
    const outage = ledger.outages.find((each) => each.step === step.n);
    const back = outage
      ? `, back after ${outage.to === null ? "-" : outage.to - outage.from} ms`
      : "";
    const { worker, bus } = ledger.slowest([at, at + COST_WITHIN_MS]);
    return `  #${step.n} ${titleOf(step.action)} cost ${requests} requests, ${sockets} sockets, slowest answer ${worker} ms, on the bus ${bus} ms${back}`;
  });
  const at = clock(ledger.looks.at(-1)?.at ?? 0);
  return [...lines, `  at rest after #${to} at ${at}: ${faults.length} faults so far`];
}
