import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { connectControl } from "../../src/link/control-client.ts";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const PUPPET = fixture("puppet.mjs");
const isRoot = process.getuid?.() === 0;
const canMount = isRoot && spawnSync("unshare", ["-m", "true"], { stdio: "ignore" }).status === 0;

/** Runs the command line in a mount namespace of its own, after some shell commands. */
function mounted(before: string): readonly string[] {
  const cli = join(projectRoot, "dist/bin/holdfast.cjs");
  return [
    "unshare",
    "-m",
    "sh",
    "-c",
    `${before} && exec "${process.execPath}" "${cli}" "$@"`,
    "sh",
  ];
}

describe("a home that is not as it should be", () => {
  it("a file in its place, or one that belongs to somebody else, is refused with what to do", async () => {
    await using house = new House();
    writeFileSync(house.home, "");
    const end = await house.run(["start", PUPPET]);
    expect(end).toMatchObject({
      status: 77,
      stderr: expect.stringContaining("HF_HOME_UNUSABLE"),
    });
    expect(readFileSync(house.home, "utf8")).toBe("");
    if (isRoot) {
      const other = join(house.root, "other");
      mkdirSync(other, { mode: 0o777 });
      spawnSync("chown", ["12345", other]);
      const theirs = await house.run(["start", PUPPET, "--home", other]);
      expect(theirs.stderr).toContain("belongs to the user with id 12345");
    }
  });

  it("no HOME at all is said, or made good from the user database", async () => {
    await using house = new House();
    const end = await house.run(["list"], { env: { HOME: "", HOLDFAST_HOME: "" } });
    // os.homedir() asks the user database when HOME is empty.
    expect(end.stderr).toMatch(/no supervisor runs in|HF_HOME_UNUSABLE/);
  });

  // skip: a read-only file system needs root and a mount namespace.
  it.skipIf(!canMount)("on a read-only file system is said", async () => {
    await using house = new House();
    mkdirSync(house.home);
    const program = mounted(`mount -t tmpfs -o ro,size=1m tmpfs "${house.home}"`);
    const end = await house.run(["start", PUPPET], { program });
    expect(end.status).toBe(77);
    expect(end.stderr).toMatch(/HF_HOME_UNUSABLE/);
    expect(end.stderr).toMatch(/EROFS|read-only/);
  });

  // skip: a small file system needs root and a mount namespace.
  it.skipIf(!canMount)(
    "on a full disk: the app that runs goes on, the old state stays whole",
    async () => {
      await using house = new House();
      mkdirSync(house.home);
      const fill = `head -c 2m /dev/zero > "${house.home}/fill" 2>/dev/null; true`;
      const cli = `"${process.execPath}" "${join(projectRoot, "dist/bin/holdfast.cjs")}"`;
      const script = [
        `mount -t tmpfs -o mode=700,size=1m tmpfs "${house.home}"`,
        `${cli} start "${PUPPET}" -n api -i 1`,
        fill,
        `${cli} start "${PUPPET}" -n more -i 1`,
        'echo "second=$?"',
        `${cli} list -o json`,
        `cat "${house.home}/state.json"`,
        `rm "${house.home}/fill"`,
        `${cli} save && grep -c more "${house.home}/state.json"`,
        `${cli} shutdown`,
      ].join("\n");
      const end = await house.run([], { program: ["unshare", "-m", "sh", "-c", script] });
      expect(end.stderr).toContain("HF_STATE_UNWRITABLE");
      expect(end.stdout).toContain("second=1");
      const [list = "", ...state] = end.stdout
        .split("\n")
        .filter((line) => !line.startsWith("second"));
      const { apps } = JSON.parse(list).data;
      expect(apps.map(({ name, ready }: { name: string; ready: number }) => [name, ready])).toEqual(
        [
          ["api", 1],
          ["more", 1],
        ],
      );
      expect(state.join("\n")).toContain('"version": 1');
      expect(end.stderr).toContain("2 apps are written down");
    },
  );
});

describe("a supervisor that is not as it should be", () => {
  it("killed with all that is its: its socket and claim are recognised as stale", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1", "--no-heir"]);
    const { supervisor, apps } = await house.overview();
    const pids = [supervisor.pid, ...apps.flatMap(({ workers }) => workers.map(({ pid }) => pid))];
    for (const pid of pids) process.kill(Number(pid), "SIGKILL");
    await until(() => !pids.some((pid) => existsSync(`/proc/${pid}`)), { what: "their end" });
    expect(existsSync(join(house.home, "control.sock"))).toBe(true);
    expect((await house.ok(["list"])).stderr).toContain("no supervisor runs");
    await house.ok(["start", PUPPET, "-n", "b", "-i", "1"]);
    // What ran before is started again beside it.
    await house.ok(["wait", "api", "--for", "ready"]);
    expect((await house.overview()).apps.map(({ name, ready }) => [name, ready])).toEqual([
      ["api", 1],
      ["b", 1],
    ]);
  });

  it("is not joined by a second one in the same home", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const { supervisor } = await house.overview();
    const end = await house.run(["supervisor"]);
    expect(end.status).toBe(1);
    expect(end.stdout).toContain("HF_ALREADY_RUNNING");
    expect(end.stdout).toContain(String(supervisor.pid));
    expect((await house.overview()).supervisor.pid).toBe(supervisor.pid);
  });

  it("stopped by a signal is told apart from one that is slow, within seconds", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const { supervisor } = await house.overview();
    process.kill(supervisor.pid, "SIGSTOP");
    const end = await house.run(["reload", "api"]);
    process.kill(supervisor.pid, "SIGCONT");
    expect(end.status).toBe(5);
    expect(end.stderr).toContain("HF_SUPERVISOR_SILENT");
  });

  it("that dies while it is asked is told", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const { supervisor } = await house.overview();
    const before = socketsOf(supervisor.pid);
    const waiting = house.run(["wait", "api", "--for", "stopped"]);
    const log = join(house.home, "supervisor.log");
    await until(() => socketsOf(supervisor.pid) > before, { what: "the question to arrive" });
    process.kill(supervisor.pid, "SIGKILL");
    const end = await waiting;
    expect([end.status, end.stderr]).toEqual([1, expect.stringContaining("HF_SUPERVISOR_LOST")]);
    expect(existsSync(log)).toBe(true);
  });

  it("works on when Ctrl-C ends the waiting for it", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    const script = '"$@" 2> said & echo $! > pid; wait $!; status=$?; cat said >&2; exit $status';
    const cli = [process.execPath, join(projectRoot, "dist/bin/holdfast.cjs")];
    const program = ["sh", "-c", script, "sh", ...cli];
    const waiting = house.run(["wait", "api", "--for", "stopped"], { program });
    const textOf = (name: string): string => {
      const path = join(house.root, name);
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    };
    await until(() => textOf("said").includes("Ctrl-C ends the waiting"), {
      what: "the command to say that it waits",
    });
    // A shell starts background jobs with SIGINT ignored; the command listens to it all the same.
    process.kill(Number(textOf("pid")), "SIGINT");
    const end = await waiting;
    expect([end.status, end.stderr]).toEqual([130, expect.stringContaining("HF_ABORTED")]);
    expect((await house.overview()).apps[0]?.status).toBe("running");
  });

  it("of an older or newer version is named, and what it does not know refused", async () => {
    await using house = new House();
    // Another version of the same: the package copied, its number raised.
    const copy = join(house.root, "other-version");
    mkdirSync(copy);
    cpSync(join(projectRoot, "dist"), join(copy, "dist"), { recursive: true });
    const manifest = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
    writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, version: "99.0.0" }));
    spawnSync("ln", ["-s", join(projectRoot, "node_modules"), join(copy, "node_modules")]);
    const other = [process.execPath, join(copy, "dist/bin/holdfast.cjs")];
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"], { program: other });
    const list = await house.ok(["list"]);
    expect(list.stderr).toContain(`is Holdfast 99.0.0, this command is ${manifest.version}`);
    expect(list.stdout).toContain("api");
    const client = await connectControl(join(house.home, "control.sock"), "100.0.0");
    await expect(client?.call("teleport" as never, {} as never)).rejects.toMatchObject({
      code: "HF_UNKNOWN_VERB",
      message: expect.stringContaining("99.0.0"),
    });
    client?.close();
  });

  it("that speaks another protocol is told so", async () => {
    await using house = new House();
    mkdirSync(house.home, { mode: 0o700 });
    const server = net.createServer((socket) => {
      socket
        .on("error", () => {})
        .resume()
        .end("HTTP/1.1 200 OK\r\n\r\n");
    });
    server.listen(join(house.home, "control.sock"));
    await new Promise((resolve) => server.once("listening", resolve));
    const end = await house.run(["list"]);
    expect([end.status, end.stderr]).toEqual([1, expect.stringContaining("HF_PROTOCOL")]);
    await new Promise((resolve) => server.close(resolve));
  });

  it("that cannot even be launched leaves its reason in its log", async () => {
    await using house = new House();
    const end = await house.run(["start", PUPPET], {
      env: { NODE_OPTIONS: "--require=./nowhere.cjs" },
    });
    expect(end.status).not.toBe(0);
    // Node itself refuses to start the command; a supervisor alone gets NODE_OPTIONS only through it.
    expect(end.stderr).toContain("nowhere.cjs");
    const wrapper = house.file(
      "node-once.sh",
      `#!/bin/sh\ncase "$*" in *"supervisor --home"*) echo broken >&2; exit 9;; *) exec "${process.execPath}" "$@";; esac\n`,
    );
    chmodSync(wrapper, 0o755);
    const fake = house.file(
      "as-wrapper.mjs",
      `process.execPath = ${JSON.stringify(wrapper)}; await import(${JSON.stringify(join(projectRoot, "dist/bin/holdfast.cjs"))});`,
    );
    const program = [process.execPath, fake];
    const failed = await house.run(["start", PUPPET], { program });
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("HF_SUPERVISOR_NOT_STARTED");
    expect(readFileSync(join(house.home, "supervisor.log"), "utf8")).toContain("broken");
  });

  // skip: becoming another user needs root.
  it.skipIf(!isRoot)("of another user is not reached", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "api", "-i", "1"]);
    chmodSync(house.root, 0o755);
    chmodSync(house.home, 0o755);
    const program = [
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      process.execPath,
    ];
    const cli = join(projectRoot, "dist/bin/holdfast.cjs");
    const end = await house.run([cli, "list"], { program });
    expect([end.status, end.stderr]).toEqual([77, expect.stringContaining("HF_CONTROL_DENIED")]);
  });
});

describe("many and odd apps", () => {
  it("200 apps in one file are started and stopped", async () => {
    await using house = new House();
    const script = house.file("idle.mjs", "setInterval(() => {}, 1e6);");
    const apps = Array.from({ length: 200 }, (_, n) => ({
      script,
      name: `app-${n}`,
      instances: 1,
      autostart: n % 40 === 0,
      minUptime: 1,
    }));
    house.file("holdfast.config.json", { apps });
    await house.ok(["start"], { env: {} });
    const { apps: known } = await house.overview();
    expect(known).toHaveLength(200);
    expect(known.filter(({ status }) => status === "running")).toHaveLength(5);
    expect((await house.ok(["start"])).stderr).toContain("unchanged");
    expect((await house.ok(["list", "-o", "name"])).stdout.trim().split("\n")).toHaveLength(200);
    await house.ok(["delete", "app-*"]);
    expect((await house.overview()).apps).toEqual([]);
  });

  it("names no file or table can hold are refused with one that would do", async () => {
    await using house = new House();
    for (const name of [
      ...["../../etc", "a b", "a/b", "-n", "\u001b[2J", "", "x".repeat(65)],
      ...["all", "a:1", "api-*", "api.json", "web.config.js"],
    ]) {
      const input = JSON.stringify({ script: PUPPET, name });
      const end = await house.run(["start", "-"], { input });
      expect([name, end.status]).toEqual([name, 78]);
      expect(end.stderr).not.toContain("\u001b");
    }
    for (const name of ["..", ".", "all-app", "a.b-c_d"]) {
      await house.ok(["start", "-"], {
        input: JSON.stringify({ script: PUPPET, name, instances: 1 }),
      });
    }
    expect(existsSync(join(house.home, "logs", "a.b-c_d", "0-out.log"))).toBe(true);
    expect(existsSync(join(house.home, "0-out.log"))).toBe(false);
  });
});

/** How many sockets the process has open. */
function socketsOf(pid: number): number {
  const list = spawnSync("ls", ["-l", `/proc/${pid}/fd`], { encoding: "utf8" });
  return list.stdout.split("socket:").length - 1;
}
