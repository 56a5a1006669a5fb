/**
 * P4: the death of the supervisor costs nothing. Killed again and again under every kind of load it is followed by its
 * heir; stopped it is left in charge; killed together with its heir it is followed by whoever starts the next one.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { expectClean } from "../support/ledger.ts";
import {
  startFreshLoad,
  startKeepAliveLoad,
  startSseClients,
  startWsClients,
} from "../support/load.ts";
import { isAlive, listenersOn } from "../support/processes.ts";
import { until } from "../support/until.ts";

const KILLS = 20;
/** While so many sockets open at once, and until they have had so many answers together. */
const OPENING = 100;
const OPENING_KILLS = 8;
const ECHOES = 3000;
/** Whoever dies sooner may have died of what it took over, and is followed more slowly after some of those. */
const REIGN_MS = 1100;

interface Rule {
  readonly pid: number;
  readonly heir: number;
}

/** The pids of the app's workers. */
async function workers(house: House): Promise<readonly (number | null)[]> {
  return (await house.overview()).apps.flatMap((app) => app.workers.map(({ pid }) => pid));
}

/** Who rules, once somebody would follow. */
async function ruled(house: House): Promise<Rule> {
  let found: Rule | null = null;
  await until(
    async () => {
      const { pid, heir } = (await house.overview()).supervisor;
      found = heir.pid === null ? null : { pid, heir: heir.pid };
      return found;
    },
    { what: "an heir" },
  );
  return found as unknown as Rule;
}

/** Under loads of every kind, none of which may notice anything of what `happen` does. */
async function unnoticed(house: House, happen: (served: () => number) => Promise<void>) {
  const port = await freePort();
  const env = { PORT: String(port) };
  await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "3"], { env });
  const before = await workers(house);
  const listeners = listenersOn(port).map(({ inode }) => inode);
  const loads = [
    startFreshLoad({ port, clients: 6 }),
    startKeepAliveLoad({ port, clients: 6, thinkMs: 5 }),
  ];
  const sockets = startWsClients({ port, clients: 8 });
  const streams = startSseClients({ port, clients: 8 });
  await happen(() => loads.reduce((sum, { ledger }) => sum + ledger.ok, 0));
  expect(await workers(house)).toEqual(before);
  expect(listenersOn(port).map(({ inode }) => inode)).toEqual(listeners);
  for (const load of loads) expectClean(await load.stop(), { minOk: 100 });
  const [talks, read] = [await sockets.stop(), await streams.stop()];
  expectClean(talks, { minOk: 20 });
  expectClean(read, { minOk: 0 });
  // None had to come again.
  expect([talks.counts.opened, talks.counts.closeCodes, read.counts.opened]).toEqual([8, {}, 8]);
}

async function kill(...pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => !pids.some(isAlive), { what: "their end" });
}

describe("P4: the death of the supervisor", () => {
  it("again and again: its heir follows, and no request, WebSocket or event stream is lost", async () => {
    await using house = new House();
    await unnoticed(house, async (served) => {
      for (let kills = 1; kills <= KILLS; kills++) {
        const { pid, heir } = await ruled(house);
        const [soFar, since] = [served(), performance.now()];
        await until(() => performance.now() - since > REIGN_MS, { what: "a reign" });
        await kill(pid);
        expect((await ruled(house)).pid).toBe(heir);
        await until(() => served() > soFar + 100, { what: "100 more requests" });
      }
      expect((await house.overview()).supervisor.takeovers).toBe(KILLS);
      expect((await house.ok(["metrics"])).stdout).toContain(`holdfast_takeovers_total ${KILLS}`);
    });
  }, 120_000);

  it("amid sockets that open: each has one worker, also those on their way from one to another", async () => {
    await using house = new House();
    const port = await freePort();
    const env = { PORT: String(port) };
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "4"], { env });
    for (let kills = 1; kills <= OPENING_KILLS; kills++) {
      const { pid } = await ruled(house);
      const since = performance.now();
      await until(() => performance.now() - since > REIGN_MS, { what: "a reign" });
      const sockets = startWsClients({ port, clients: OPENING, intervalMs: 5 });
      const first = (OPENING * kills) / (OPENING_KILLS + 1);
      await until(() => sockets.counts.opened > first, { what: "the first", intervalMs: 1 });
      await kill(pid);
      const all = (): boolean => sockets.counts.opened >= OPENING && sockets.ledger.ok > ECHOES;
      await until(all, { what: "all to open and to be answered" });
      const talks = await sockets.stop();
      expectClean(talks, { minOk: ECHOES });
      expect([talks.counts.opened, talks.counts.closeCodes]).toEqual([OPENING, {}]);
    }
  }, 120_000);

  it("stopped it is not dead: nobody else rules while it sleeps, nor when it wakes", async () => {
    await using house = new House();
    await unnoticed(house, async (served) => {
      const { pid, heir } = await ruled(house);
      const soFar = served();
      process.kill(pid, "SIGSTOP");
      await until(() => served() > soFar + 500, { what: "500 more requests" });
      expect(claim(house)).toBe(pid);
      process.kill(pid, "SIGCONT");
      expect(await ruled(house)).toEqual({ pid, heir });
      expect((await house.overview()).supervisor.takeovers).toBe(0);
    });
  }, 120_000);

  it("heir and supervisor asleep, the one is killed: the other rules once it wakes", async () => {
    await using house = new House();
    await unnoticed(house, async (served) => {
      const { pid, heir } = await ruled(house);
      process.kill(heir, "SIGSTOP");
      const soFar = served();
      await kill(pid);
      await until(() => served() > soFar + 200, { what: "200 more requests" });
      process.kill(heir, "SIGCONT");
      expect((await ruled(house)).pid).toBe(heir);
    });
  }, 120_000);

  it("an heir that is killed is replaced; both killed at once, the next start goes on", async () => {
    await using house = new House();
    await unnoticed(house, async (served) => {
      const first = await ruled(house);
      await kill(first.heir);
      const isReplaced = async (): Promise<boolean> => (await ruled(house)).heir !== first.heir;
      await until(isReplaced, { what: "the next heir" });
      const next = await ruled(house);
      expect(next.pid).toBe(first.pid);
      await kill(next.pid, next.heir);
      const soFar = served();
      await until(() => served() > soFar + 200, { what: "requests without a supervisor" });
      await house.ok(["start", "web"]);
      const { pid } = await ruled(house);
      expect([next.pid, next.heir]).not.toContain(pid);
    });
  }, 120_000);
});

/** Who has the home. */
function claim(house: House): number {
  return JSON.parse(readFileSync(join(house.home, "supervisor.pid"), "utf8")).pid;
}
