/**
 * What a scrape asks /proc of other processes (proc(5)), cheaply: also of those that hang or are stopped.
 * Nothing here throws: where there is no /proc, or no such process, the answer is null.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { readText } from "./read.ts";

/** USER_HZ is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;
/** The auxiliary vector's entry for the size of a page (getauxval(3)). */
const AT_PAGESZ = 6n;
const CHUNK_BYTES = 64 * 1024;
const LISTENING = "0A";

export interface ProcessReading {
  /** CPU time since its start. */
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly residentBytes: number;
}

/** Null too for a process that has ended and waits to be reaped. */
export function readProcess(pid: number, pageBytes: number): ProcessReading | null {
  const stat = readText(`/proc/${pid}/stat`);
  // A name may hold blanks and parentheses: the last one counts.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (!fields || fields[0] === "Z") return null;
  const [user, system, pages] = [fields[11], fields[12], fields[21]].map(Number);
  if (user === undefined || system === undefined || pages === undefined) return null;
  if (Number.isNaN(user + system + pages)) return null;
  return {
    cpuUserMs: user * MS_PER_TICK,
    cpuSystemMs: system * MS_PER_TICK,
    residentBytes: pages * pageBytes,
  };
}

/** Open file descriptors. Linux 6.2 and later tell by the directory's size; before, its entries are counted. */
export function openFdsOf(pid: number): number | null {
  try {
    const { size } = statSync(`/proc/${pid}/fd`);
    return size > 0 ? size : readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

/** How many files the process may have open; Infinity for no limit. */
export function maxFdsOf(pid: number): number | null {
  const soft = /^Max open files\s+(\S+)/m.exec(readText(`/proc/${pid}/limits`) ?? "")?.[1];
  if (soft === "unlimited") return Number.POSITIVE_INFINITY;
  return soft === undefined || !/^\d+$/.test(soft) ? null : Number(soft);
}

/** The size of a page of memory; null where it cannot be known. */
export function pageSize(): number | null {
  try {
    const vector = readFileSync("/proc/self/auxv");
    const words = new BigUint64Array(new Uint8Array(vector).buffer);
    for (let at = 0; at + 1 < words.length; at += 2) {
      if (words[at] === AT_PAGESZ) return Number(words[at + 1]);
    }
    return null;
  } catch {
    return null;
  }
}

/** The kernel's table of IPv4 sockets, or that of IPv6 sockets, which IPv4 clients may reach as well. */
export type SocketTable = "tcp" | "tcp6";

/** Where the sockets of these addresses are, such as `127.0.0.1:80`, `[::]:80`, `localhost:80`. */
export function tablesOf(addresses: readonly string[]): readonly SocketTable[] {
  const isV6 = (address: string): boolean => address.startsWith("[");
  const isV4 = (address: string): boolean => /^\d+\.\d+\.\d+\.\d+:\d+$/.test(address);
  const tcp = addresses.filter((address) => /:\d+$/.test(address));
  return [
    ...(tcp.every(isV6) ? [] : (["tcp"] as const)),
    ...(tcp.every(isV4) ? [] : (["tcp6"] as const)),
  ];
}

/**
 * Connections that wait to be accepted, by port, over all sockets that listen on it; null where unknown.
 * Off the event loop: the kernel walks its whole table of sockets, which takes it milliseconds.
 */
export async function acceptQueues(
  from: readonly SocketTable[] = ["tcp", "tcp6"],
): Promise<ReadonlyMap<number, number> | null> {
  const tables = await Promise.all(from.map((table) => listeningRows(`/proc/net/${table}`)));
  return tables.every((table) => table === null)
    ? null
    : queuesIn(tables.flatMap((table) => table ?? []));
}

function queuesIn(rows: readonly (readonly string[])[]): ReadonlyMap<number, number> {
  const queues = new Map<number, number>();
  for (const [, local = "", , , queue = ""] of rows) {
    const port = Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16);
    const waiting = Number.parseInt(queue.slice(queue.indexOf(":") + 1), 16);
    if (!Number.isNaN(port + waiting)) queues.set(port, (queues.get(port) ?? 0) + waiting);
  }
  return queues;
}

/** The rows of sockets that listen. They come first: who reads on pays for every open connection of the machine. */
async function listeningRows(path: string): Promise<readonly (readonly string[])[] | null> {
  const rows: (readonly string[])[] = [];
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest = "";
  const file = await open(path, "r").catch(() => null);
  try {
    while (file) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return rows;
      const lines = (rest + chunk.toString("latin1", 0, bytesRead)).split("\n");
      rest = lines.pop() ?? "";
      const found = lines.map((line) => line.trim().split(/\s+/)).filter(([sl]) => sl !== "sl");
      const end = found.findIndex((row) => row[3] !== LISTENING);
      rows.push(...(end < 0 ? found : found.slice(0, end)));
      if (end >= 0) return rows;
    }
    return null;
  } catch {
    return null;
  } finally {
    await file?.close();
  }
}
