/** `holdfast upgrade`: the supervisor becomes this Holdfast, and no worker notices. */

import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, isExplained } from "../../errors.ts";
import type { Upgraded } from "../../link/control.ts";
import { type ControlClient, connectControl } from "../../link/control-client.ts";
import { HEIR_PROGRAM, TAKEOVER_PROGRAM } from "../../supervisor/heir-programs.ts";
import type { Home } from "../../system/home.ts";
import { isAlive } from "../../system/proc.ts";
import { withUnixPath } from "../../system/unix-path.ts";
import { callShown, timeoutOf } from "../call.ts";
import { dialSupervisor, homeOf } from "../connect.ts";
import { talkOf } from "../outcomes.ts";
import { version } from "../version.ts";

/** For all of it. A supervisor starts in half a second; an old machine under load takes longer. */
const WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 20;
const ANSWER_WITHIN_MS = 5000;

/** Returns when the new one answers; 6 where the old one goes on. */
export async function upgradeCommand(flags: Record<string, unknown>): Promise<number> {
  const home = homeOf(flags);
  const talk = talkOf(flags);
  const timeoutMs = timeoutOf(flags, WITHIN_MS);
  const began = performance.now();
  const client = await dialSupervisor(home);
  if (!client) throw new HoldfastError("HF_NO_SUPERVISOR", { home: home.directory });
  const before = client.supervisor;
  const to = version();
  talk.say(
    before.version === to
      ? `the supervisor (pid ${before.pid}) is Holdfast ${to} already: it is replaced by one of the same version`
      : `the supervisor (pid ${before.pid}) is Holdfast ${before.version}; Holdfast ${to} is to follow`,
  );
  const done = await ask(client, timeoutMs, flags);
  talk.say(`pid ${done.pid} is ready and has every listening socket; pid ${before.pid} steps down`);
  const now = await successor(home, before.pid, done, began + timeoutMs);
  const tookMs = Math.round(performance.now() - began);
  const { pid } = now;
  talk.data({ from: done.from, to: now.version, node: done.node, pid, before: before.pid, tookMs });
  talk.say(
    `Holdfast ${now.version} on Node ${done.node} is the supervisor now (pid ${pid}), after ${tookMs} ms; workers have served on`,
  );
  return 0;
}

async function ask(
  client: ControlClient,
  timeoutMs: number,
  flags: Record<string, unknown>,
): Promise<Upgraded> {
  const programs = { node: process.execPath, heir: HEIR_PROGRAM, takeover: TAKEOVER_PROGRAM };
  // Its own word, that it goes on, comes before this command gives up.
  const asked = { ...programs, version: version(), withinMs: Math.max(100, timeoutMs - 1000) };
  try {
    return await callShown(client, "upgrade", asked, { ...flags, timeout: `${timeoutMs}ms` });
  } finally {
    client.close();
  }
}

/** Waits for the one that follows to answer. Rejects with HF_UPGRADE_FAILED where that does not come to pass. */
async function successor(
  home: Home,
  before: number,
  { from, to, pid }: Upgraded,
  until: number,
): Promise<{ readonly pid: number; readonly version: string }> {
  let reason = "no supervisor answers";
  for (;;) {
    const found = await answering(home);
    // It may have been killed at once, and its own heir be there.
    if (found && (found.pid === pid || (found.version === to && from !== to))) return found;
    const isLost = found !== null && found.pid !== before;
    if (isLost) reason = `Holdfast ${found.version} (pid ${found.pid}) has followed in its place`;
    else if (found) reason = `the old one (pid ${before}) still answers`;
    if (isLost || performance.now() >= until) {
      if (isAlive(pid)) reason += `; pid ${pid} still runs`;
      throw new HoldfastError("HF_UPGRADE_FAILED", { from, to, reason });
    }
    await pause(LOOK_EVERY_MS);
  }
}

/** Who rules, and not only listens; null where nobody does yet. */
async function answering(
  home: Home,
): Promise<{ readonly pid: number; readonly version: string } | null> {
  let client: ControlClient | null = null;
  try {
    client = await withUnixPath(home.socket, (path) => connectControl(path, version()));
    const said = await client?.call("overview", {}, { timeoutMs: ANSWER_WITHIN_MS });
    return said?.supervisor ?? null;
  } catch (error) {
    if (isExplained(error) || (error as NodeJS.ErrnoException).code !== undefined) return null;
    throw error;
  } finally {
    client?.close();
  }
}
