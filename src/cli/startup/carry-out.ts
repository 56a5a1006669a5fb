/** Files and commands of a service manager: the only place of `startup` that changes anything. */

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { HoldfastError } from "../../errors.ts";
import { replaceFile } from "../../system/atomic-file.ts";
import type { Circumstances, Plan, Step } from "./plan.ts";
import { MARKER, type Platform } from "./service.ts";

/** The service manager of this system; null where none is known. */
export function detectPlatform(
  system: string = process.platform,
  exists: (path: string) => boolean = existsSync,
): Platform | null {
  if (system === "darwin") return "launchd";
  if (exists(BOOTED.systemd)) return "systemd";
  if (exists("/sbin/openrc-run")) return "openrc";
  // An image that is being built: it is there and does not run.
  return exists("/usr/bin/systemctl") || exists("/bin/systemctl") ? "systemd" : null;
}

export function circumstances(platform: Platform, root: string | null): Circumstances {
  return { platform, root, isBooted: isBooted(platform) };
}

/** What is there while it runs; sd_booted(3) looks at the same. */
const BOOTED = { systemd: "/run/systemd/system", openrc: "/run/openrc/softlevel" } as const;

function isBooted(platform: Platform): boolean {
  return platform === "launchd" ? process.platform === "darwin" : existsSync(BOOTED[platform]);
}

/**
 * Writes the file and has the service manager take notice; false when the file was so already. Throws
 * HF_FILE_EXISTS for a file of somebody else, unless forced, and HF_SERVICE_FAILED.
 */
export function install(plan: Plan, text: string, isForced: boolean): boolean {
  const found = textOf(plan.file);
  if (found !== null && !found.includes(MARKER) && !isForced) {
    throw new HoldfastError("HF_FILE_EXISTS", { file: plan.file });
  }
  for (const step of plan.before) carryOut(step);
  if (found !== text) {
    attempt(`writing ${plan.file}`, () => {
      mkdirSync(dirname(plan.file), { recursive: true });
      replaceFile(plan.file, text);
    });
  }
  attempt(`chmod of ${plan.file}`, () => chmodSync(plan.file, plan.mode));
  for (const step of plan.after) carryOut(step);
  return found !== text;
}

/** Takes the file away; false when there was none. Throws HF_FILE_EXISTS, HF_SERVICE_FAILED. */
export function uninstall(plan: Plan, isForced: boolean): boolean {
  const found = textOf(plan.file);
  if (found === null) return false;
  if (!found.includes(MARKER) && !isForced) {
    throw new HoldfastError("HF_FILE_EXISTS", { file: plan.file });
  }
  for (const step of plan.before) carryOut(step);
  attempt(`removing ${plan.file}`, () => rmSync(plan.file));
  for (const step of plan.after) carryOut(step);
  return true;
}

function textOf(file: string): string | null {
  return attempt(`reading ${file}`, () => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(String((error as NodeJS.ErrnoException).code)))
        return null;
      throw error;
    }
  });
}

function carryOut({ words, mayFail }: Step): void {
  const [file = "", ...args] = words;
  const { status, error, stderr } = spawnSync(file, args, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status === 0 || mayFail) return;
  const reason = error?.message ?? (stderr.trim() || `it ended with status ${status}`);
  throw new HoldfastError("HF_SERVICE_FAILED", { step: words.join(" "), reason });
}

function attempt<T>(step: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new HoldfastError("HF_SERVICE_FAILED", { step, reason }, { cause });
  }
}
