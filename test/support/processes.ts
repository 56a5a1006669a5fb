import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { until } from "./until.ts";

/** One process as /proc shows it. */
export interface ProcessInfo {
  pid: number;
  ppid: number;
  /** R, S, D, T (stopped), Z (zombie), ... */
  state: string;
  /** The command line, or the bare name of a process without one. */
  command: string;
  /** User and system time in clock ticks. */
  cpuTicks: number;
}

/** A process with its children, for messages and assertions about shape. */
export interface ProcessNode extends ProcessInfo {
  children: ProcessNode[];
}

/** The variable that marks every process of one run, inherited down to grandchildren. */
export const MARKER_VARIABLE = "HOLDFAST_TEST_ID";

export function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // Gone, or not ours to read: both are "not there" to a test.
    return undefined;
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function allPids(): number[] {
  return list("/proc").map(Number).filter(Number.isInteger);
}

/** What /proc says about a process; `undefined` when there is none of that id. */
export function processInfo(pid: number): ProcessInfo | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name may contain spaces and brackets: fields are counted from the last bracket.
  const close = stat?.lastIndexOf(")") ?? -1;
  if (stat === undefined || close < 0) return undefined;
  const fields = stat.slice(close + 2).split(" ");
  const command = read(`/proc/${pid}/cmdline`)?.split("\0").join(" ").trim();
  return {
    pid,
    state: fields[0] ?? "?",
    ppid: Number(fields[1]),
    command: command || stat.slice(stat.indexOf("("), close + 1),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
  };
}

/** CPU time used so far, in clock ticks (100 a second on Linux). */
export function cpuTicks(pid: number): number {
  return processInfo(pid)?.cpuTicks ?? 0;
}

/** The state letter, "T" for stopped, "Z" for zombie; `undefined` when the process is gone. */
export function state(pid: number): string | undefined {
  return processInfo(pid)?.state;
}

/** Whether the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const letter = state(pid);
  return letter !== undefined && letter !== "Z" && letter !== "X";
}

/** Memory in kB, with shared pages divided among those who share them; 0 when gone. */
export function pssKb(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? "")?.[1] ?? 0);
}

/** Open file descriptors; 0 when gone. */
export function fdCount(pid: number): number {
  return list(`/proc/${pid}/fd`).length;
}

/** The same, once what was closed elsewhere is closed here, too: in some looks there is no change. */
export async function restingFdCount(pid: number): Promise<number> {
  let [count, looks] = [fdCount(pid), 0];
  const rests = (): boolean => {
    const now = fdCount(pid);
    looks = now === count ? looks + 1 : 0;
    count = now;
    return looks >= 5;
  };
  await until(rests, { what: `the descriptors of ${pid} to stay as they are` });
  return count;
}

/** The process with all that stem from it; children in order of pid. */
export function processTree(pid: number): ProcessNode | undefined {
  const byParent = new Map<number, ProcessInfo[]>();
  for (const id of allPids()) {
    const info = processInfo(id);
    if (info) byParent.set(info.ppid, [...(byParent.get(info.ppid) ?? []), info]);
  }
  const grow = (info: ProcessInfo): ProcessNode => {
    const children = (byParent.get(info.pid) ?? []).sort((a, b) => a.pid - b.pid);
    return { ...info, children: children.map(grow) };
  };
  const root = processInfo(pid);
  return root && grow(root);
}

/** Every process that stems from `pid`, without itself, parents first. */
export function descendants(pid: number): ProcessInfo[] {
  const flatten = ({ children, ...info }: ProcessNode): ProcessInfo[] => [
    info,
    ...children.flatMap(flatten),
  ];
  return processTree(pid)?.children.flatMap(flatten) ?? [];
}

/** Every living process started with this marker, wherever it has been re-parented to. */
export function leftovers(marker: string): ProcessInfo[] {
  const wanted = `${MARKER_VARIABLE}=${marker}`;
  return allPids()
    .filter((pid) => read(`/proc/${pid}/environ`)?.split("\0").includes(wanted))
    .map(processInfo)
    .filter((info) => info !== undefined && info.state !== "Z" && info.state !== "X")
    .filter((info) => info !== undefined);
}

/** SIGKILLs every process of a run, one by one. For cleaning up, not for asserting. */
export function killLeftovers(marker: string): ProcessInfo[] {
  const found = leftovers(marker);
  for (const { pid } of found) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It went by itself.
    }
  }
  return found;
}

/**
 * Fails, naming pid and command line, when processes of the run are alive after `timeoutMs`; they are
 * killed so that the next test starts clean. Orphans announce their exit to nobody: this polls.
 */
export async function expectNoLeftovers(marker: string, timeoutMs = 3_000): Promise<void> {
  try {
    await until(() => leftovers(marker).length === 0, {
      what: "all processes to end",
      timeoutMs,
      intervalMs: 25,
    });
  } catch {
    const left = killLeftovers(marker).map(
      (p) => `  ${p.pid} (parent ${p.ppid}, ${p.state}): ${p.command}`,
    );
    if (left.length > 0)
      throw new Error(`Processes left over after ${timeoutMs} ms:\n${left.join("\n")}`);
  }
}

/** A socket of a TCP port. */
export interface Listener {
  inode: string;
  /** The address as in /proc/net/tcp, hexadecimal. */
  address: string;
  /** Processes that hold it open. */
  pids: number[];
}

/** Every socket that listens on the port (IPv4 and IPv6) with who holds it. */
export function listenersOn(port: number): Listener[] {
  return socketsOn(port, "0A");
}

/** How many connections of the port each process holds. */
export function connectionsOf(pids: Iterable<number>, port: number): Map<number, number> {
  const held = socketsOn(port, "01");
  return new Map(
    [...pids].map((pid) => [pid, held.filter((socket) => socket.pids.includes(pid)).length]),
  );
}

/** Sockets of a local port in a state of /proc/net/tcp (0A listens, 01 is established). */
function socketsOn(port: number, state: string): Listener[] {
  const found: Listener[] = [];
  for (const table of ["tcp", "tcp6"]) {
    for (const line of (read(`/proc/net/${table}`) ?? "").split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [address = "", hexPort = ""] = fields[1]?.split(":") ?? [];
      if (fields[3] === state && Number.parseInt(hexPort, 16) === port) {
        found.push({ inode: fields[9] ?? "", address, pids: [] });
      }
    }
  }
  if (found.length === 0) return found;
  const byLink = new Map(found.map((socket) => [`socket:[${socket.inode}]`, socket]));
  for (const pid of allPids()) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      const holder = byLink.get(linkTarget(`/proc/${pid}/fd/${fd}`));
      if (holder && !holder.pids.includes(pid)) holder.pids.push(pid);
    }
  }
  return found;
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
