/** What stands around a command and its supervisor: open descriptors, folders that move, full disks, deleted files. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";

const PUPPET = fixture("puppet.mjs");
const CLI = `"${process.execPath}" "${join(projectRoot, "dist/bin/holdfast.cjs")}"`;
const isLinux = process.platform === "linux";
const isThere = (command: string): boolean => spawnSync("which", [command]).status === 0;
const canMount =
  process.getuid?.() === 0 &&
  spawnSync("unshare", ["-m", "true"], { stdio: "ignore" }).status === 0;

/** Runs a script of bash that may call `holdfast`. */
function shell(script: string): { program: readonly string[] } {
  return { program: ["bash", "-c", `holdfast() { ${CLI} "$@"; }\n${script}`] };
}

async function ask(house: House, app: string, path: string): Promise<Record<string, unknown>> {
  const found = (await house.overview()).apps.find(({ name }) => name === app);
  const response = await fetch(`http://${found?.addresses[0]}${path}`);
  return (await response.json()) as Record<string, unknown>;
}

describe("what a shell left open", () => {
  // skip: needs flock(1) of util-linux; elsewhere libuv itself hands nothing down.
  it.skipIf(!isLinux || !isThere("flock"))(
    "is neither the supervisor's nor its workers': a lock is free when its shell has ended",
    async () => {
      await using house = new House();
      const start = `exec 20>low 200>lock; flock 20; flock 200; holdfast start "${PUPPET}" -n api -i 1`;
      const end = await house.run([], shell(start));
      expect([end.status, end.stderr]).toEqual([0, expect.stringContaining("api: started")]);
      for (const lock of ["low", "lock"]) {
        const taken = spawnSync("flock", ["--nonblock", join(house.root, lock), "true"]);
        expect([lock, taken.status]).toEqual([lock, 0]);
      }
      expect((await house.overview()).apps[0]?.ready).toBe(1);
    },
  );
});

// skip: elsewhere than on Linux there is no /proc to find them by.
describe.skipIf(!isLinux)("what workers left behind in sessions of their own", () => {
  for (const command of ["stop", "restart", "delete"] as const) {
    it(`ends with ${command}, and what belongs to others does not`, async () => {
      await using house = new House();
      await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
      await house.ok(["start", PUPPET, "-n", "other", "-i", "1"]);
      const left = Number((await ask(house, "api", "/spawn-detached")).pid);
      const others = Number((await ask(house, "other", "/spawn-detached")).pid);
      expect([isAlive(left), isAlive(others)]).toEqual([true, true]);
      await house.ok([command, "api"]);
      if (command === "restart") await until(() => !isAlive(left), { what: "its end" });
      expect([isAlive(left), isAlive(others)]).toEqual([false, true]);
    });
  }

  it("ends when its worker has died or was replaced, and a living worker keeps its own", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1", "--min-uptime", "100ms"]);
    const ofKilled = await ask(house, "api", "/spawn-detached");
    const { pid } = await ask(house, "api", "/");
    process.kill(Number(pid), "SIGKILL");
    await until(() => !isAlive(Number(ofKilled.pid)), { what: "the end of the dead one's" });
    await until(async () => (await house.overview()).apps[0]?.ready === 1, { what: "the next" });
    const ofReplaced = await ask(house, "api", "/spawn-detached");
    await house.ok(["reload", "api"]);
    await until(() => !isAlive(Number(ofReplaced.pid)), { what: "the end of the replaced one's" });
    const ofLiving = await ask(house, "api", "/spawn-detached");
    await house.ok(["scale", "api", "2"]);
    await house.ok(["scale", "api", "1"]);
    await house.ok(["start", PUPPET, "-n", "b", "-i", "1"]);
    await house.ok(["delete", "b"]);
    expect(isAlive(Number(ofLiving.pid))).toBe(true);
  });
});

describe("a home that somebody tidied", () => {
  it("gets its socket back, and commands find the supervisor meanwhile", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const { supervisor } = await house.overview();
    rmSync(join(house.home, "control.sock"));
    expect((await house.overview()).supervisor.pid).toBe(supervisor.pid);
    expect((await house.ok(["start", PUPPET, "-n", "b", "-i", "1"])).stderr).toContain(
      "b: started",
    );
  });

  it("gets its claim back, too, and even its folder", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const { supervisor } = await house.overview();
    rmSync(house.home, { recursive: true });
    await until(() => existsSync(join(house.home, "control.sock")), { what: "the socket" });
    expect((await house.overview()).supervisor.pid).toBe(supervisor.pid);
    expect((await house.run(["supervisor"])).stdout).toContain("HF_ALREADY_RUNNING");
  });

  it("says which process has it when that one does not answer", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const { pid } = (await house.overview()).supervisor;
    process.kill(pid, "SIGSTOP");
    rmSync(join(house.home, "control.sock"));
    const end = await house.run(["list"]);
    process.kill(pid, "SIGCONT");
    expect(end.stderr).toContain("HF_SUPERVISOR_UNREACHABLE");
    expect(end.stderr).toContain(String(pid));
    expect(end.status).toBe(5);
  });
});

describe("a working directory that is a link", () => {
  for (const how of ["script", "file"] as const) {
    it(`is followed anew by each reload: a ${how} given relatively`, async () => {
      await using house = new House();
      for (const release of ["1", "2"]) {
        mkdirSync(join(house.root, release));
        const text = `require("node:http").createServer((_, answer) => answer.end('{"release":"${release}"}')).listen(0, "127.0.0.1")`;
        await writeFile(join(house.root, release, "app.cjs"), text);
        const apps = [{ name: "api", script: "app.cjs", instances: 1, minUptime: 100 }];
        await writeFile(join(house.root, release, "apps.json"), JSON.stringify({ apps }));
      }
      const link = join(house.root, "current");
      symlinkSync("1", link);
      const words = how === "script" ? "app.cjs -n api -i 1 --min-uptime 100ms" : "apps.json";
      await house.ok([], shell(`cd "${link}" && holdfast start ${words}`));
      expect(await ask(house, "api", "/")).toEqual({ release: "1" });
      symlinkSync("2", `${link}.new`);
      renameSync(`${link}.new`, link);
      await house.ok(["reload", "api"]);
      expect(await ask(house, "api", "/")).toEqual({ release: "2" });
      if (how === "file") {
        const pruned = await house.ok(
          [],
          shell(`cd "${link}" && holdfast start apps.json --prune`),
        );
        expect(pruned.stderr).toContain("unchanged: api");
      }
    });
  }
});

describe("wait --for ready", () => {
  it("means what start means: a server that boots slowly listens when it returns", async () => {
    await using house = new House();
    const env = { PUPPET_BOOT_MS: "2500" };
    const words = [PUPPET, "-n", "api", "-i", "1", "--min-uptime", "100ms"];
    const starting = house.ok(["start", ...words], { env });
    await until(async () => (await house.overview()).apps[0]?.ready === 1, { what: "its age" });
    expect((await house.overview()).apps[0]?.addresses).toEqual([]);
    await house.ok(["wait", "api", "--for", "ready"]);
    expect((await ask(house, "api", "/")).slot).toBe("0");
    await starting;
  });
});

describe("supervisor.log", () => {
  it("is opened anew by SIGUSR2 after somebody has moved it away", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const log = join(house.home, "supervisor.log");
    renameSync(log, `${log}.1`);
    process.kill((await house.overview()).supervisor.pid, "SIGUSR2");
    await until(() => readFileSync(log, "utf8").includes("log reopened"), { what: "the new file" });
    await house.ok(["start", PUPPET, "-n", "b", "-i", "1"]);
    expect(readFileSync(log, "utf8")).toContain('"app":"b"');
    expect(readFileSync(`${log}.1`, "utf8")).not.toContain('"app":"b"');
  });

  it("is rotated by its size, as the logs of workers are", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const log = join(house.home, "supervisor.log");
    await writeFile(log, `${"x".repeat(1023)}\n`.repeat(11 * 1024), { flag: "a" });
    const archives = (): string[] =>
      spawnSync("ls", [house.home], { encoding: "utf8" })
        .stdout.split("\n")
        .filter((name) => /^supervisor\.log\.\d{8}T\d{6}Z/.test(name));
    await until(() => archives().length > 0, { what: "an archive", timeoutMs: 20_000 });
    await house.ok(["start", PUPPET, "-n", "b", "-i", "1"]);
    await until(() => readFileSync(log, "utf8").includes('"app":"b"'), { what: "later lines" });
  }, 40_000);
});

describe("where there should be a message instead of a trace", () => {
  it("a home with a long path that is not there yet is no supervisor's, and can be started in", async () => {
    await using house = new House();
    const home = join(house.root, "h".repeat(120));
    const end = await house.run(["list", "--home", home]);
    expect(end.stderr).toContain("no supervisor runs in");
    expect(end.stderr).not.toContain("    at ");
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1", "--home", home]);
    await house.ok(["shutdown", "--home", home]);
  });

  it("a deleted working directory is named where it is needed, and no matter where not", async () => {
    await using house = new House();
    const gone = (words: string) =>
      house.run([], shell(`mkdir gone && cd gone && rmdir ../gone && holdfast ${words}`));
    for (const words of ["start app.js", "start", "validate", "start apps.json", "run app.js"]) {
      const end = await gone(words);
      expect([words, end.status, end.stderr]).toEqual([
        words,
        1,
        expect.stringContaining("HF_NO_WORKING_DIRECTORY"),
      ]);
      expect(end.stderr).not.toContain("    at ");
    }
    expect((await gone("list")).stderr).toContain("no supervisor runs in");
  });

  // skip: /dev/full is Linux's.
  it.skipIf(!isLinux)("output that cannot be written is a failure", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const end = await house.run([], shell("holdfast list > /dev/full"));
    expect([end.status, end.stderr]).toEqual([1, expect.stringContaining("HF_OUTPUT_UNWRITABLE")]);
    expect(end.stderr).toContain("ENOSPC");
    expect(end.stderr).not.toContain("    at ");
    // What is only told on the way is no part of the outcome.
    expect((await house.run([], shell("holdfast reload api 2> /dev/full"))).status).toBe(0);
    expect((await house.run([], shell("holdfast reload nope 2> /dev/full"))).status).toBe(4);
  });

  // skip: a small file system needs root and a mount namespace.
  it.skipIf(!canMount)("an empty home on a full disk is unusable", async () => {
    await using house = new House();
    mkdirSync(house.home);
    const script = [
      `mount -t tmpfs -o mode=700,size=64k tmpfs "${house.home}"`,
      `head -c 1m /dev/zero > "${house.home}/fill" 2>/dev/null`,
      `${CLI} start "${PUPPET}" -n api -i 1`,
    ].join("\n");
    const end = await house.run([], { program: ["unshare", "-m", "sh", "-c", script] });
    expect([end.status, end.stderr]).toEqual([77, expect.stringContaining("HF_HOME_UNUSABLE")]);
    expect(end.stderr).toMatch(/ENOSPC|no space/);
  });
});
