/**
 * The process that rotates: short-lived, of low priority, so that the copying costs neither the
 * supervisor's loop nor the workers. Takes its order as JSON in its one argument and answers on stdout.
 */

import { constants, setPriority } from "node:os";
import { compressArchives } from "./compress.ts";
import { rotateFile } from "./rotate-file.ts";
import type { CutMethod } from "./rotation-state.ts";

export interface RotationOrder {
  readonly paths: readonly string[];
  readonly minBytes: number;
  readonly compress: boolean;
}

export interface RotationResult {
  readonly path: string;
  readonly archive: string | null;
  readonly method: CutMethod | null;
  readonly shortenedBy: number;
  readonly fault: string | null;
}

/** Rotates each file of the order; one that fails does not keep the others. One line of JSON for each. */
export async function rotateAll(
  order: RotationOrder,
  tell: (result: RotationResult) => void,
): Promise<void> {
  lowerPriority();
  for (const path of order.paths) {
    try {
      tell({ path, ...rotateFile(path, order), fault: null });
    } catch (error) {
      tell({ path, archive: null, method: null, shortenedBy: 0, fault: (error as Error).message });
    }
  }
  if (!order.compress) return;
  for (const path of order.paths) {
    try {
      await compressArchives(path);
    } catch (error) {
      tell({ path, archive: null, method: null, shortenedBy: 0, fault: (error as Error).message });
    }
  }
}

function lowerPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_LOW);
  } catch {
    // Some sandboxes forbid it; it is a courtesy.
  }
}
