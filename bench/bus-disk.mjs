/** What a commit costs on the disk where queues are measured: without it their figures say little. */

import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "./statistics.mjs";

const TMPFS = 0x01021994;
const PAGE_BYTES = 4096;
const WRITES = 100;

/**
 * The folder of temporary files: `fsyncMs` is the median of a page written and fsynced.
 * @returns {{ isMemory: boolean, fsyncMs: number }}
 */
export function diskFacts() {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const file = openSync(join(folder, "page"), "w");
  const page = Buffer.alloc(PAGE_BYTES, 1);
  try {
    const took = Array.from({ length: WRITES }, () => {
      const since = performance.now();
      writeSync(file, page);
      fsyncSync(file);
      return performance.now() - since;
    });
    return { isMemory: statfsSync(folder).type === TMPFS, fsyncMs: median(took) };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}
