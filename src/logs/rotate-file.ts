/**
 * Rotates one log file while processes write to it. Interrupted at any point, even by SIGKILL, it leaves
 * every line in the log or in one archive, and the next rotation completes it or takes it back: each
 * step is announced in the state file before it is made.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { newArchiveName } from "./archives.ts";
import { blockSize, cutHead, probeCut } from "./cut.ts";
import { lock } from "./lock.ts";
import {
  CUT_MARK,
  type CutMethod,
  isMarked,
  loadState,
  type RotationState,
  saveState,
  type UnderWay,
} from "./rotation-state.ts";

const CHUNK_BYTES = 1024 * 1024;
/** Archives remembered for readers that are behind. */
const REMEMBERED = 50;
const NEWLINE = 0x0a;

export interface Rotated {
  /** The new archive, uncompressed; null where there was nothing to rotate, or another process does it. */
  readonly archive: string | null;
  readonly method: CutMethod | null;
  /** By how much the file got shorter, an interrupted rotation of before included. */
  readonly shortenedBy: number;
}

export interface RotateOptions {
  /** Rotate only what holds at least this. */
  readonly minBytes: number;
  /** Instead of what the folder's file system can do best. */
  readonly method?: CutMethod;
  readonly now?: Date;
}

/** Blocks while it copies: not for a process that serves. Throws what the system says. */
export function rotateFile(path: string, options: RotateOptions): Rotated {
  const unlock = lock(path);
  if (unlock === null) return { archive: null, method: null, shortenedBy: 0 };
  const descriptor = openSync(path, constants.O_RDWR);
  try {
    return new Rotation(path, descriptor).run(options);
  } finally {
    closeSync(descriptor);
    unlock();
  }
}

class Rotation {
  readonly #path: string;
  readonly #descriptor: number;
  #state: RotationState;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#state = loadState(path, fstatSync(descriptor).ino);
  }

  run({ minBytes, method: asked, now = new Date() }: RotateOptions): Rotated {
    const before = this.#state.removed;
    this.#recover();
    const shortened = (): number => this.#state.removed - before;
    const from = this.#state.start - this.#state.removed;
    const size = this.#size();
    if (size - from < minBytes) return { archive: null, method: null, shortenedBy: shortened() };
    const method = asked ?? probeCut(dirname(this.#path));
    const to = method === "copy-truncate" ? size : this.#lineEnd(from, size);
    const cut = method === "copy-truncate" ? to : this.#wholeBlocks(to, size);
    if (cut === 0) return { archive: null, method: null, shortenedBy: shortened() };
    const archive = newArchiveName(this.#path, now);
    this.#announce({ pid: process.pid, method, step: "copying", archive, cut });
    this.#copy(from, to, archive);
    this.#archived(archive, to);
    this.#finish();
    return { archive: join(dirname(this.#path), archive), method, shortenedBy: shortened() };
  }

  /** Completes or takes back what was interrupted. */
  #recover(): void {
    const { underWay } = this.#state;
    if (underWay === null) return;
    if (underWay.step === "copying") {
      const archive = join(dirname(this.#path), underWay.archive);
      for (const left of [archive, aside(archive)]) rmSync(left, { force: true });
      return this.#save({ underWay: null });
    }
    const isCut = underWay.step === "cutting" && !isMarked(this.#path);
    if (isCut) this.#shortened(underWay.cut);
    else this.#finish();
  }

  /** From the step "archived" on: nothing between the start of the file and `start` is needed any more. */
  #finish(): void {
    const { underWay, start, removed } = this.#state;
    if (underWay === null) return;
    const { method, cut } = underWay;
    this.#blank(cut, start - removed);
    if (method === "punch-hole") {
      if (!cutHead(this.#descriptor, method, cut)) throw refused(this.#path, method);
      return this.#save({ underWay: null });
    }
    writeSync(this.#descriptor, CUT_MARK, 0, Math.min(CUT_MARK.length, cut), 0);
    this.#announce({ ...underWay, step: "cutting" });
    const cutNow = method === "copy-truncate" ? this.#catchUp(underWay.archive, cut) : cut;
    if (!cutHead(this.#descriptor, method, cutNow)) throw refused(this.#path, method);
    this.#shortened(cutNow);
  }

  #copy(from: number, to: number, archive: string): void {
    const path = join(dirname(this.#path), archive);
    const target = openSync(aside(path), "w", 0o640);
    try {
      this.#append(target, from, to);
      fsyncSync(target);
    } finally {
      closeSync(target);
    }
    renameSync(aside(path), path);
  }

  /** What was written while the rest was copied goes into the archive, too, as truncating takes all. */
  #catchUp(archive: string, cut: number): number {
    const target = openSync(join(dirname(this.#path), archive), "a");
    try {
      let end = cut + Math.max(0, fstatSync(target).size - this.#lengthOf(archive));
      for (let size = this.#size(); size > end; size = this.#size()) {
        this.#append(target, end, size);
        end = size;
      }
      return end;
    } finally {
      closeSync(target);
    }
  }

  #lengthOf(archive: string): number {
    const range = this.#state.archives.find(({ name }) => name === archive);
    return range ? range.to - range.from : 0;
  }

  #append(target: number, from: number, to: number): void {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = from; at < to; ) {
      const read = readSync(this.#descriptor, chunk, 0, Math.min(chunk.length, to - at), at);
      if (read === 0) throw new Error(`${this.#path} got shorter while it was copied`);
      for (let done = 0; done < read; ) done += writeSync(target, chunk, done, read - done);
      at += read;
    }
  }

  /** The end of the last whole line before `size`; `size` itself in a line without end. */
  #lineEnd(from: number, size: number): number {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    for (let end = size; end > from; ) {
      const begin = Math.max(from, end - chunk.length);
      const read = readSync(this.#descriptor, chunk, 0, end - begin, begin);
      const at = chunk.subarray(0, read).lastIndexOf(NEWLINE);
      if (at >= 0) return begin + at + 1;
      end = begin;
    }
    return size;
  }

  /** What can be cut: whole blocks, and never all of the file (fallocate(2): EINVAL). */
  #wholeBlocks(to: number, size: number): number {
    const block = blockSize(dirname(this.#path));
    const most = Math.min(to, size - 1);
    return most - (most % block);
  }

  /** Only whole blocks can go. What stays of the archived lines becomes one blank line, for other readers. */
  #blank(from: number, to: number): void {
    if (to <= from) return;
    const blank = Buffer.alloc(to - from, " ");
    blank[blank.length - 1] = NEWLINE;
    writeSync(this.#descriptor, blank, 0, blank.length, from);
  }

  #archived(name: string, to: number): void {
    const { removed, start, archives, underWay } = this.#state;
    const range = { name, from: start, to: to + removed };
    const step = underWay === null ? null : ({ ...underWay, step: "archived" } as const);
    this.#save({
      start: range.to,
      archives: [...archives, range].slice(-REMEMBERED),
      underWay: step,
    });
  }

  /** Truncating may have taken more than was announced: that is in the last archive, too. */
  #shortened(bytes: number): void {
    const removed = this.#state.removed + bytes;
    const { archives, start } = this.#state;
    const isLonger = removed > start;
    const last = archives.at(-1);
    this.#save({
      removed,
      start: Math.max(start, removed),
      archives: isLonger && last ? [...archives.slice(0, -1), { ...last, to: removed }] : archives,
      underWay: null,
    });
  }

  #announce(underWay: UnderWay): void {
    this.#save({ underWay });
  }

  #save(change: Partial<RotationState>): void {
    this.#state = { ...this.#state, ...change };
    saveState(this.#path, this.#state);
  }

  #size(): number {
    return fstatSync(this.#descriptor).size;
  }
}

function aside(archive: string): string {
  return `${archive}.tmp`;
}

function refused(path: string, method: CutMethod): Error {
  return new Error(`${method} was refused for ${path}`);
}
