/** Looks at the machine, the home and the supervisor. Judges nothing. */

import { accessSync, constants, readdirSync, type Stats, statfsSync, statSync } from "node:fs";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { Overview } from "../../core/overview.ts";
import { explained } from "../../errors.ts";
import { cpuQuota } from "../../system/cgroup.ts";
import { usableCpus } from "../../system/cpus.ts";
import type { Home } from "../../system/home.ts";
import { fdLimit, isAlive, startTicks } from "../../system/proc.ts";
import { readText } from "../../system/read.ts";
import { findSupervisor } from "../connect.ts";
import { programsIn } from "../startup/programs.ts";
import { MARKER } from "../startup/service.ts";
import { version } from "../version.ts";
import type { Facts, HeirFacts, HomeFacts, ServiceFacts, SupervisorFacts } from "./facts.ts";

const ANSWER_WITHIN_MS = 5000;
const UNITS = "/etc/systemd/system";

export interface Asked {
  readonly home: Home;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder of systemd's units. Default: /etc/systemd/system. */
  readonly units?: string;
}

/** Takes as long as the supervisor does to answer, at most some seconds. Never rejects. */
export async function gather({ home, env, units = UNITS }: Asked): Promise<Facts> {
  const { supervisor, overview } = await askSupervisor(home);
  const workers = overview?.apps.flatMap((app) => app.workers) ?? null;
  return {
    now: Date.now(),
    node: process.version,
    version: version(),
    openFiles: fdLimit(),
    somaxconn: numberIn("/proc/sys/net/core/somaxconn"),
    memory: memoryFacts(workers),
    cpus: { ...usableCpus(), quota: cpuQuota(readText)?.cpus ?? null },
    workers: workers && workers.length > 0 ? workers.length : null,
    home: homeFacts(home),
    nodeOptions: env.NODE_OPTIONS ?? "",
    services: serviceFacts(units),
    supervisor,
    runsForeground: isForeground(readText("/proc/1/cmdline") ?? ""),
  };
}

async function askSupervisor(
  home: Home,
): Promise<{ supervisor: SupervisorFacts; overview: Overview | null }> {
  try {
    const client = await findSupervisor(home);
    if (!client) return { supervisor: { type: "none" }, overview: null };
    try {
      const overview = await client.call("overview", {}, { timeoutMs: ANSWER_WITHIN_MS });
      return { supervisor: answering(overview.supervisor), overview };
    } finally {
      client.close();
    }
  } catch (error) {
    // The home is no folder, which is told as such.
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") {
      return { supervisor: { type: "none" }, overview: null };
    }
    const { message, remedy } = explained(error);
    return { supervisor: { type: "fault", message, remedy }, overview: null };
  }
}

/** One of an earlier version says nothing of heirs. */
function answering(said: Overview["supervisor"]): SupervisorFacts {
  const { pid, version: theirs, node, heir, takeovers = 0 } = said as Partial<typeof said>;
  const facts = { pid: pid ?? 0, version: theirs ?? "unknown", node: node ?? "unknown", takeovers };
  return { type: "answers", ...facts, heir: heir ? heirFacts(heir) : null };
}

function heirFacts({ wanted, pid }: Overview["supervisor"]["heir"]): HeirFacts {
  const memory = pid === null ? null : readText(`/proc/${pid}/smaps_rollup`);
  const kib = /^Pss:\s+(\d+) kB$/m.exec(memory ?? "")?.[1];
  return { wanted, pid, memoryBytes: kib === undefined ? null : Number(kib) * 1024 };
}

/** Of a process's words, with a NUL behind each: `holdfast run`, also behind an init. */
export function isForeground(commandLine: string): boolean {
  return /(?:^|[/\0 ])holdfast(?:\.cjs)?[\0 ]run(?:[\0 ]|$)/.test(commandLine);
}

/** process.constrainedMemory() is 0, or more than there is, where nothing limits it. */
function memoryFacts(
  workers: readonly { readonly memoryBytes: number | null }[] | null,
): Facts["memory"] {
  const total = totalmem();
  const limit = process.constrainedMemory?.() ?? 0;
  const isLimited = limit > 0 && limit < total;
  const used = workers?.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0) ?? null;
  return { limitBytes: isLimited ? limit : total, isLimited, usedBytes: used };
}

function homeFacts(home: Home): HomeFacts {
  const { directory, socket, pidFile } = home;
  const found = statOf(directory);
  const nearest = found ? directory : nearestFolder(directory);
  const claim = readText(pidFile);
  return {
    directory,
    found: found ? { uid: found.uid, mode: found.mode, isDirectory: found.isDirectory() } : null,
    uid: process.getuid?.() ?? -1,
    isWritable: isWritable(nearest),
    freeBytes: freeBytes(nearest),
    hasSocket: statOf(socket) !== null,
    claim: claim === null ? null : claimIn(claim),
  };
}

function nearestFolder(path: string): string {
  let folder = path;
  while (folder !== dirname(folder) && !statOf(folder)) {
    folder = dirname(folder);
  }
  return folder;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** A pid with its start time names one process; another with the same pid is not it. */
function claimIn(text: string): HomeFacts["claim"] {
  try {
    const { pid, startTicks: started } = JSON.parse(text) as { pid: unknown; startTicks: unknown };
    if (!Number.isSafeInteger(pid)) return { pid: null, isAlive: false };
    const ticks = startTicks(Number(pid));
    const isSame = typeof started !== "number" || ticks === null || ticks === started;
    return { pid: Number(pid), isAlive: isAlive(Number(pid)) && isSame };
  } catch {
    return { pid: null, isAlive: false };
  }
}

function serviceFacts(units: string): readonly ServiceFacts[] {
  return unitFiles(units).flatMap((file) => {
    const text = readText(file);
    if (!text?.includes(MARKER)) return [];
    const programs = programsIn(text).map((path) => ({ path, exists: statOf(path) !== null }));
    return [{ file, programs }];
  });
}

function unitFiles(units: string): readonly string[] {
  try {
    return readdirSync(units)
      .filter((name) => name.endsWith(".service"))
      .map((name) => join(units, name));
  } catch {
    // No systemd.
    return [];
  }
}

/** Null also where a file stands for a folder on the way, or one may not look. */
function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

function numberIn(path: string): number | null {
  const text = readText(path)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : null;
}
