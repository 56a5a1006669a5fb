import { describe, expect, it } from "vitest";
import { availableMemory } from "../../src/system/memory.ts";
import { readText } from "../../src/system/read.ts";

const GIB = 1024 ** 3;

/** A machine whose kernel shows these files. */
function machine(files: Readonly<Record<string, string>>) {
  return (path: string): string | null => files[path] ?? null;
}

const meminfo = "MemTotal:       16777216 kB\nMemFree:  100 kB\nMemAvailable:    8388608 kB\n";
const v2 = {
  "/proc/meminfo": meminfo,
  "/proc/self/cgroup": "0::/app/web\n",
  "/proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
};

describe("the memory that is left", () => {
  it("is what the machine has", () => {
    expect(availableMemory(machine({ "/proc/meminfo": meminfo }))).toBe(8 * GIB);
    expect(availableMemory(machine(v2))).toBe(8 * GIB);
  });

  it("or what the tightest group leaves, files in its cache not counted", () => {
    const group = {
      ...v2,
      "/sys/fs/cgroup/app/web/memory.max": "max\n",
      "/sys/fs/cgroup/app/web/memory.current": `${GIB}\n`,
      "/sys/fs/cgroup/app/memory.max": `${4 * GIB}\n`,
      "/sys/fs/cgroup/app/memory.current": `${3 * GIB}\n`,
      "/sys/fs/cgroup/app/memory.stat": `anon 5\ninactive_file ${2 * GIB}\nactive_file 7\n`,
    };
    expect(availableMemory(machine(group))).toBe(3 * GIB);
  });

  it("in groups of the first version, too", () => {
    const group = {
      "/proc/meminfo": meminfo,
      "/proc/self/cgroup": "4:memory:/web\n",
      "/proc/self/mountinfo": "30 23 0:26 / /cg/memory rw - cgroup cgroup rw,memory\n",
      "/cg/memory/web/memory.limit_in_bytes": `${2 * GIB}\n`,
      "/cg/memory/web/memory.usage_in_bytes": `${3 * GIB}\n`,
      "/cg/memory/web/memory.stat": "total_inactive_file 0\n",
      // No limit is a huge number here.
      "/cg/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/cg/memory/memory.usage_in_bytes": "1\n",
    };
    expect(availableMemory(machine(group))).toBe(0);
  });

  it("is not known where nothing is told", () => {
    expect(availableMemory(machine({}))).toBeNull();
  });

  it("is some on the machine at hand", (context) => {
    context.skip(process.platform !== "linux", "only Linux has /proc");
    expect(availableMemory(readText)).toBeGreaterThan(0);
  });
});
