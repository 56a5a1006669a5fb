/**
 * What Linux tells about processes in /proc (proc(5)). Nothing here throws: elsewhere than on Linux,
 * without the right to look, or when the process is gone, the answer is null or an empty list.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { endianness } from "node:os";
import { basename } from "node:path";
import { oomKillsIn } from "./cgroup.ts";
import { readText } from "./read.ts";
import { listenersIn, unixSocketsIn } from "./sockets.ts";

/** A process that has what somebody else wants. */
export interface Holder {
  readonly pid: number;
  readonly command: string;
}

const LONGEST_COMMAND = 200;
/** O_CLOEXEC, the same on every Linux that Node runs on. */
const CLOSE_ON_EXEC = 0o2000000;

/** The state's letter: R running, S sleeping, D waiting for a device, T stopped, Z zombie. */
export function processState(pid: number): string | null {
  return statFields(pid)?.[0] ?? null;
}

/**
 * When the process started, in clock ticks since boot. With the pid it names one process for ever:
 * pids are used again, start times of one pid are not.
 */
export function startTicks(pid: number): number | null {
  const ticks = Number(statFields(pid)?.[19] ?? "none");
  return Number.isSafeInteger(ticks) ? ticks : null;
}

/**
 * Whether there is such a process; a zombie is gone, and one of another user is there. A zombie with threads is still
 * ending: the last of them closes its files, and until then its sockets are taken and answer.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const fields = statFields(pid);
  return fields?.[0] !== "Z" || Number(fields[17]) > 1;
}

/** A process named for good: pids are used again. */
export interface NamedProcess {
  readonly pid: number;
  /** Null where the system does not tell. */
  readonly startTicks: number | null;
}

/** That very process runs: another one that has its pid by now is not it. */
export function isRunning({ pid, startTicks: started }: NamedProcess): boolean {
  if (!isAlive(pid)) return false;
  const ticks = startTicks(pid);
  return started === null || ticks === null || ticks === started;
}

/** Resident memory in bytes, and CPU time used so far in clock ticks (USER_HZ, 100 a second). */
export function usageOf(pid: number): { memoryBytes: number; cpuTicks: number } | null {
  const fields = statFields(pid);
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? "")?.[1];
  const cpuTicks = Number(fields?.[11] ?? "none") + Number(fields?.[12] ?? "none");
  if (resident === undefined || Number.isNaN(cpuTicks)) return null;
  return { memoryBytes: Number(resident) * 1024, cpuTicks };
}

/** The command line, at most 200 characters; the bare name in brackets for a zombie or kernel thread. */
export function commandOf(pid: number): string | null {
  const line = readText(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim();
  if (line) return line.slice(0, LONGEST_COMMAND);
  const stat = readText(`/proc/${pid}/stat`);
  return stat === null ? null : `[${stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"))}]`;
}

/**
 * The process whose listening TCP socket stands in the way of `address` and `port`. Null, "" and
 * host names stand for any address. Null also where the owner belongs to another user.
 */
export function holderOfPort(address: string | null, port: number): Holder | null {
  return holderOf(listenersAt(address, port));
}

/** Whether it is this process that listens there, by a socket that it does not share with ours. */
export function listensAt(pid: number, address: string, port: number): boolean {
  const links = listenersAt(address, port).map((inode) => `socket:[${inode}]`);
  return links.some(
    (link) => holds(pid, link) && (pid === process.pid || !holds(process.pid, link)),
  );
}

/** Inodes of sockets. */
function listenersAt(address: string | null, port: number): readonly string[] {
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readText(path) ?? "");
  return listenersIn(tables, address, port, endianness());
}

/** `node server.js` of a whole command line: options, code after -e, and what follows may hold secrets. */
export function programOf(command: string): string {
  const [program = "", first = ""] = command.split(/\s+/);
  return `${basename(program)} ${first.startsWith("-") ? "" : basename(first)}`.trim();
}

/** The process that has a UNIX socket bound to `path`, written as it was bound. */
export function holderOfPath(path: string): Holder | null {
  return holderOf(unixSocketsIn(readText("/proc/net/unix") ?? "", path));
}

/**
 * Pids of the processes that were started with `name=value` in their environment: a descendant that
 * left its process group and lost its parents is still found by it. In ascending order.
 */
export function pidsWithEnvironment(name: string, value: string): readonly number[] {
  return pids().filter((pid) => environmentOf(pid).includes(`\0${name}=${value}\0`));
}

/** The variable as the process was started with it; null where it was not, or where we may not look. */
export function variableOf(pid: number, name: string): string | null {
  const environment = environmentOf(pid);
  const found = environment.indexOf(`\0${name}=`);
  if (found < 0) return null;
  const start = found + name.length + 2;
  return environment.slice(start, environment.indexOf("\0", start));
}

/**
 * Descriptors above 2 that every child of this process would inherit. Node opens its own with
 * O_CLOEXEC (open(2)); those without it were somebody's before this process began.
 */
export function inheritedDescriptors(): readonly number[] {
  return entries("/proc/self/fdinfo")
    .map(Number)
    .filter((descriptor) => descriptor > 2 && isInherited(descriptor));
}

function isInherited(descriptor: number): boolean {
  const info = readText(`/proc/self/fdinfo/${descriptor}`) ?? "";
  const flags = /^flags:\s+([0-7]+)/m.exec(info)?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
}

/** NUL before, between and after the entries; one byte a character. */
function environmentOf(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`;
  } catch {
    return "";
  }
}

/** Out-of-memory kills in this process's control group so far; null where nobody counts them. */
export function oomKills(): number | null {
  return oomKillsIn(readText);
}

/** How many files this process may have open (the soft limit); Infinity for no limit. */
export function fdLimit(): number | null {
  const soft = /^Max open files\s+(\S+)/m.exec(readText("/proc/self/limits") ?? "")?.[1];
  if (soft === "unlimited") return Infinity;
  return soft === undefined || !/^\d+$/.test(soft) ? null : Number(soft);
}

/** The fields of /proc/pid/stat from the state on. A name may hold blanks and parentheses, so the last one counts. */
function statFields(pid: number): readonly string[] | null {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? null;
}

function pids(): readonly number[] {
  return entries("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .sort((left, right) => left - right);
}

function holderOf(inodes: readonly string[]): Holder | null {
  if (inodes.length === 0) return null;
  const all = pids();
  for (const inode of inodes) {
    const pid = all.find((each) => holds(each, `socket:[${inode}]`));
    if (pid !== undefined) return { pid, command: commandOf(pid) ?? "unknown" };
  }
  return null;
}

function holds(pid: number, link: string): boolean {
  return entries(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === link;
    } catch {
      return false;
    }
  });
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
