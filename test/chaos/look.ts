/** Brings everything to rest and counts what there is. */

import { after } from "../support/output.ts";
import { fdCount } from "../support/processes.ts";
import { until } from "../support/until.ts";
import type { Deeds } from "./deeds.ts";
import type { Held, Ledger, Look } from "./ledger.ts";
import { descriptors, unixSockets } from "./proc.ts";
import { CALM_SIZE } from "./schedule.ts";
import { APP, type World } from "./world.ts";

const READY_WITHIN_MS = 30_000;
const HANDLED_WITHIN_MS = 30_000;
const STILL_WITHIN_MS = 5000;
/** So long nothing may have changed for it to be at rest. */
const STILL_MS = 300;

/**
 * The loads have stopped before. What cannot be brought to rest is a fault, and so is what the judge finds in what is
 * seen then.
 */
export async function look(
  world: World,
  deeds: Deeds,
  ledger: Ledger,
  step: number,
): Promise<Look> {
  const unrest: string[] = [];
  const wait = async (what: string, timeoutMs: number, is: () => Promise<boolean>) => {
    await until(is, { what, timeoutMs, intervalMs: 100 }).catch((error: Error) => {
      unrest.push(error.message);
    });
  };
  await deeds.rest();
  if (!(await deeds.settled())) unrest.push("nobody is in charge, or no heir holds what listens");
  await deeds.command(step, ["scale", APP, String(CALM_SIZE)]);
  await wait("all workers, and no others, to be ready", READY_WITHIN_MS, () => isWhole(world));
  await wait("messages to be handled", HANDLED_WITHIN_MS, async () => isHandled(world, ledger));
  await wait("nothing to be opened or closed", STILL_WITHIN_MS, () => isStill(world));
  return { ...(await seen(world)), step, at: Date.now(), unrest };
}

async function isWhole(world: World): Promise<boolean> {
  const { app } = await world.overview();
  return (
    app !== undefined &&
    app.workers.length === CALM_SIZE &&
    app.workers.every(({ phase }) => phase === "ready")
  );
}

function isHandled(world: World, ledger: Ledger): boolean {
  const ended = new Set(
    world
      .lines()
      .filter(({ what }) => what === "end")
      .map(({ name }) => name),
  );
  return [...ledger.accepted.keys()].every((name) => ended.has(name));
}

async function isStill(world: World): Promise<boolean> {
  const counts = (): string =>
    world
      .members()
      .map(({ pid }) => `${pid}:${fdCount(pid)}`)
      .join();
  const before = counts();
  await after(STILL_MS);
  return counts() === before;
}

async function seen(world: World): Promise<Omit<Look, "step" | "at" | "unrest">> {
  const overview = await world.overview().catch(() => null);
  const members = world.members();
  const claimed = world.claimed();
  const heirs = world.heirs();
  const workers = members.filter(({ worker }) => worker !== null);
  const others = members.filter(
    ({ pid, worker }) => worker === null && pid !== claimed && !heirs.includes(pid),
  );
  const held = (role: Held["role"], pids: readonly number[]): Held[] =>
    pids.map((pid) => ({ role, pid, kinds: descriptors(pid) }));
  return {
    wanted: CALM_SIZE,
    ready: overview?.app?.ready ?? 0,
    listed: overview?.app?.workers.map(({ pid }) => pid ?? 0) ?? [],
    workers: workers.map(({ pid }) => pid),
    claimed,
    supervisor: overview?.pid ?? null,
    heirs,
    heirsWanted: world.hasHeir ? 1 : 0,
    strangers: others.map(({ pid, command }) => `${pid} ${command}`),
    held: [
      ...held("supervisor", claimed === null ? [] : [claimed]),
      ...held("heir", heirs),
      ...held(
        "worker",
        workers.map(({ pid }) => pid),
      ),
    ],
    sockets: unixSockets(world.home),
  };
}
