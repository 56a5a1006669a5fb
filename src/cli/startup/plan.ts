/** What is to be done to the machine so that a supervisor comes up with it, or does so no more. Pure. */

import { posix } from "node:path";
import { launchdPlist } from "./launchd-plist.ts";
import { openrcScript } from "./openrc-script.ts";
import type { Platform, Service } from "./service.ts";
import { systemdUnit } from "./systemd-unit.ts";

export interface Step {
  readonly words: readonly string[];
  /** Whether what stands there already (or is gone already) may make it fail. */
  readonly mayFail: boolean;
}

export interface Plan {
  readonly file: string;
  readonly mode: number;
  /** Carried out before and after the file is written or removed. */
  readonly before: readonly Step[];
  readonly after: readonly Step[];
}

export interface Circumstances {
  readonly platform: Platform;
  /** A folder that holds another system, such as an image that is being built; null: this one. */
  readonly root: string | null;
  /** The service manager runs: it can be told to read its files anew, and to start and stop. */
  readonly isBooted: boolean;
}

const TEXTS = { systemd: systemdUnit, openrc: openrcScript, launchd: launchdPlist } as const;

/** What is written into the file. */
export function serviceText(platform: Platform, service: Service): string {
  return TEXTS[platform](service);
}

/** Where the file is, below `root`. */
export function serviceFile({ platform, root }: Circumstances, name: string): string {
  const path = {
    systemd: `/etc/systemd/system/${name}.service`,
    openrc: `/etc/init.d/${name}`,
    launchd: `/Library/LaunchDaemons/${name}.plist`,
  }[platform];
  return root === null ? path : posix.join(root, path);
}

/** Doing it twice does as much as once. `now`: also start it now. */
export function installPlan(around: Circumstances, name: string, now: boolean): Plan {
  const file = serviceFile(around, name);
  const mode = around.platform === "openrc" ? 0o755 : 0o644;
  const isHere = around.isBooted && around.root === null;
  const starts = now && isHere;
  const after = {
    systemd: [
      ...(isHere ? [must("systemctl", "daemon-reload")] : []),
      must("systemctl", ...rootFlag(around), "enable", `${name}.service`),
      ...(starts ? [must("systemctl", "start", `${name}.service`)] : []),
    ],
    openrc: [
      ...(around.root === null ? [must("rc-update", "add", name, "default")] : []),
      ...(starts ? [must("rc-service", name, "start")] : []),
    ],
    launchd: starts
      ? [
          may("launchctl", "bootout", `system/${name}`),
          must("launchctl", "enable", `system/${name}`),
          must("launchctl", "bootstrap", "system", file),
        ]
      : [],
  }[around.platform];
  return { file, mode, before: [], after };
}

/** Stops the service, and undoes what `installPlan` did. */
export function removalPlan(around: Circumstances, name: string): Plan {
  const file = serviceFile(around, name);
  const isHere = around.isBooted && around.root === null;
  const before = {
    systemd: [
      ...(isHere ? [may("systemctl", "stop", `${name}.service`)] : []),
      may("systemctl", ...rootFlag(around), "disable", `${name}.service`),
    ],
    openrc: [
      ...(isHere ? [may("rc-service", name, "stop")] : []),
      ...(around.root === null ? [may("rc-update", "del", name, "default")] : []),
    ],
    launchd: isHere ? [may("launchctl", "bootout", `system/${name}`)] : [],
  }[around.platform];
  const isReread = isHere && around.platform === "systemd";
  const after = isReread ? [must("systemctl", "daemon-reload")] : [];
  return { file, mode: 0o644, before, after };
}

/** What to type next; null when nothing is left to do. */
export function nextCommand(around: Circumstances, name: string): string | null {
  if (around.root !== null || !around.isBooted) return null;
  return {
    systemd: `systemctl start ${name}`,
    openrc: `rc-service ${name} start`,
    launchd: `launchctl bootstrap system ${serviceFile(around, name)}`,
  }[around.platform];
}

function rootFlag({ root }: Circumstances): string[] {
  return root === null ? [] : [`--root=${root}`];
}

function must(...words: string[]): Step {
  return { words, mayFail: false };
}

function may(...words: string[]): Step {
  return { words, mayFail: true };
}
