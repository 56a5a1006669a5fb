/** A short run of the chaos test, and a proof that it sees what it is to see. `npm run chaos` runs as long as it is told to. */

import { expect, it, onTestFailed } from "vitest";
import { type ChaosOptions, runChaos } from "./chaos.ts";

/** Its first round does nearly everything there is. */
const SEED = 213;

async function chaos(options: Partial<ChaosOptions>) {
  const said: string[] = [];
  onTestFailed(() => console.log(said.join("\n")));
  const say = (line: string): void => void said.push(line);
  const report = await runChaos({ seed: SEED, isOver: () => true, say, ...options });
  said.push(report.log);
  return report;
}

it("nothing is lost or left behind, whatever is killed, stopped, reloaded and scaled at the same time", async () => {
  const { faults, ledger } = await chaos({});
  expect(faults).toEqual([]);
  expect(ledger.deeds.filter(({ done }) => done).length).toBeGreaterThan(5);
}, 120_000);

it("sees requests that are reset, and ends at the first look", async () => {
  const { faults, ledger } = await chaos({ misbehave: "reset" });
  expect(faults.filter((fault) => fault.includes("reset"))).not.toEqual([]);
  expect(ledger.deeds).toEqual([]);
}, 60_000);
