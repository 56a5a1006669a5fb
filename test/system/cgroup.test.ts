import { cpus } from "node:os";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cpuQuota,
  cpusetCpus,
  groupsOf,
  oomKillsIn,
  parseCpuList,
} from "../../src/system/cgroup.ts";
import { countCpus, usableCpus } from "../../src/system/cpus.ts";
import type { Read } from "../../src/system/read.ts";

const V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
const V1 = `31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 23 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
33 23 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`;
const HYBRID = `${V1}34 23 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`;

const tree =
  (files: Readonly<Record<string, string>>): Read =>
  (path) =>
    Object.hasOwn(files, path) ? (files[path] ?? null) : null;

function v2(path: string, files: Readonly<Record<string, string>>): Read {
  return tree({ "/proc/self/cgroup": `0::${path}\n`, "/proc/self/mountinfo": V2, ...files });
}

function v1(path: string, files: Readonly<Record<string, string>>): Read {
  const memberships = `4:memory:${path}\n3:cpuset:${path}\n2:cpu,cpuacct:${path}\n1:name=systemd:/\n`;
  return tree({ "/proc/self/cgroup": memberships, "/proc/self/mountinfo": V1, ...files });
}

const quotaV2 = (text: string) => v2("/", { "/sys/fs/cgroup/cpu.max": text });

describe("groupsOf", () => {
  it("goes from the process's group up to the mount", () => {
    expect(groupsOf("cpu", v2("/a/b", {}))).toEqual({
      v2: ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"],
      v1: [],
    });
    expect(groupsOf("cpu", v1("/a", {}))).toEqual({
      v2: [],
      v1: ["/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"],
    });
  });

  it("finds both on a hybrid host", () => {
    const read = tree({
      "/proc/self/cgroup": "2:cpu,cpuacct:/old\n0::/new\n",
      "/proc/self/mountinfo": HYBRID,
    });
    expect(groupsOf("cpu", read)).toEqual({
      v2: ["/sys/fs/cgroup/unified/new", "/sys/fs/cgroup/unified"],
      v1: ["/sys/fs/cgroup/cpu,cpuacct/old", "/sys/fs/cgroup/cpu,cpuacct"],
    });
  });

  it("takes the mount's own root off a path of the host's view", () => {
    const mountinfo = "30 23 0:26 /docker/42 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
    const read = (path: string) =>
      tree({ "/proc/self/cgroup": `2:cpu:${path}\n`, "/proc/self/mountinfo": mountinfo });
    expect(groupsOf("cpu", read("/docker/42/x")).v1).toEqual([
      "/sys/fs/cgroup/cpu/x",
      "/sys/fs/cgroup/cpu",
    ]);
    expect(groupsOf("cpu", read("/docker/42")).v1).toEqual(["/sys/fs/cgroup/cpu"]);
    expect(groupsOf("cpu", read("/docker/423")).v1).toEqual(["/sys/fs/cgroup/cpu"]);
  });

  it("stays at the mount for a group outside its namespace", () => {
    expect(groupsOf("cpu", v2("/../x", {})).v2).toEqual(["/sys/fs/cgroup"]);
  });

  it("knows the usual mounts where mountinfo is missing, and blanks in a mount's name", () => {
    const bare = tree({ "/proc/self/cgroup": "2:cpu:/a\n0::/b\n" });
    expect(groupsOf("cpu", bare)).toEqual({
      v2: ["/sys/fs/cgroup/b", "/sys/fs/cgroup"],
      v1: ["/sys/fs/cgroup/cpu/a", "/sys/fs/cgroup/cpu"],
    });
    const blank = tree({
      "/proc/self/cgroup": "0::/\n",
      "/proc/self/mountinfo": "30 23 0:26 / /my\\040groups rw - cgroup2 cgroup2 rw\n",
    });
    expect(groupsOf("cpu", blank).v2).toEqual(["/my groups"]);
  });

  it("finds nothing where there is nothing", () => {
    expect(groupsOf("cpu", () => null)).toEqual({ v2: [], v1: [] });
  });
});

describe("cpuQuota", () => {
  it.each([
    ["50000 100000\n", 0.5],
    ["150000 100000\n", 1.5],
    ["max 100000\n", null],
    ["", null],
    ["garbage", null],
    ["-5 100000", null],
    ["0 100000", null],
    ["100000 0", null],
    ["100000", null],
  ])("cpu.max %j is %j", (text, cpus) => {
    expect(cpuQuota(quotaV2(text))?.cpus ?? null).toBe(cpus);
  });

  it("takes the tightest of nested groups, wherever it stands", () => {
    const at = (own: string, parent: string, root: string) =>
      cpuQuota(
        v2("/a/b", {
          "/sys/fs/cgroup/a/b/cpu.max": own,
          "/sys/fs/cgroup/a/cpu.max": parent,
          "/sys/fs/cgroup/cpu.max": root,
        }),
      );
    expect(at("max 100000", "200000 100000", "300000 100000")).toEqual({ cpus: 2, version: 2 });
    expect(at("100000 100000", "200000 100000", "max 100000")).toEqual({ cpus: 1, version: 2 });
    expect(at("max 100000", "max 100000", "300000 100000")).toEqual({ cpus: 3, version: 2 });
  });

  it("reads v1, where -1 is no limit", () => {
    const group = "/sys/fs/cgroup/cpu,cpuacct";
    const at = (own: string) =>
      cpuQuota(
        v1("/x", {
          [`${group}/x/cpu.cfs_quota_us`]: own,
          [`${group}/x/cpu.cfs_period_us`]: "100000\n",
          [`${group}/cpu.cfs_quota_us`]: "400000\n",
          [`${group}/cpu.cfs_period_us`]: "100000\n",
        }),
      );
    expect(at("150000\n")).toEqual({ cpus: 1.5, version: 1 });
    expect(at("-1\n")).toEqual({ cpus: 4, version: 1 });
  });

  it("takes the tighter of the two on a hybrid host", () => {
    const read = tree({
      "/proc/self/cgroup": "2:cpu,cpuacct:/old\n0::/new\n",
      "/proc/self/mountinfo": HYBRID,
      "/sys/fs/cgroup/unified/new/cpu.max": "300000 100000\n",
      "/sys/fs/cgroup/cpu,cpuacct/old/cpu.cfs_quota_us": "200000\n",
      "/sys/fs/cgroup/cpu,cpuacct/old/cpu.cfs_period_us": "100000\n",
    });
    expect(cpuQuota(read)).toEqual({ cpus: 2, version: 1 });
  });
});

describe("CPU lists", () => {
  it.each([
    ["0-3\n", [0, 1, 2, 3]],
    ["0,2,4-5", [0, 2, 4, 5]],
    ["7", [7]],
    ["", null],
    ["\n", null],
    ["3-1", null],
    ["a-b", null],
    ["0-99999999", null],
    ["0-70000", null],
    [null, null],
  ])("%j", (text, cpus) => {
    const parsed = parseCpuList(text);
    expect(parsed && [...parsed]).toEqual(cpus);
  });

  it("come from the nearest group that has one", () => {
    const files = {
      "/sys/fs/cgroup/a/b/cpuset.cpus": "\n",
      "/sys/fs/cgroup/a/cpuset.cpus.effective": "0-1\n",
      "/sys/fs/cgroup/cpuset.cpus.effective": "0-7\n",
    };
    expect(cpusetCpus(v2("/a/b", files))?.size).toBe(2);
    const group = "/sys/fs/cgroup/cpuset/x/cpuset.cpus";
    expect(cpusetCpus(v1("/x", { [group]: "1,3,5\n" }))?.size).toBe(3);
    expect(cpusetCpus(v1("/x", {}))).toBeNull();
  });
});

describe("countCpus", () => {
  const online = { "/sys/devices/system/cpu/online": "0-7\n" };
  const status = (list: string) => ({
    "/proc/self/status": `Name:\tx\nCpus_allowed_list:\t${list}\n`,
  });

  it.each([
    ["50000 100000", 1, "cgroup v2 quota 0.5"],
    ["100000 100000", 1, "cgroup v2 quota 1"],
    ["120000 100000", 1, "cgroup v2 quota 1.2"],
    ["150000 100000", 2, "cgroup v2 quota 1.5"],
    ["220000 100000", 2, "cgroup v2 quota 2.2"],
    ["225000 100000", 3, "cgroup v2 quota 2.25"],
    ["1600000 100000", 8, "every CPU"],
    ["max 100000", 8, "every CPU"],
  ])("with cpu.max %s of 8 CPUs: %d", (text, count, why) => {
    expect(countCpus(quotaV2(text), 8)).toEqual({ count, why });
  });

  it("is not misled by a Node that has rounded the quota down", () => {
    const read = v2("/", {
      ...online,
      ...status("0-7"),
      "/sys/fs/cgroup/cpu.max": "150000 100000\n",
    });
    expect(countCpus(read, 1)).toEqual({ count: 2, why: "cgroup v2 quota 1.5" });
  });

  it("counts allowed CPUs that are online: a kernel allows those that could be added too", () => {
    const read = tree({ ...online, ...status("0-127") });
    expect(countCpus(read, 3)).toEqual({ count: 8, why: "every CPU" });
    expect(countCpus(tree({ ...online, ...status("2,5") }), 8)).toEqual({
      count: 2,
      why: "CPU affinity",
    });
  });

  it("says that a cpuset decided", () => {
    const read = v2("/", { "/sys/fs/cgroup/cpuset.cpus.effective": "0-2\n" });
    expect(countCpus(read, 8)).toEqual({ count: 3, why: "cpuset" });
  });

  it("believes Node where the system shows nothing", () => {
    expect(countCpus(() => null, 6)).toEqual({ count: 6, why: "every CPU" });
  });

  it("stays from 1 to the affinity, whatever the files hold", () => {
    const paths = [
      "/proc/self/mountinfo",
      "/proc/self/cgroup",
      "/sys/fs/cgroup/cpu.max",
      "/sys/fs/cgroup/cpuset.cpus.effective",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
    ];
    const number = fc.integer({ min: -1, max: 5_000_000 }).map(String);
    const text = fc.oneof(
      fc.string(),
      number,
      fc.tuple(number, number).map(([left, right]) => `${left} ${right}`),
      fc.tuple(number, number).map(([left, right]) => `${left}-${right}`),
      fc.constantFrom("0::/\n", "1:cpu:/\n0::/a/b\n", V2, V1, HYBRID, "max 100000"),
    );
    const files = fc.dictionary(fc.constantFrom(...paths), text);
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 256 }), (found, affinity) => {
        const { count } = countCpus(tree(found), affinity);
        expect(Number.isInteger(count)).toBe(true);
        expect(count).toBeGreaterThanOrEqual(1);
        expect(count).toBeLessThanOrEqual(affinity);
      }),
      { numRuns: 1000 },
    );
  });

  it("gives this machine at least one CPU, and says why", () => {
    const { count, why } = usableCpus();
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(cpus().length);
    expect(why).not.toBe("");
  });
});

describe("oomKillsIn", () => {
  it("reads v2's memory.events of the own group", () => {
    const files = {
      "/sys/fs/cgroup/a/memory.events": "low 0\noom 4\noom_kill 3\noom_group_kill 9\n",
      "/sys/fs/cgroup/memory.events": "oom_kill 77\n",
    };
    expect(oomKillsIn(v2("/a", files))).toBe(3);
  });

  it("reads v1's memory.oom_control, which old kernels do not count in", () => {
    const file = "/sys/fs/cgroup/memory/a/memory.oom_control";
    expect(oomKillsIn(v1("/a", { [file]: "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n" }))).toBe(
      2,
    );
    expect(oomKillsIn(v1("/a", { [file]: "oom_kill_disable 0\nunder_oom 0\n" }))).toBeNull();
  });

  it("is null where nobody counts", () => {
    expect(oomKillsIn(v2("/", {}))).toBeNull();
    expect(oomKillsIn(() => null)).toBeNull();
  });
});
