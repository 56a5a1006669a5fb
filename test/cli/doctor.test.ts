/** `doctor`: what facts mean, and what it finds on a real machine. */

import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Check, Facts } from "../../src/cli/doctor/facts.ts";
import { gather, isForeground } from "../../src/cli/doctor/gather.ts";
import { judge } from "../../src/cli/doctor/judge.ts";
import { renderChecks } from "../../src/cli/doctor/render.ts";
import { systemdUnit } from "../../src/cli/startup/systemd-unit.ts";
import { homeAt } from "../../src/system/home.ts";
import { fixture } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const GIB = 1024 ** 3;
const home = {
  directory: "/h",
  found: { uid: 1000, mode: 0o40700, isDirectory: true },
  uid: 1000,
  isWritable: true,
  freeBytes: 10 * GIB,
  hasSocket: false,
  claim: null,
};
const well: Facts = {
  now: Date.parse("2026-11-01"),
  node: "v24.1.0",
  version: "1.0.0",
  openFiles: 65_536,
  somaxconn: 4096,
  memory: { limitBytes: 8 * GIB, isLimited: false, usedBytes: null },
  cpus: { count: 4, why: "every CPU", quota: null },
  workers: null,
  home,
  nodeOptions: "",
  services: [],
  supervisor: { type: "none" },
  runsForeground: false,
};
const heir = { wanted: true, pid: 8, memoryBytes: 20 * 1024 ** 2 };
const answers = {
  type: "answers",
  ...{ pid: 7, version: "1.0.0", node: "24.1.0", heir, takeovers: 0 },
} as const;
const program = (path: string, exists: boolean) => ({ path, exists });

describe("judge", () => {
  it("finds nothing where all is well", () => {
    for (const facts of [well, { ...well, supervisor: answers, workers: 4 }]) {
      expect(judge(facts).filter(({ status }) => status !== "ok")).toEqual([]);
    }
  });

  it.each<[string, Partial<Facts>, string, Check["status"], string]>([
    ["an old Node", { node: "v20.18.3" }, "node", "fail", "too old"],
    ["a Node at its end", { node: "v20.20.2" }, "node", "warn", "2026-04-30"],
    ["an odd Node", { node: "v25.0.0" }, "node", "warn", "without long support"],
    ["a future Node", { node: "v28.0.0" }, "node", "warn", "newer"],
    ["a few files", { openFiles: 1024 }, "open files", "warn", "1024"],
    ["hardly any files", { openFiles: 64 }, "open files", "fail", "64"],
    ["any number of files", { openFiles: Infinity }, "open files", "ok", "any number"],
    ["a short queue", { somaxconn: 128 }, "accept queue", "warn", "128"],
    [
      "little memory for many",
      { memory: { limitBytes: GIB / 4, isLimited: true, usedBytes: null } },
      "memory",
      "warn",
      "64 MiB for each of 4",
    ],
    [
      "memory nearly used",
      { memory: { limitBytes: GIB, isLimited: true, usedBytes: 0.95 * GIB } },
      "memory",
      "warn",
      "they use",
    ],
    [
      "half a CPU",
      { cpus: { count: 1, why: "cgroup v2 quota 0.5", quota: 0.5 } },
      "cpus",
      "warn",
      "less than one",
    ],
    ["many workers on few CPUs", { workers: 9 }, "cpus", "warn", "9 workers"],
    ["a home to be made", { home: { ...home, found: null } }, "home", "ok", "can be made"],
    [
      "a home that cannot be made",
      { home: { ...home, found: null, isWritable: false } },
      "home",
      "fail",
      "cannot be made",
    ],
    [
      "a home that is a file",
      { home: { ...home, found: { ...home.found, isDirectory: false } } },
      "home",
      "fail",
      "no directory",
    ],
    ["another's home", { home: { ...home, uid: 0 } }, "home", "fail", "id 1000"],
    [
      "an open home",
      { home: { ...home, found: { ...home.found, mode: 0o40755 } } },
      "home",
      "warn",
      "755",
    ],
    [
      "a home that is read-only",
      { home: { ...home, isWritable: false } },
      "home",
      "fail",
      "written",
    ],
    ["a disk that fills", { home: { ...home, freeBytes: GIB / 2 } }, "disk", "warn", "512 MiB"],
    ["a full disk", { home: { ...home, freeBytes: 0 } }, "disk", "fail", "0 bytes"],
    [
      "a stale pid file",
      { home: { ...home, claim: { pid: 5, isAlive: false } } },
      "leftovers",
      "warn",
      "pid file",
    ],
    ["a stale socket", { home: { ...home, hasSocket: true } }, "leftovers", "warn", "socket"],
    [
      "an owner that is deaf",
      { home: { ...home, claim: { pid: 5, isAlive: true } } },
      "leftovers",
      "fail",
      "process 5",
    ],
    ["a debugger for all", { nodeOptions: "--inspect-brk" }, "NODE_OPTIONS", "fail", "debugger"],
    ["one debugger port", { nodeOptions: "--inspect=0.0.0.0" }, "NODE_OPTIONS", "warn", "port"],
    [
      "a heap too large for all",
      { nodeOptions: "--max-old-space-size=4096" },
      "NODE_OPTIONS",
      "warn",
      "16 GiB together",
    ],
    ["a harmless option", { nodeOptions: "--enable-source-maps" }, "NODE_OPTIONS", "ok", "no harm"],
    [
      "a service whose Node is gone",
      { services: [{ file: "/u", programs: [program("/nvm/node", false)] }] },
      "service",
      "fail",
      "/nvm/node",
    ],
    [
      "a service that is right",
      { services: [{ file: "/u", programs: [program("/n", true)] }] },
      "service",
      "ok",
      "/u",
    ],
    [
      "another version",
      { supervisor: { ...answers, version: "0.9.0" } },
      "supervisor",
      "warn",
      "0.9.0",
    ],
    [
      "another Node",
      { supervisor: { ...answers, node: "v22.0.0" } },
      "supervisor",
      "warn",
      "v22.0.0",
    ],
    ["an heir", { supervisor: { ...answers, takeovers: 2 } }, "heir", "ok", "20 MiB"],
    ["that there is nobody to have one", {}, "heir", "ok", "no supervisor"],
    ["process 1", { supervisor: { ...answers, pid: 1 } }, "heir", "ok", "restart policy"],
    ["a container's own supervisor", { runsForeground: true }, "heir", "ok", "restart policy"],
    [
      "an heir that is not wanted",
      { supervisor: { ...answers, heir: { ...heir, wanted: false, pid: null } } },
      "heir",
      "warn",
      "`heir: false`",
    ],
    [
      "an heir that does not start",
      { supervisor: { ...answers, heir: { ...heir, pid: null } } },
      "heir",
      "fail",
      "there is none",
    ],
    [
      "a version without heirs",
      { supervisor: { ...answers, heir: null } },
      "heir",
      "warn",
      "Holdfast 1.0.0 has none",
    ],
    [
      "a supervisor that is silent",
      { supervisor: { type: "fault", message: "silent", remedy: "look" } },
      "supervisor",
      "fail",
      "silent",
    ],
  ])("finds %s", (_what, facts, name, status, text) => {
    const found = judge({ ...well, ...facts }).find((check) => check.name === name);
    expect(found).toMatchObject({ status, what: expect.stringContaining(text) });
    expect(found?.fix === null).toBe(status === "ok");
  });

  it.each([
    ["/usr/bin/node\0/app/node_modules/.bin/holdfast\0run\0server.js\0", true],
    ["sh\0-c\0...\0holdfast-init\0/usr/bin/node\0/app/dist/bin/holdfast.cjs\0run\0x.js\0", true],
    ["tini\0--\0holdfast\0run\0x.js\0", true],
    ["/sbin/init\0", false],
    ["node\0holdfast.cjs\0supervisor\0", false],
    ["", false],
  ])("knows whether %j is the foreground supervisor", (commandLine, isIt) =>
    expect(isForeground(commandLine)).toBe(isIt),
  );

  it("is shown a line each with what to do, and harmlessly", () => {
    const checks: Check[] = [
      { name: "home", status: "ok", what: "fine", fix: null },
      { name: "disk", status: "fail", what: "full\u001b[2J", fix: "make room" },
    ];
    expect(renderChecks(checks, false)).toBe(
      "✓ ok    home  fine\n✗ fail  disk  full\\u001b[2J\n              fix: make room\n1 ok, 0 to look at, 1 to mend\n",
    );
    expect(renderChecks(checks, true)).toContain("\u001b[31m✗ fail");
  });
});

async function checksOf(house: House, options: Parameters<House["run"]>[1] = {}) {
  const { status, stdout } = await house.run(["doctor", "-o", "json"], options);
  const { version, data } = JSON.parse(stdout) as {
    version: number;
    data: { ok: boolean; checks: Check[] };
  };
  expect(version).toBe(1);
  expect(data.ok).toBe(status === 0);
  const of = (name: string) => data.checks.find((check) => check.name === name);
  return { status, of };
}

describe("holdfast doctor", () => {
  it("changes nothing, and is content with a fresh home", async () => {
    await using house = new House();
    const { status, of } = await checksOf(house);
    expect([status, of("home")?.status, of("supervisor")?.what]).toEqual([
      0,
      "ok",
      "none runs in this home",
    ]);
    expect(of("node")?.what).toContain(process.version);
    expect(existsSync(house.home)).toBe(false);
  });

  it("talks to the supervisor", async () => {
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-i", "1"]);
    const { pid } = (await house.overview()).supervisor;
    const { status, of } = await checksOf(house);
    expect([status, of("supervisor")?.what]).toEqual([
      0,
      expect.stringContaining(`pid ${pid} answers`),
    ]);
    expect(of("memory")?.what).toContain("for each of 1 workers");
    await until(async () => (await checksOf(house)).of("heir")?.status === "ok", {
      what: "the heir",
    });
    await house.ok(["start", fixture("puppet.mjs"), "-n", "other", "-i", "1", "--no-heir"]);
    expect((await checksOf(house)).of("heir")).toMatchObject({ status: "warn" });
    expect((await house.overview()).supervisor.heir).toEqual({ wanted: false, pid: null });
    chmodSync(house.home, 0o755);
    expect((await checksOf(house)).of("home")?.status).toBe("warn");
    expect((await house.run(["doctor"])).stdout).toMatch(/^! warn {2}home /m);
  });

  it("finds what a killed supervisor has left", async () => {
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-i", "1", "--no-heir"]);
    const { pid } = (await house.overview()).supervisor;
    process.kill(pid, "SIGKILL");
    await until(
      async () => (await checksOf(house)).of("leftovers")?.what.includes("pid file and socket"),
      { what: "the leftovers" },
    );
    // The workers serve on, until somebody has them again.
    await house.ok(["resurrect"]);
  });

  it("finds a home that cannot be used, and options that hurt; exit status 1", async () => {
    await using house = new House();
    writeFileSync(house.home, "a file");
    const { status, of } = await checksOf(house);
    expect([status, of("home")?.status]).toEqual([1, "fail"]);
    rmSync(house.home);
    const inspected = await checksOf(house, {
      env: {
        NODE_OPTIONS: "--throw-deprecation",
      },
    });
    expect(inspected.of("NODE_OPTIONS")).toMatchObject({
      status: "warn",
      what: expect.stringContaining("--throw-deprecation"),
    });
  });

  it("finds one on the socket who speaks something else", async () => {
    await using house = new House();
    mkdirSync(house.home, { mode: 0o700 });
    const server = createServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    await new Promise<void>((resolve) => server.listen(join(house.home, "control.sock"), resolve));
    const { status, of } = await checksOf(house);
    expect([status, of("supervisor")?.status]).toEqual([1, "fail"]);
    await new Promise((resolve) => server.close(resolve));
  });

  it("reads the units startup has written, and no others", async () => {
    await using house = new House();
    const service = {
      name: "a",
      user: "root",
      group: null,
      home: "/h",
      node: "/no/node",
      cli: process.execPath,
      path: "/bin",
      stopTimeoutMs: 1,
      watchdogMs: null,
      openFiles: 1,
      hardening: true,
      keepWorkers: false,
      lowPorts: false,
    };
    house.file("a.service", systemdUnit(service));
    house.file("b.service", "[Service]\nExecStart=/no/program\n");
    const facts = await gather({ home: homeAt(house.home, {}), env: {}, units: house.root });
    expect(facts.services).toEqual([
      {
        file: join(house.root, "a.service"),
        programs: [program("/no/node", false), program(process.execPath, true)],
      },
    ]);
  });
});
