/**
 * Where this process stands in the control groups, v1, v2 or both at once, and the limits there.
 * Pure over a `read` port. Formats: https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroups(7).
 */

import type { Read } from "./read.ts";

/** Directories from the process's own group up to the mount, which is the last. */
export interface Groups {
  readonly v2: readonly string[];
  readonly v1: readonly string[];
}

export interface CpuQuota {
  /** CPU time per time, e.g. 1.5. */
  readonly cpus: number;
  readonly version: 1 | 2;
}

interface Mount {
  /** The group that is seen at `point`: not "/" in a container that shares the host's view. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly controllers: readonly string[];
}

/** The groups this process belongs to for `controller`, e.g. "cpu"; empty lists where there are none. */
export function groupsOf(controller: string, read: Read): Groups {
  const memberships = (read("/proc/self/cgroup") ?? "").split("\n").flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    return match ? [{ controllers: (match[1] ?? "").split(","), path: match[2] ?? "/" }] : [];
  });
  const mounts = mountsOf(read("/proc/self/mountinfo") ?? "");
  const own2 = memberships.find(({ controllers }) => controllers[0] === "");
  const own1 = memberships.find(({ controllers }) => controllers.includes(controller));
  const mount2 = mounts.find(({ type }) => type === "cgroup2");
  const mount1 = mounts.find((mount) => mount.controllers.includes(controller));
  return {
    v2: own2 ? upward(mount2 ?? usual("/sys/fs/cgroup"), own2.path) : [],
    v1: own1 ? upward(mount1 ?? usual(`/sys/fs/cgroup/${controller}`), own1.path) : [],
  };
}

function usual(point: string): Mount {
  return { root: "/", point, type: "", controllers: [] };
}

/** proc_pid_mountinfo(5): `36 35 0:30 / /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu`. */
function mountsOf(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root, point] = left.split(" ").map(unescapeOctal);
    const [type, , options = ""] = right.split(" ");
    if (root === undefined || point === undefined) return [];
    if (type === "cgroup2") return [{ root, point, type, controllers: [] }];
    return type === "cgroup" ? [{ root, point, type, controllers: options.split(",") }] : [];
  });
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function upward(mount: Mount, path: string): readonly string[] {
  const root = mount.root === "/" ? "" : mount.root;
  const isBelow = path === root || path.startsWith(`${root}/`);
  const parts = isBelow ? path.slice(root.length).split("/").filter(Boolean) : [];
  // A group outside the namespace's root (`/../x`) cannot be reached through the mount.
  const steps = parts.includes("..") ? [] : parts;
  return Array.from({ length: steps.length + 1 }, (_, up) =>
    [mount.point, ...steps.slice(0, steps.length - up)].join("/"),
  );
}

/** The tightest CPU quota of the process's group and all above it; null where nothing limits it. */
export function cpuQuota(read: Read): CpuQuota | null {
  const { v1, v2 } = groupsOf("cpu", read);
  const quotas: CpuQuota[] = [
    ...v2.map((group) => ({ cpus: quotaV2(read(`${group}/cpu.max`)), version: 2 as const })),
    ...v1.map((group) => ({ cpus: quotaV1(group, read), version: 1 as const })),
  ];
  return quotas.reduce<CpuQuota | null>(
    (least, quota) => (quota.cpus < (least?.cpus ?? Infinity) ? quota : least),
    null,
  );
}

function quotaV2(text: string | null): number {
  const match = /^(\d+) (\d+)$/.exec(text?.trim() ?? "");
  return match ? ratio(match[1], match[2]) : Infinity;
}

function quotaV1(group: string, read: Read): number {
  // -1 is "no limit".
  const quota = /^\d+$/.exec(read(`${group}/cpu.cfs_quota_us`)?.trim() ?? "");
  const period = /^\d+$/.exec(read(`${group}/cpu.cfs_period_us`)?.trim() ?? "");
  return ratio(quota?.[0], period?.[0]);
}

function ratio(quota: string | undefined, period: string | undefined): number {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 && Number.isFinite(cpus) ? cpus : Infinity;
}

/** The CPUs the nearest group with a cpuset allows, null where none says. */
export function cpusetCpus(read: Read): ReadonlySet<number> | null {
  const { v1, v2 } = groupsOf("cpuset", read);
  const files = [
    ...v2.flatMap((group) => [`${group}/cpuset.cpus.effective`, `${group}/cpuset.cpus`]),
    ...v1.flatMap((group) => [`${group}/cpuset.effective_cpus`, `${group}/cpuset.cpus`]),
  ];
  for (const file of files) {
    const cpus = parseCpuList(read(file));
    if (cpus !== null) return cpus;
  }
  return null;
}

/** More than any kernel is built for; a list beyond it is garbage, not a machine. */
const MOST_CPUS = 65_536;

/** `0-3,8` as a set; null where it is empty or not such a list. */
export function parseCpuList(text: string | null): ReadonlySet<number> | null {
  const cpus = new Set<number>();
  for (const part of text?.trim().split(",") ?? []) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first || last >= MOST_CPUS) return null;
    for (let cpu = first; cpu <= last; cpu += 1) cpus.add(cpu);
  }
  return cpus.size === 0 ? null : cpus;
}

/**
 * How many processes the kernel has killed for want of memory in this process's group (and, with
 * v2, the groups below it) since the group exists; null where it does not say (v1 before Linux 4.13).
 */
export function oomKillsIn(read: Read): number | null {
  const { v1, v2 } = groupsOf("memory", read);
  const files = [
    ...v2.slice(0, 1).map((group) => `${group}/memory.events`),
    ...v1.slice(0, 1).map((group) => `${group}/memory.oom_control`),
  ];
  for (const file of files) {
    const match = /^oom_kill (\d+)$/m.exec(read(file) ?? "");
    if (match) return Number(match[1]);
  }
  return null;
}
