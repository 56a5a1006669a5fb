/** examples/cron-leader: each second's job is done once and by one worker, over reloads and kills of who does it. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { judge, numbers } from "../support/examples/judge.ts";
import { until } from "../support/until.ts";

const ROUNDS = 5;
const APPS = ["leader", "handover"] as const;
type App = (typeof APPS)[number];

interface Step {
  readonly second: number;
  readonly step: "begins" | "ends";
  readonly fence: number | null;
  readonly slot: number;
  readonly pid: number;
}

/** What one worker did from its first step to its last. */
interface Term {
  readonly pid: number;
  readonly slot: number;
  readonly fences: readonly (number | null)[];
}

/** All workers of an app write to one file, in the order in which the kernel takes their lines. */
class Journal {
  readonly folder = mkdtempSync(join(tmpdir(), "hf-cron-"));

  file(app: App): string {
    return join(this.folder, `${app}.log`);
  }

  steps(app: App): readonly Step[] {
    const lines = readFileSync(this.file(app), "utf8").split("\n");
    return lines.slice(0, -1).map((line) => JSON.parse(line));
  }

  done(app: App): readonly number[] {
    return this.steps(app).flatMap(({ second, step }) => (step === "ends" ? [second] : []));
  }

  /** Resolves when more seconds have been done. */
  async more(app: App): Promise<void> {
    const before = this.done(app).length;
    await until(() => this.done(app).length > before, { what: `more jobs of ${app}` });
  }

  /** Resolves with who has just begun a job. */
  async atWork(app: App): Promise<Step> {
    return until(
      () => {
        const last = this.steps(app).at(-1);
        return last?.step === "begins" && last;
      },
      { what: `${app} to be at work`, intervalMs: 5 },
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function termsOf(steps: readonly Step[]): readonly Term[] {
  const terms: { pid: number; slot: number; fences: (number | null)[] }[] = [];
  for (const { pid, slot, fence } of steps) {
    if (terms.at(-1)?.pid !== pid) terms.push({ pid, slot, fences: [] });
    const fences = terms.at(-1)?.fences;
    if (!fences?.includes(fence)) fences?.push(fence);
  }
  return terms;
}

/** Jobs that another worker began something beside, but for those of workers that were killed within them. */
function overlaps(steps: readonly Step[], killed: ReadonlySet<number>): readonly Step[] {
  return steps.filter(({ step, pid, second }, at) => {
    const next = steps[at + 1];
    if (step !== "begins" || next === undefined) return false;
    const isItsEnd = next.step === "ends" && next.pid === pid && next.second === second;
    return !isItsEnd && !(killed.has(pid) && next.step === "begins" && next.pid !== pid);
  });
}

/** Kills who is at work; resolves with that worker and those that stood by. */
async function killAtWork(example: Example, journal: Journal, app: App) {
  const standby = (await example.workers(app)).map(({ pid }) => pid);
  const { pid, slot } = await journal.atWork(app);
  process.kill(pid, "SIGKILL");
  await until(
    async () =>
      (await example.workers(app)).some((worker) => worker.slot === slot && worker.pid !== pid),
    { what: "the successor", timeoutMs: 30_000, intervalMs: 100 },
  );
  await journal.more(app);
  const terms = termsOf(journal.steps(app));
  const next = terms[terms.findIndex((term) => term.pid === pid) + 1];
  return { pid, slot, next, stoodBy: standby.includes(next?.pid ?? 0) };
}

it("is done by one worker at a time, each second once, over reloads and kills of that worker", async () => {
  using journal = new Journal();
  await using example = await Example.start("cron-leader", {
    apps: {
      leader: { outFile: journal.file("leader") },
      // Two of slot 0 are ready side by side for most of a second: without hand-over both would do the job.
      handover: { outFile: journal.file("handover"), minUptime: 600 },
    },
  });
  const killed = new Set<number>();
  const successions: Record<App, object[]> = { leader: [], handover: [] };
  await Promise.all(APPS.map((app) => journal.more(app)));
  for (let round = 0; round < ROUNDS; round += 1) {
    await Promise.all(APPS.map((app) => example.reload(app)));
    const deaths = await Promise.all(APPS.map((app) => killAtWork(example, journal, app)));
    deaths.forEach(({ pid, slot, next, stoodBy }, nth) => {
      killed.add(pid);
      successions[APPS[nth] as App].push({ sameSlot: next?.slot === slot, stoodBy });
    });
  }
  // One that stands by leads at once; a slot's job waits for the slot's next worker.
  expect(successions).toEqual({
    leader: successions.leader.map(() => ({ sameSlot: false, stoodBy: true })),
    handover: successions.handover.map(() => ({ sameSlot: true, stoodBy: false })),
  });
  for (const app of APPS) {
    const steps = journal.steps(app);
    expect(overlaps(steps, killed)).toEqual([]);
    const terms = termsOf(steps);
    const pids = terms.map(({ pid }) => pid);
    // Who has let go does not come back.
    expect(pids).toEqual([...new Set(pids)]);
    expect(terms.length).toBeGreaterThan(2 * ROUNDS);
    const done = journal.done(app);
    const { lost, doubled, late } = judge(numbers(done[0] ?? 0, done.at(-1) ?? 0), done);
    expect({ lost, late }).toEqual({ lost: [], late: [] });
    // A worker that dies within a job leaves it to be done; one that dies right after it, to be done once more.
    expect(doubled.length).toBeLessThanOrEqual(ROUNDS);
    const fences = terms.flatMap((term) => term.fences);
    if (app === "handover") expect(new Set(fences)).toEqual(new Set([null]));
    else expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => Number(a) - Number(b)));
    expect(new Set(terms.map(({ slot }) => slot)).size > 1).toBe(app === "leader");
  }
}, 240_000);
