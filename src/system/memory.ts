/** How much memory this process's machine or container has left. Pure over a `read` port; Linux only. */

import { groupsOf } from "./cgroup.ts";
import type { Read } from "./read.ts";

/**
 * Bytes that new processes may still use: the least of what the machine has and what each control group
 * from this process's own upwards leaves. Cached files count as free, for the kernel gives them up.
 * Null where nothing is known.
 */
export function availableMemory(read: Read): number | null {
  const { v1, v2 } = groupsOf("memory", read);
  const machine = /^MemAvailable:\s+(\d+) kB$/m.exec(read("/proc/meminfo") ?? "")?.[1];
  const left = [
    ...(machine === undefined ? [] : [Number(machine) * 1024]),
    ...v2.flatMap((group) => leftIn(group, "memory.max", "memory.current", "inactive_file", read)),
    ...v1.flatMap((group) =>
      leftIn(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", read),
    ),
  ];
  return left.length === 0 ? null : Math.max(0, Math.min(...left));
}

/** Nothing where there is no limit ("max"). */
function leftIn(
  group: string,
  limitFile: string,
  usedFile: string,
  cacheName: string,
  read: Read,
): readonly number[] {
  const limit = numberIn(read(`${group}/${limitFile}`));
  const used = numberIn(read(`${group}/${usedFile}`));
  const stat = read(`${group}/memory.stat`) ?? "";
  const cached = numberIn(new RegExp(`^${cacheName} (\\d+)$`, "m").exec(stat)?.[1] ?? null) ?? 0;
  return limit === null || used === null ? [] : [limit - Math.max(0, used - cached)];
}

function numberIn(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text.trim()) ? Number(text) : null;
}
