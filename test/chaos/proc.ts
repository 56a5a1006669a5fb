/** What the system says of processes, their descriptors and sockets: no word of those that are tested is taken for it. */

import { readdirSync, readlinkSync } from "node:fs";
import { isAlive, leftovers, MARKER_VARIABLE, read, state } from "../support/processes.ts";
import { until } from "../support/until.ts";
import type { UnixSockets } from "./ledger.ts";

/** A process of a home. */
export interface Member {
  readonly pid: number;
  readonly command: string;
  /** Null: it is no worker's. */
  readonly worker: number | null;
  readonly slot: number | null;
  /** HOLDFAST_SUPERVISOR: what its supervisor marks everything below it with; null for all others. */
  readonly marker: string | null;
}

/** Every living process of a test's home. */
export function members(id: string): Member[] {
  return leftovers(id).map(({ pid, command }) => {
    const variable = variablesOf(pid);
    const number = (name: string): number | null =>
      variable(name) === null ? null : Number(variable(name));
    return {
      ...{ pid, command, marker: variable("HOLDFAST_SUPERVISOR") },
      ...{ worker: number("HOLDFAST_WORKER"), slot: number("HOLDFAST_SLOT") },
    };
  });
}

/** Living processes that have one of these markers of supervisors, or the test's own. */
export function marked(id: string, markers: ReadonlySet<string>): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isAlive(Number(name)))
    .filter((name) => {
      const variable = variablesOf(Number(name));
      const marker = variable("HOLDFAST_SUPERVISOR");
      return variable(MARKER_VARIABLE) === id || (marker !== null && markers.has(marker));
    })
    .map((name) => `${name} ${read(`/proc/${name}/cmdline`)?.split("\0").join(" ").trim()}`);
}

function variablesOf(pid: number): (name: string) => string | null {
  const lines = (read(`/proc/${pid}/environ`) ?? "").split("\0");
  return (name) =>
    lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
}

/** Sends SIGSTOP, and resolves when the process stands still; false when it ends instead. */
export async function stopped(pid: number): Promise<boolean> {
  send(pid, "SIGSTOP");
  await until(() => state(pid) === "T" || !isAlive(pid), {
    what: `process ${pid} to stand still`,
    intervalMs: 1,
  });
  return state(pid) === "T";
}

/** False when there is no such process any more. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Sockets that processes hold, by their inodes. */
export function heldSockets(pids: readonly number[]): ReadonlySet<string> {
  return new Set(
    pids.flatMap(targets).flatMap((target) => /^socket:\[(\d+)\]/.exec(target)?.[1] ?? []),
  );
}

/**
 * The clients' ports of all connections to the server's port that a process holds, and of those that nobody holds: a
 * connection on its way from one process to another is with the one it is sent to. `others`: what all others held
 * shortly before.
 */
export function heldPorts(pid: number, serverPort: number, others: ReadonlySet<string>): number[] {
  const own = heldSockets([pid]);
  return ["tcp", "tcp6"].flatMap((table) =>
    (read(`/proc/net/${table}`) ?? "")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => portOf(fields[1]) === serverPort)
      // One that no process has accepted, or that is over, has no inode.
      .filter(([, , , , , , , , , inode = "0"]) => inode !== "0")
      .filter(([, , , , , , , , , inode = "0"]) => own.has(inode) || !others.has(inode))
      .map((fields) => portOf(fields[2]))
      // Listening sockets have no peer.
      .filter((port) => port > 0),
  );
}

function portOf(address = ""): number {
  return Number.parseInt(address.split(":")[1] ?? "", 16);
}

/** Descriptors of a process, counted by what they are. */
export function descriptors(pid: number): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const target of targets(pid)) {
    const kind = target.startsWith("/") ? target : target.replace(/:?\[?\d+\]?$/, "");
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function targets(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(`${folder}/${fd}`)];
      } catch {
        // Closed meanwhile.
        return [];
      }
    });
  } catch {
    // The process has ended.
    return [];
  }
}

const LISTENS = 0x10000;

/** UNIX sockets with a path below the home, on the side that was dialed. */
export function unixSockets(home: string): UnixSockets[] {
  const found = new Map<string, { listening: number; connected: number }>();
  for (const line of (read("/proc/net/unix") ?? "").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const path = fields[7];
    if (!path?.startsWith(`${home}/`)) continue;
    const name = path.slice(home.length + 1);
    const counts = found.get(name) ?? { listening: 0, connected: 0 };
    if ((Number.parseInt(fields[3] ?? "", 16) & LISTENS) !== 0) counts.listening += 1;
    else counts.connected += 1;
    found.set(name, counts);
  }
  return [...found].map(([name, counts]) => ({ name, ...counts }));
}
