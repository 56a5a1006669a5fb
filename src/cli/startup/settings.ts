/** From flags to what a service file is made from. */

import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { duration } from "../../config/kinds.ts";
import { type Fault, HoldfastError } from "../../errors.ts";
import { accountOf } from "../../system/accounts.ts";
import { homeAt } from "../../system/home.ts";
import { detectPlatform } from "./carry-out.ts";
import type { Platform, Service } from "./service.ts";
import { servicePath } from "./vanishing.ts";

type Flags = Record<string, unknown>;

/** Large apps drain for minutes, and several of them one after the other. */
const STOP_TIMEOUT_MS = 10 * 60_000;
const WATCHDOG_MS = 60_000;
/** What systemd allows services at most unless told otherwise; above it the kernel may refuse. */
const OPEN_FILES = 524_288;

const PLATFORMS: readonly Platform[] = ["systemd", "openrc", "launchd"];
/** What systemd takes in the name of a unit (systemd.unit(5)), less "\" and "@". */
const NAME = /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,199}$/;

/** --platform, or what this system has. Throws HF_NO_SERVICE_MANAGER, HF_CONFIG_INVALID. */
export function platformOf(
  { platform }: Flags,
  detect: () => Platform | null = detectPlatform,
): Platform {
  const found = platform === undefined ? detect() : PLATFORMS.find((each) => each === platform);
  if (found) return found;
  if (platform === undefined) throw new HoldfastError("HF_NO_SERVICE_MANAGER", {});
  throw invalid("--platform", `received "${String(platform)}", expected ${PLATFORMS.join(", ")}`);
}

/** Whom the apps run as: --user, who called sudo, who runs this. Throws HF_ACCOUNT_UNKNOWN. */
export function userOf({ user }: Flags): string {
  const asked = typeof user === "string" ? user : isRoot() ? process.env.SUDO_USER : undefined;
  const self = userInfo().username;
  if (asked === undefined || asked === self) return self;
  return accountOf(asked).name;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** --name, else `holdfast`, or `holdfast-<user>`: every user may have one. Throws HF_CONFIG_INVALID. */
export function nameOf(flags: Flags, user: string): string {
  const name = flags.name ?? (user === "root" ? "holdfast" : `holdfast-${user}`);
  if (typeof name === "string" && NAME.test(name)) return name;
  throw invalid(
    "--name",
    `received "${String(name)}", expected letters, digits, and ":", "_", ".", "-" between them`,
  );
}

/** Throws HF_CONFIG_INVALID, HF_ACCOUNT_UNKNOWN, HF_HOME_UNUSABLE. */
export function serviceOf(flags: Flags): Service {
  const user = userOf(flags);
  const node = resolve(typeof flags.node === "string" ? flags.node : process.execPath);
  if (!existsSync(node)) throw invalid("--node", `there is no ${node}`);
  const home = homeFor(flags, user);
  for (const [flag, path] of Object.entries({ "--home": home, "--node": node })) {
    if (/\p{Cc}/u.test(path))
      throw invalid(flag, "a path with control characters fits into no service file");
  }
  if (/["'\\]/.test(node)) {
    throw invalid("--node", "systemd starts no program whose path holds quotes or backslashes");
  }
  const watchdogMs = durationOf(flags, "watchdog", 0, WATCHDOG_MS);
  return {
    ...{ name: nameOf(flags, user), user, home, node, cli: commandLine() },
    group: typeof flags.group === "string" ? flags.group : null,
    path: servicePath(node, process.env.PATH ?? ""),
    stopTimeoutMs: durationOf(flags, "stopTimeout", 1000, STOP_TIMEOUT_MS),
    watchdogMs: watchdogMs === 0 ? null : watchdogMs,
    openFiles: OPEN_FILES,
    hardening: flags.hardening !== false,
    keepWorkers: flags.keepWorkers === true,
    lowPorts: flags.lowPorts === true,
  };
}

/** As it was called: a link in a folder of programs outlives the version it leads to. */
function commandLine(): string {
  return resolve(process.argv[1] ?? "holdfast");
}

/** For another user it is below that user's folder, not below this one's. */
function homeFor(flags: Flags, user: string): string {
  const asked = typeof flags.home === "string" ? flags.home : undefined;
  const isOwn = user === userInfo().username;
  if (asked !== undefined || isOwn || process.env.HOLDFAST_HOME)
    return homeAt(asked, process.env).directory;
  return join(accountOf(user).home, ".holdfast");
}

function durationOf(flags: Flags, name: string, minMs: number, defaultMs: number): number {
  if (flags[name] === undefined) return defaultMs;
  const reading = duration(minMs).read(flags[name]);
  if (reading.ok) return reading.value;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const faults = reading.faults.map(({ message }): Fault => ({ path: `--${flag}`, message }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}

function invalid(path: string, message: string): HoldfastError {
  return new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path, message }] });
}
