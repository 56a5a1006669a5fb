/** How many CPUs this process may use: the least of affinity, cpuset and quota. */

import { availableParallelism } from "node:os";
import { cpuQuota, cpusetCpus, parseCpuList } from "./cgroup.ts";
import { type Read, readText } from "./read.ts";

export interface UsableCpus {
  /** At least 1. */
  readonly count: number;
  /** What decided, for a person: "every CPU", "CPU affinity", "cpuset", "cgroup v2 quota 1.5". */
  readonly why: string;
}

/** Asked anew each time: quotas change in place when a container is resized. */
export function usableCpus(): UsableCpus {
  return countCpus(readText, availableParallelism());
}

/**
 * Pure. `parallelism` is what Node says, for systems that do not show the affinity. It is not asked
 * first because newer Nodes mix the quota into it, rounded down, and older ones do not: libuv 1.49
 * makes 1.5 CPUs one worker, and leaves a third of what is paid for idle.
 */
export function countCpus(read: Read, parallelism: number): UsableCpus {
  const online = parseCpuList(read("/sys/devices/system/cpu/online"));
  const allowed = parseCpuList(
    /^Cpus_allowed_list:\s*(\S+)$/m.exec(read("/proc/self/status") ?? "")?.[1] ?? null,
  );
  const known = online !== null && allowed !== null;
  const affinity = known ? [...allowed].filter((cpu) => online.has(cpu)).length : parallelism;
  const limits: UsableCpus[] = [
    { count: affinity, why: known && affinity < online.size ? "CPU affinity" : "every CPU" },
  ];
  const cpuset = cpusetCpus(read);
  if (cpuset !== null) limits.push({ count: cpuset.size, why: "cpuset" });
  const quota = cpuQuota(read);
  if (quota !== null) {
    const why = `cgroup v${quota.version} quota ${Number(quota.cpus.toFixed(2))}`;
    limits.push({ count: workersFor(quota.cpus), why });
  }
  const least = limits.reduce((least, limit) => (limit.count < least.count ? limit : least));
  return { count: Math.max(1, least.count), why: least.why };
}

/** Up, as the JVM, .NET and Go round, but not for a sliver: 2.2 CPUs are not worth a third worker. */
function workersFor(quota: number): number {
  return Math.max(1, Math.ceil(quota - 0.2));
}
