/** Taking bytes off the beginning of a file that processes go on appending to. */

import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { CutMethod } from "./rotation-state.ts";

const SMALLEST_BLOCK = 4096;

/** The unit in which bytes can be taken off a file in this folder. */
export function blockSize(folder: string): number {
  return Math.max(SMALLEST_BLOCK, statfsSync(folder).bsize);
}

/**
 * How a file in this folder can be shortened at its beginning, tried on a file of its own:
 * collapse-range (ext4, xfs), else punch-hole (btrfs, tmpfs), else copy-truncate, which loses what is
 * written between the copy and the cut. Throws where no file can be written.
 */
export function probeCut(folder: string): CutMethod {
  const path = join(folder, `.probe-${process.pid}`);
  const descriptor = openSync(path, "w+", 0o600);
  try {
    const block = blockSize(folder);
    writeSync(descriptor, Buffer.alloc(2 * block, 1));
    if (fallocate("-c", descriptor, block)) return "collapse-range";
    return fallocate("-p", descriptor, block) ? "punch-hole" : "copy-truncate";
  } finally {
    closeSync(descriptor);
    rmSync(path, { force: true });
  }
}

/** Takes off the first bytes, a multiple of the block size; copy-truncate takes all. False: it was refused. */
export function cutHead(descriptor: number, method: CutMethod, bytes: number): boolean {
  switch (method) {
    case "collapse-range":
      return fallocate("-c", descriptor, bytes);
    case "punch-hole":
      return fallocate("-p", descriptor, bytes);
    case "copy-truncate":
      ftruncateSync(descriptor, 0);
      return true;
  }
}

/** fallocate(2) by util-linux, as Node has no call for it. The descriptor names the file: a path may change hands. */
function fallocate(flag: "-c" | "-p", descriptor: number, bytes: number): boolean {
  if (process.platform !== "linux") return false;
  const done = spawnSync("fallocate", [flag, "-o", "0", "-l", String(bytes), "/proc/self/fd/3"], {
    stdio: ["ignore", "ignore", "ignore", descriptor],
  });
  return done.status === 0;
}
