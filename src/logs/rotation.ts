/** Rotation as it goes on beside the supervisor: looks at sizes now and then, and has the work done elsewhere. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, rm, stat, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Archive, archivesToDelete, filesToRotate, type LiveLog } from "../core/rotation.ts";
import { archiveOf } from "./archives.ts";
import { splitLines } from "./lines.ts";
import { lockPath } from "./lock.ts";
import { loadState } from "./rotation-state.ts";
import type { RotationOrder, RotationResult } from "./rotator.ts";
import type { LogStore } from "./store.ts";

export interface RotationOptions {
  /** Milliseconds between two looks. Default 5000: at 100 MB/s a file is half a gigabyte late at most. */
  readonly everyMs?: number;
  /** Files beside those of the store that are looked after like them, such as the supervisor's own log. */
  readonly files?: readonly string[];
  /** The program that rotates. Default: rotator-main.js beside this file. */
  readonly program?: string;
  /** Hears of each rotation that was done. */
  onRotated?(result: RotationResult): void;
}

export interface RotationHandle {
  /** Looks now; resolves when what was due is done. Never rejects: faults go to the store. */
  check(): Promise<void>;
  /** Ends a rotation under way, too: the next one completes it. */
  stop(): Promise<void>;
}

const EVERY_MS = 5000;
const PROGRAM = fileURLToPath(new URL("../logs/rotator-main.js", import.meta.url));
const LOSSY_WARNING =
  "this file system can neither collapse nor punch files: a rotation loses what is written during its last milliseconds";

/** Rotates the store's files and deletes old archives until it is stopped. */
export function startRotation(store: LogStore, options: RotationOptions = {}): RotationHandle {
  const rotation = new Rotation(store, options);
  const timer = setInterval(() => void rotation.check(), options.everyMs ?? EVERY_MS);
  timer.unref();
  return {
    check: () => rotation.check(),
    async stop() {
      clearInterval(timer);
      await rotation.stop();
    },
  };
}

interface Found extends LiveLog {
  readonly app: string;
}

class Rotation {
  readonly #store: LogStore;
  readonly #options: RotationOptions;
  #underWay: Promise<void> | null = null;
  #child: ChildProcess | null = null;
  #isStopped = false;

  constructor(store: LogStore, options: RotationOptions) {
    this.#store = store;
    this.#options = options;
  }

  check(): Promise<void> {
    this.#underWay ??= this.#look()
      .catch((error: Error) =>
        this.#store.report("", this.#store.directory, "rotate", error.message),
      )
      .finally(() => {
        this.#underWay = null;
      });
    return this.#underWay;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#child?.kill("SIGKILL");
    await this.#underWay;
  }

  async #look(): Promise<void> {
    const { policy } = this.#store;
    const { logs, archives } = await this.#files();
    // First of all room is made: a copy needs it.
    await this.#delete(archives, logs);
    const due = filesToRotate(logs, policy).map(({ path }) => path);
    const interrupted = logs.map(({ path }) => path).filter((path) => existsSync(lockPath(path)));
    const paths = [...new Set([...due, ...interrupted])];
    if (paths.length === 0 || this.#isStopped) return;
    const { maxSizeBytes: minBytes, compress } = policy;
    await this.#rotate({ paths, minBytes, compress }, logs);
    const after = await this.#files();
    await this.#delete(after.archives, after.logs);
  }

  /** Every log and archive below the store, those of apps that are gone included, and files elsewhere. */
  async #files(): Promise<{ logs: readonly Found[]; archives: readonly Archive[] }> {
    const appOf = new Map([...this.#store.files].map(([path, { app }]) => [path, app]));
    // No app's: "" is the name of none.
    for (const path of this.#options.files ?? []) appOf.set(path, "");
    const folders = new Set([...appOf.keys()].map((path) => join(path, "..")));
    for (const folder of await list(this.#store.directory)) {
      folders.add(join(this.#store.directory, folder));
    }
    const logs: Found[] = [];
    const archives: Archive[] = [];
    for (const folder of folders) {
      const isOurs = join(folder, "..") === join(this.#store.directory);
      for (const name of await list(folder)) {
        const path = join(folder, name);
        const cut = archiveOf(path);
        const app = appOf.get(cut?.log ?? path) ?? (isOurs ? basename(folder) : null);
        if (app === null || (!cut && !appOf.has(path) && !name.endsWith(".log"))) continue;
        const found = await stat(path).catch(() => null);
        if (!found?.isFile()) continue;
        if (cut) archives.push({ path, app, of: cut.log, at: cut.at, bytes: found.size });
        else logs.push({ path, app, bytes: this.#unarchived(path, found) });
      }
    }
    return { logs, archives };
  }

  #unarchived(path: string, { ino, size }: { ino: number; size: number }): number {
    // Read only where it could matter.
    if (size < this.#store.policy.maxSizeBytes) return size;
    const { start, removed } = loadState(path, ino);
    return size - (start - removed);
  }

  async #delete(archives: readonly Archive[], logs: readonly Found[]): Promise<void> {
    const { directory, policy } = this.#store;
    const disk = await statfs(directory).catch(() => null);
    const freeBytes = disk ? disk.bavail * disk.bsize : Number.POSITIVE_INFINITY;
    const doomed = archivesToDelete(archives, policy, { at: Date.now(), freeBytes });
    for (const { archive } of doomed) await rm(archive.path, { force: true });
    const forDisk = doomed.filter(({ why }) => why === "disk").length;
    const app = logs[0]?.app ?? "";
    if (freeBytes >= policy.minFreeBytes) return this.#store.mended(directory, "disk");
    const free = `${Math.round(freeBytes / 1024 ** 2)} MiB are free on the disk of the logs`;
    const done =
      forDisk > 0 ? `the ${forDisk} oldest archives were deleted` : "no archive is left to delete";
    this.#store.report(app, directory, "disk", `${free}; ${done}`);
  }

  #rotate(order: RotationOrder, logs: readonly Found[]): Promise<void> {
    const program = this.#options.program ?? PROGRAM;
    const child = spawn(process.execPath, [program, JSON.stringify(order)], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { PATH: process.env.PATH ?? "" },
    });
    this.#child = child;
    const appOf = new Map(logs.map(({ path, app }) => [path, app]));
    const lines = splitLines((line) => {
      const result = JSON.parse(line.toString()) as RotationResult;
      this.#hear(result, appOf.get(result.path) ?? "");
    });
    child.stdout.on("data", (chunk: Buffer) => lines.push(chunk));
    return new Promise((resolve) => {
      const ended = (what: string | null): void => {
        this.#child = null;
        if (what !== null && !this.#isStopped)
          this.#store.report("", this.#store.directory, "rotate", what);
        resolve();
      };
      child.on("error", (error) => ended(error.message));
      child.on("close", (code, signal) =>
        ended(code === 0 ? null : `the rotating process ended with ${signal ?? code}`),
      );
    });
  }

  #hear(result: RotationResult, app: string): void {
    const { path, archive, method, shortenedBy, fault } = result;
    this.#store.shortened(path, shortenedBy);
    if (fault !== null) return this.#store.report(app, path, "rotate", fault);
    this.#store.mended(path, "rotate");
    if (archive === null) return;
    if (method === "copy-truncate")
      this.#store.report(app, join(this.#store.directory, app), "rotate", LOSSY_WARNING);
    this.#options.onRotated?.(result);
  }
}

async function list(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
