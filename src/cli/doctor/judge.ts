/** What facts about a machine mean for a supervisor. Pure. */

import type { Check, Facts } from "./facts.ts";
import { judgeHeir } from "./judge-heir.ts";
import { judgeHome, judgeLeftovers } from "./judge-home.ts";
import { bytes, fail, ok, warn } from "./verdicts.ts";

/** When a line of Node is no longer mended (github.com/nodejs/Release). */
const NODE_ENDS: Readonly<Record<number, string>> = {
  20: "2026-04-30",
  22: "2027-04-30",
  24: "2028-04-30",
  26: "2029-04-30",
};
const NEWEST = 26;
const LEAST_NODE = [20, 19] as const;

const FEW_FILES = 4096;
const HARDLY_ANY_FILES = 256;
/** What Node asks for when it listens; the kernel gives at most somaxconn. */
const NODE_BACKLOG = 511;
/** An empty Node program needs about 45 MB. */
const LITTLE_MEMORY_BYTES = 128 * 1024 ** 2;
const NEARLY_FULL = 0.9;

/** All checks, in the order they are shown. */
export function judge(facts: Facts): readonly Check[] {
  return [
    judgeNode(facts),
    judgeFiles(facts),
    judgeBacklog(facts),
    judgeMemory(facts),
    judgeCpus(facts),
    ...judgeHome(facts.home),
    judgeLeftovers(facts.home, facts.supervisor),
    judgeNodeOptions(facts),
    ...judgeServices(facts),
    judgeSupervisor(facts),
    judgeHeir(facts),
  ];
}

function judgeNode({ node, now }: Facts): Check {
  const [major = 0, minor = 0] = node.replace(/^v/, "").split(".").map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    return fail("node", `${node} is too old`, "use Node 20.19 or later");
  }
  const end = NODE_ENDS[major];
  if (end === undefined) {
    const what =
      major > NEWEST ? "is newer than what was tested" : "is a line without long support";
    return warn("node", `${node} ${what}`, "use Node 22, 24 or 26 in production");
  }
  if (now < Date.parse(end)) return ok("node", `${node}, supported until ${end}`);
  return warn(
    "node",
    `${node} works, but gets no more security fixes since ${end}`,
    "use Node 24 or 26",
  );
}

function judgeFiles({ openFiles }: Facts): Check {
  if (openFiles === null) return ok("open files", "the limit is not known here");
  const what = `${openFiles === Infinity ? "any number of" : openFiles} files per process`;
  const fix = "raise it: LimitNOFILE= of the service, or ulimit -n before the start";
  if (openFiles < HARDLY_ANY_FILES) return fail("open files", what, fix);
  return openFiles < FEW_FILES
    ? warn("open files", `${what}, and each connection is one`, fix)
    : ok("open files", what);
}

function judgeBacklog({ somaxconn }: Facts): Check {
  if (somaxconn === null) return ok("accept queue", "its limit is not known here");
  const what = `net.core.somaxconn is ${somaxconn}`;
  if (somaxconn >= NODE_BACKLOG) return ok("accept queue", what);
  return warn(
    "accept queue",
    `${what}, less than the ${NODE_BACKLOG} Node asks for`,
    "sysctl -w net.core.somaxconn=4096, and write it to /etc/sysctl.d",
  );
}

function judgeMemory({ memory, workers, cpus }: Facts): Check {
  const { limitBytes, isLimited, usedBytes } = memory;
  const count = Math.max(1, workers ?? cpus.count);
  const each = limitBytes / count;
  const what = `${bytes(limitBytes)} ${isLimited ? "allowed by the control group" : "in this machine"}, ${bytes(each)} for each of ${count} workers`;
  if (usedBytes !== null && usedBytes > limitBytes * NEARLY_FULL) {
    return warn(
      "memory",
      `${what}; they use ${bytes(usedBytes)} of it now`,
      "raise the limit, run fewer instances, or set maxMemory",
    );
  }
  if (each < LITTLE_MEMORY_BYTES)
    return warn("memory", what, "run fewer instances, or raise the limit");
  return ok("memory", what);
}

function judgeCpus({ cpus, workers }: Facts): Check {
  const { count, why, quota } = cpus;
  const what = `${count} CPU${count === 1 ? "" : "s"} to use (${why})`;
  if (quota !== null && quota < 1) {
    return warn(
      "cpus",
      `${what}: less than one CPU, so every worker is paused again and again`,
      "raise the CPU quota to 1 or more",
    );
  }
  if (workers !== null && workers > 2 * count) {
    return warn(
      "cpus",
      `${what}, and ${workers} workers`,
      "run fewer instances, or as many as there are CPUs: instances max",
    );
  }
  return ok("cpus", what);
}

const CONFLICTS: readonly (readonly [RegExp, Check["status"], string, string])[] = [
  [
    /--inspect-(?:brk|wait)\b/,
    "fail",
    "makes every worker wait for a debugger",
    "unset it, or put it into nodeArgs of one app",
  ],
  [
    /--inspect\b/,
    "warn",
    "has every process want the same debugger port",
    "unset it, or put it into nodeArgs of one app",
  ],
  [
    /--(?:cpu|heap)-prof\b/,
    "warn",
    "has every process write a profile when it ends",
    "put it into nodeArgs of one app",
  ],
  [
    /--throw-deprecation\b|--unhandled-rejections=strict\b/,
    "warn",
    "ends the supervisor, too, where it would only warn",
    "put it into nodeArgs of the apps",
  ],
];

function judgeNodeOptions({ nodeOptions, memory, workers, cpus }: Facts): Check {
  const name = "NODE_OPTIONS";
  if (nodeOptions.trim() === "") return ok(name, "is not set");
  const found = CONFLICTS.find(([pattern]) => pattern.test(nodeOptions));
  if (found) {
    const [, status, what, fix] = found;
    return { name, status, what: `"${nodeOptions}" ${what}`, fix };
  }
  const heap =
    Number(/--max[-_]old[-_]space[-_]size=(\d+)/.exec(nodeOptions)?.[1] ?? 0) * 1024 ** 2;
  const together = heap * (workers ?? cpus.count);
  if (together <= memory.limitBytes) return ok(name, `"${nodeOptions}" does no harm`);
  return warn(
    name,
    `"${nodeOptions}" lets workers grow to ${bytes(together)} together, more than the ${bytes(memory.limitBytes)} there are`,
    "lower it, or run fewer instances",
  );
}

function judgeServices({ services }: Facts): readonly Check[] {
  if (services.length === 0) {
    return [
      ok(
        "service",
        "none is set up: after a restart of the machine nothing runs (holdfast startup)",
      ),
    ];
  }
  return services.map(({ file, programs }) => {
    const gone = programs.find(({ exists }) => !exists);
    if (!gone) return ok("service", `${file} starts programs that exist`);
    return fail(
      "service",
      `${file} starts ${gone.path}, which is not there`,
      "run `holdfast startup` again with the Node and Holdfast of today",
    );
  });
}

function judgeSupervisor({ supervisor, version, node }: Facts): Check {
  const name = "supervisor";
  if (supervisor.type === "none") return ok(name, "none runs in this home");
  if (supervisor.type === "fault") return fail(name, supervisor.message, supervisor.remedy);
  const { pid, version: theirs, node: theirNode } = supervisor;
  const what = `pid ${pid} answers, Holdfast ${theirs} on Node ${theirNode}`;
  const fix = "holdfast upgrade: the supervisor becomes this one, and no request is lost";
  if (theirs !== version) return warn(name, `${what}; this command is ${version}`, fix);
  if (theirNode.replace(/^v/, "") === node.replace(/^v/, "")) return ok(name, what);
  return warn(name, `${what}; this command runs on ${node}`, fix);
}
