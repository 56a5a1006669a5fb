/**
 * Notices that nobody reads a pipe any more, without writing to it. The kernel tells that only to writers and
 * to poll(2), which Node does not offer; so on Linux the readers are looked up in /proc (proc(5)).
 */

import { fstatSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Who reads, as far as this process may see. */
interface Readers {
  /** `/proc/<pid>/fd/<n>` of each. */
  readonly places: readonly string[];
  /** A process of this session may be one, too, but does not let itself be looked at (`| sudo tee`). */
  readonly isDoubtful: boolean;
}

/**
 * Calls `gone` once when the readers of the pipe `fd` that are seen now have gone and no other has come. Never
 * where that cannot be known: `fd` is no pipe, its reader is out of sight (another container, another user), or
 * this is no Linux. Gives the function that ends the watch; keeps no process alive.
 */
export function onUnread(fd: number, everyMs: number, gone: () => void): () => void {
  const pipe = pipeOf(fd);
  let known = pipe === null ? [] : readersOf(pipe).places;
  if (pipe === null || known.length === 0) return () => {};
  const timer = setInterval(() => {
    if (known.some((place) => isReader(place, pipe))) return;
    const readers = readersOf(pipe);
    known = readers.places;
    if (known.length > 0) return;
    clearInterval(timer);
    if (!readers.isDoubtful) gone();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** What /proc calls it, such as `pipe:[1234]`. */
function pipeOf(fd: number): string | null {
  try {
    return fstatSync(fd).isFIFO() ? readlinkSync(`/proc/self/fd/${fd}`) : null;
  } catch {
    return null;
  }
}

function readersOf(pipe: string): Readers {
  const session = sessionOf("self");
  const places: string[] = [];
  let isDoubtful = false;
  for (const pid of listed("/proc") ?? []) {
    if (!/^\d+$/.test(pid)) continue;
    const fds = listed(`/proc/${pid}/fd`);
    if (fds === null) isDoubtful ||= session !== null && sessionOf(pid) === session;
    for (const fd of fds ?? []) {
      const place = `/proc/${pid}/fd/${fd}`;
      if (isReader(place, pipe)) places.push(place);
    }
  }
  return { places, isDoubtful };
}

/** The link's own mode says what the descriptor was opened for. */
function isReader(place: string, pipe: string): boolean {
  try {
    return readlinkSync(place) === pipe && (lstatSync(place).mode & 0o400) !== 0;
  } catch {
    return false;
  }
}

/** The process's session, the sixth field of its stat; null for one that is gone. */
function sessionOf(pid: string): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is its name, in which anything may stand.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[3] ?? null;
  } catch {
    return null;
  }
}

function listed(directory: string): readonly string[] | null {
  try {
    return readdirSync(directory);
  } catch {
    return null;
  }
}
