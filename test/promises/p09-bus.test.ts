/**
 * P9: a durable message that was accepted is delivered, whatever is killed; a request ends in time, whatever is killed.
 * For a minute workers die about every second, and the supervisor about every ten.
 */

import { afterEach, describe, expect, it, onTestFailed } from "vitest";
import type { Bus } from "../../src/bus/api.ts";
import { connect } from "../../src/bus/connect.ts";
import { expectNoLeftovers, pssKb } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { judge, type Kill, type Line, outagesOf, readLines } from "./bus-judge.ts";
import { misanswered, Outside } from "./bus-outside.ts";
import { randomOf, Storm } from "./bus-storm.ts";

const RAGE_MS = 60_000;
const OUTSIDERS = 3;
const ASKERS = 4;
/** After the storm messages of a supervisor that was killed come back within 10 s, and failed ones within one more. */
const DRAINED_WITHIN_MS = 30_000;
const SUPERVISOR_KB = 300_000;

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

describe("P9: whatever is killed", () => {
  it("accepted messages are handled, and requests end in time, for a minute", async () => {
    const seed = Number(process.env.P9_SEED ?? Date.now() % 2 ** 31);
    const said = `seed ${seed} (P9_SEED)`;
    onTestFailed(() => console.log(said));
    const random = randomOf(seed);
    const storm = await Storm.brew(random);
    ends.push(() => storm.dispose());
    const clients = await Promise.all(
      Array.from({ length: OUTSIDERS }, () => connect(storm.url, { psk: storm.psk })),
    );
    ends.push(() => Promise.all(clients.map((client) => client.close({ timeout: 1 }))));
    const outsiders = clients.map((client, n) => new Outside(client, `outside${n}`, randomOf(n)));
    ends.push(() => Promise.all(outsiders.map((outsider) => outsider.rest())));

    await storm.rage(RAGE_MS);
    await storm.calm();
    await Promise.all(outsiders.map((outsider) => outsider.rest()));
    const client = clients[0] as Bus;
    await rested(client);
    const leftInQueue = await drained(client);

    const accepted = outsiders.flatMap((outsider) => outsider.accepted);
    const asked = outsiders.flatMap((outsider) => outsider.asked);
    const verdict = judge({ ...storm.account(), accepted });
    const memoryKb = pssKb(storm.supervisor.pid);
    console.log(told(storm, outsiders, verdict, memoryKb));
    expect(verdict.faults.slice(0, 20), `${verdict.faults.length} faults, ${said}`).toEqual([]);
    expect(leftInQueue, said).toEqual([]);
    const wrong = outsiders.flatMap(({ asked: own, ups }) =>
      misanswered(own, outagesOf(storm, ups)),
    );
    expect(wrong.slice(0, 20), `${wrong.length} requests, ${said}`).toEqual([]);
    expect(refusals(outsiders).filter(([code]) => !code.startsWith("HF_BUS_"))).toEqual([]);
    expect(storm.ends, said).toEqual([]);
    expect(storm.strays(), said).toEqual([]);
    expect(Math.max(memoryKb, storm.peakKb), said).toBeLessThan(SUPERVISOR_KB);
    // It was a storm, and the load went on in it.
    expect(storm.kills.filter(({ what }) => what === "worker").length).toBeGreaterThan(30);
    expect(storm.kills.filter(({ what }) => what === "supervisor").length).toBeGreaterThan(3);
    expect(verdict.again).toBeGreaterThan(0);
    // Not for the next supervisor's death, and the next one's: what its workers had is given out as soon as there are some.
    expect(verdict.slowestAfterSupervisorMs, said).toBeLessThan(20_000);
    expect(verdict.accepted).toBeGreaterThan(1000);
    expect(asked.filter(({ outcome }) => outcome === "answer").length).toBeGreaterThan(300);

    for (const each of clients) await each.close();
    expect(await storm.supervisor.stop({ timeoutMs: 30_000 }), said).toMatchObject({ code: 0 });
    await expectNoLeftovers(storm.supervisor.id);
  }, 240_000);
});

/** The workers that enqueue have stopped that, and know what was accepted. */
async function rested(client: Bus): Promise<void> {
  const rest = async (): Promise<boolean> => {
    const { results } = await client.gather("rest", undefined, { timeout: "15s" });
    return results.length === ASKERS;
  };
  await until(rest, { what: "all askers to rest", timeoutMs: 30_000 });
}

/** What is in the queues when it should be nothing. */
async function drained(client: Bus): Promise<readonly unknown[]> {
  const look = () => client.queues.list();
  const isEmpty = async (): Promise<boolean> => (await look()).length === 0;
  const wait = { what: "empty queues", timeoutMs: DRAINED_WITHIN_MS, intervalMs: 200 };
  return until(isEmpty, wait).then(
    () => [],
    () => look(),
  );
}

function refusals(outsiders: readonly Outside[]): [string, number][] {
  return outsiders.flatMap((outsider) => [...outsider.refusals]);
}

function told(
  storm: Storm,
  outsiders: readonly Outside[],
  { accepted, again, twice, slowestReturnMs, slowestAfterSupervisorMs }: ReturnType<typeof judge>,
  memoryKb: number,
): string {
  const count = (wanted: Kill["what"]) => storm.kills.filter(({ what }) => what === wanted).length;
  const outcomes = new Map<string, number>();
  for (const { asked } of outsiders) {
    for (const { outcome } of asked) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return [
    `killed: ${count("worker")} workers, ${count("supervisor")} supervisors`,
    `accepted: ${accepted}; handed out again: ${again}; handled to their end more than once: ${twice.length}, killed so many ms after it: ${twice}`,
    `back from a killed worker within ${slowestReturnMs} ms, from a killed supervisor within ${slowestAfterSupervisorMs} ms`,
    `requests: ${JSON.stringify([...outcomes])}; refused: ${JSON.stringify(refusals(outsiders))}`,
    `from a death of the supervisor to all workers ready: ${storm.outagesMs} ms`,
    `memory of the supervisor: ${memoryKb} kB, ${storm.peakKb} kB at most`,
    `faults it told of: ${storm.told}`,
  ].join("\n");
}

describe("the judge", () => {
  const line = (text: string): Line => readLines(text)[0] as Line;
  const first = [line("begin m 1 10 1000 a"), line("end m 1 10 1100 a")];
  const second = [line("begin m 2 11 1500 a"), line("end m 2 11 1600 a")];
  const accepted = [{ id: "m", name: "a" }];
  const killed = (what: Kill["what"], pid: number, at: number): Kill => ({ what, pid, at });
  const faults = (lines: readonly Line[], ...kills: Kill[]) =>
    judge({ lines, accepted, kills, readies: [] }).faults.length;

  it("finds what was lost, stored twice, and given back late", () => {
    expect(faults(first)).toBe(0);
    expect(faults([])).toBe(1);
    expect(faults(first.slice(0, 1))).toBe(1);
    expect(faults([...first, line("stored n 0 10 1000 a"), line("end n 1 10 1100 a")])).toBe(2);
    const late = line("begin m 2 11 9000 a");
    expect(
      faults([...first.slice(0, 1), late, ...second.slice(1)], killed("worker", 10, 1050)),
    ).toBe(1);
  });

  it("lets a message come twice only by a death before it could be acknowledged", () => {
    const twice = [...first, ...second];
    expect(faults(twice)).toBe(1);
    expect(faults(twice, killed("worker", 10, 1110))).toBe(0);
    expect(faults(twice, killed("supervisor", 1, 1050))).toBe(0);
    expect(faults(twice, killed("worker", 11, 1110))).toBe(1);
    expect(faults(twice, killed("worker", 10, 1700))).toBe(1);
    expect(faults(twice, killed("supervisor", 1, 800))).toBe(1);
    const cut = [...first.slice(0, 1), ...second];
    expect(faults(cut)).toBe(1);
    expect(faults(cut, killed("worker", 10, 1450))).toBe(0);
  });

  it("finds requests that end too late, otherwise, or only at their timeout", () => {
    const one = { from: 1000, to: 2000, timeoutMs: 1000, tookMs: 1000, stillMs: 0 };
    const wrong = (more: object, ...kills: Kill[]) =>
      misanswered(
        [{ ...one, outcome: "answer", ...more }],
        outagesOf({ kills, readies: [1600] }, [1700]),
      ).length;
    expect(wrong({})).toBe(0);
    expect(wrong({ tookMs: 1501 })).toBe(1);
    expect(wrong({ tookMs: 1501, stillMs: 2 })).toBe(0);
    expect(wrong({ outcome: "TypeError" })).toBe(1);
    expect(wrong({ outcome: "HF_BUS_WORKER_LOST" })).toBe(0);
    expect(wrong({ outcome: "HF_BUS_TIMEOUT" })).toBe(1);
    const death = killed("supervisor", 1, 1500);
    expect(wrong({ outcome: "HF_BUS_TIMEOUT" }, death)).toBe(0);
    expect(wrong({ outcome: "HF_BUS_TIMEOUT", from: 2300, to: 3300 }, death)).toBe(1);
  });
});
