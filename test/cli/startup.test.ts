/** `startup`: service files that their service manager understands, and what they run. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { LEAVE_SIGNAL } from "../../src/cli/signals.ts";
import { detectPlatform } from "../../src/cli/startup/carry-out.ts";
import { launchdPlist } from "../../src/cli/startup/launchd-plist.ts";
import { openrcScript, shellWord } from "../../src/cli/startup/openrc-script.ts";
import { installPlan, removalPlan } from "../../src/cli/startup/plan.ts";
import { programsIn } from "../../src/cli/startup/programs.ts";
import type { Service } from "../../src/cli/startup/service.ts";
import { platformOf } from "../../src/cli/startup/settings.ts";
import { systemdUnit } from "../../src/cli/startup/systemd-unit.ts";
import { servicePath, vanishing } from "../../src/cli/startup/vanishing.ts";
import { serviceManager, watchdogIntervalMs } from "../../src/system/systemd.ts";
import { projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const CLI = join(projectRoot, "dist/bin/holdfast.cjs");
const folder = mkdtempSync(join(tmpdir(), "hf-startup-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const service: Service = {
  name: "holdfast-test",
  user: "root",
  group: null,
  home: "/srv/home",
  node: process.execPath,
  cli: process.execPath,
  path: "/usr/bin:/bin",
  stopTimeoutMs: 90_500,
  watchdogMs: 30_000,
  openFiles: 524_288,
  hardening: true,
  keepWorkers: false,
  lowPorts: false,
};
/** Every character that means something to one of the formats. */
const NASTY = `a b%n$HOME'q"\\x<&>;#`;
const has = (tool: string): boolean => spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
const printable = fc.string({ unit: fc.constantFrom(..."ab /%$'\"\\<&>;#`=*~()-ü") });

/** What a program of the unit gets, as systemd itself takes it apart. */
function analyze(
  unit: string,
  name = "holdfast-test.service",
): { status: number | null; said: string } {
  const file = join(mkdtempSync(join(folder, "unit-")), name);
  writeFileSync(file, unit);
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], {
    encoding: "utf8",
  });
  return {
    status,
    said: `${stdout}${stderr}`
      .split("\n")
      .filter((line) => line.includes("holdfast-test"))
      .join("\n"),
  };
}

if (!has("systemd-analyze")) console.log("// skip: systemd-analyze is not installed");
// skip: only systemd itself can say whether a unit is right
describe.skipIf(!has("systemd-analyze"))("a unit, to systemd-analyze verify,", () => {
  it.each([
    ["usual", service],
    [
      "without a watchdog, hardening, with low ports and a group",
      { ...service, watchdogMs: null, hardening: false, lowPorts: true, group: "daemon" },
    ],
    ["that keeps workers", { ...service, keepWorkers: true }],
  ])("is right: %s", (_name, each) => {
    expect(analyze(systemdUnit(each))).toEqual({ status: 0, said: "" });
  });

  it("is found wrong where it is: the check can fail", () => {
    const wrong = systemdUnit(service).replace("Restart=always", "Restart=sometimes");
    expect(analyze(wrong).said).toContain("sometimes");
    const noProgram = systemdUnit({ ...service, node: "/no/such/node" });
    expect(analyze(noProgram).said).toContain("/no/such/node is not executable");
  });

  it("names programs whose paths hold everything a path may hold", () => {
    // systemd takes no program with quotes or backslashes in its path; words behind it may hold them.
    const directory = join(folder, NASTY.replaceAll(/["'\\]/g, ""));
    mkdirSync(directory);
    const node = join(directory, "node");
    copyFileSync("/bin/true", node);
    chmodSync(node, 0o755);
    // verify looks for the program by the path it has read: it would not find another one.
    const unit = systemdUnit({ ...service, node, cli: `/srv/${NASTY}`, home: `/srv/${NASTY}` });
    expect(analyze(unit)).toEqual({ status: 0, said: "" });
    rmSync(node);
    expect(analyze(unit).said).toContain("is not executable");
  });
});

describe("a unit", () => {
  it("holds what a supervisor needs, each once", () => {
    const lines = systemdUnit(service).split("\n");
    const wanted = [
      "Type=notify",
      "NotifyAccess=all",
      "ExitType=cgroup",
      "SuccessExitStatus=1 70 SIGKILL SIGABRT SIGSEGV SIGBUS SIGILL SIGTRAP",
      "Restart=always",
      "KillMode=mixed",
      "TimeoutStopSec=91s",
      "WatchdogSec=30000ms",
      "TimeoutAbortSec=5s",
      "LimitNOFILE=524288",
      "LimitNICE=-5",
      "OOMPolicy=continue",
      "User=root",
    ];
    for (const line of wanted) expect(lines.filter((each) => each === line)).toEqual([line]);
    expect(lines.filter((line) => line.startsWith("MemoryDenyWriteExecute"))).toEqual([]);
    expect(systemdUnit({ ...service, watchdogMs: null })).not.toMatch(/^WatchdogSec/m);
  });

  it("that keeps workers leaves them to the next supervisor, and systemd is the only heir", () => {
    const lines = systemdUnit({ ...service, keepWorkers: true }).split("\n");
    const settings = ["ExitType", "KillMode", "RestartKillSignal", "RestartSec", "TimeoutStopSec"];
    const said = (name: string): string[] => lines.filter((line) => line.startsWith(`${name}=`));
    expect(settings.flatMap(said)).toEqual([
      ...["ExitType=main", "KillMode=process", `RestartKillSignal=${LEAVE_SIGNAL}`],
      ...["RestartSec=100ms", "TimeoutStopSec=91s"],
    ]);
    expect(said("SuccessExitStatus")).toEqual([]);
    expect(said("ExecStart")[0]).toContain('"supervisor" "--no-heir" "--home"');
    expect(systemdUnit(service)).not.toMatch(/RestartKillSignal|--no-heir/);
  });

  it("gives back the programs it was made from, whatever they are called", () => {
    fc.assert(
      fc.property(printable, printable, (node, cli) => {
        const unit = systemdUnit({ ...service, node: `/${node}`, cli: `/${cli}` });
        expect(programsIn(unit)).toEqual([`/${node}`, `/${cli}`]);
      }),
    );
  });
});

describe("an OpenRC script", () => {
  it("is a shell script whose words survive OpenRC's second evaluation", () => {
    const odd = { ...service, home: `/srv/${NASTY}`, node: `/opt/${NASTY}/node`, cli: "/opt/cli" };
    const file = join(folder, "openrc");
    writeFileSync(file, openrcScript(odd));
    // As /lib/rc/sh/supervise-daemon.sh does it.
    const shown = `. "$1"; eval set -- $command -- $command_args; printf '%s\\n' "$@" "$HOLDFAST_HOME"`;
    const { stdout, stderr } = spawnSync("sh", ["-c", shown, "sh", file], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout.split("\n").slice(0, -1)).toEqual([
      odd.node,
      "--",
      odd.cli,
      "supervisor",
      "--home",
      odd.home,
      odd.home,
    ]);
  });

  it("quotes every word for a shell", () => {
    fc.assert(
      fc.property(fc.array(printable, { minLength: 1, maxLength: 5 }), (words) => {
        const { stdout } = spawnSync(
          "sh",
          ["-c", `printf '%s\\n' ${words.map(shellWord).join(" ")}`],
          { encoding: "utf8" },
        );
        expect(stdout).toBe(words.map((word) => `${word}\n`).join(""));
      }),
      { numRuns: 25 },
    );
  });
});

if (!has("python3")) console.log("// skip: python3 is not installed, which reads property lists");
// skip: without python3 nothing here reads property lists
describe.skipIf(!has("python3"))("a property list", () => {
  it("holds what launchd needs, whatever the paths", () => {
    const odd = { ...service, home: `/srv/${NASTY}`, group: "staff" };
    const { stdout, stderr } = spawnSync(
      "python3",
      ["-c", "import json,plistlib,sys;print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))"],
      { encoding: "utf8", input: launchdPlist(odd) },
    );
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      Label: "holdfast-test",
      UserName: "root",
      GroupName: "staff",
      ProgramArguments: [odd.node, odd.cli, "supervisor", "--home", odd.home],
      EnvironmentVariables: { PATH: odd.path, HOLDFAST_HOME: odd.home },
      KeepAlive: true,
      RunAtLoad: true,
      ExitTimeOut: 91,
      SoftResourceLimits: { NumberOfFiles: 524_288 },
    });
  });
});

describe("the plan", () => {
  const words = (steps: readonly { words: readonly string[] }[]) =>
    steps.map((step) => step.words.join(" "));

  it.each([
    [
      "systemd",
      "/etc/systemd/system/web.service",
      ["systemctl daemon-reload", "systemctl enable web.service", "systemctl start web.service"],
      ["systemctl stop web.service", "systemctl disable web.service", "systemctl daemon-reload"],
    ],
    [
      "openrc",
      "/etc/init.d/web",
      ["rc-update add web default", "rc-service web start"],
      ["rc-service web stop", "rc-update del web default"],
    ],
    [
      "launchd",
      "/Library/LaunchDaemons/web.plist",
      [
        "launchctl bootout system/web",
        "launchctl enable system/web",
        "launchctl bootstrap system /Library/LaunchDaemons/web.plist",
      ],
      ["launchctl bootout system/web"],
    ],
  ] as const)(
    "for %s writes its file and tells its manager, and back",
    (platform, file, up, down) => {
      const around = { platform, root: null, isBooted: true };
      const install = installPlan(around, "web", true);
      const removal = removalPlan(around, "web");
      expect([install.file, words(install.after)]).toEqual([file, up]);
      expect([removal.file, words([...removal.before, ...removal.after])]).toEqual([file, down]);
    },
  );

  it("for another system's folder asks nothing of what runs here", () => {
    const around = { platform: "systemd", root: "/img", isBooted: true } as const;
    expect(words(installPlan(around, "web", true).after)).toEqual([
      "systemctl --root=/img enable web.service",
    ]);
    expect(installPlan({ ...around, platform: "openrc" }, "web", true).after).toEqual([]);
  });
});

describe("paths", () => {
  it.each([
    ["/root/.nvm/versions/node/v22.1.0/bin/node", "nvm"],
    ["/run/user/1000/fnm_multishells/1_2/bin/node", "fnm"],
    ["/home/a/.local/share/fnm/node-versions/v20/installation/bin/node", "fnm"],
    ["/home/a/.volta/tools/image/node/20/bin/node", "volta"],
    ["/opt/homebrew/Cellar/node/22.1.0/bin/node", "Homebrew"],
    ["/srv/app/node_modules/.bin/holdfast", "node_modules"],
    ["/root/.npm/_npx/abc/node_modules/holdfast/x.cjs", "npx"],
    ["/tmp/x/node", "temporary"],
  ])("%s vanishes", (path, why) => expect(vanishing(path)).toContain(why));

  it.each([
    "/usr/bin/node",
    "/usr/local/bin/holdfast",
    "/usr/lib/node_modules/holdfast/dist/bin/holdfast.cjs",
    "/opt/homebrew/bin/node",
  ])("%s stays", (path) => expect(vanishing(path)).toBeNull());

  it("of a service are node's, this shell's lasting ones, and the standard ones, each once", () => {
    const path = servicePath(
      "/opt/node/bin/node",
      "/home/a/bin:node_modules/.bin:/run/user/1/fnm_multishells/2/bin:/usr/bin::/tmp/x",
    );
    expect(path).toBe(
      "/opt/node/bin:/home/a/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin",
    );
  });
});

describe("holdfast startup", () => {
  it("--print prints the file and changes nothing", async () => {
    await using house = new House();
    const { stdout } = await house.ok([
      "startup",
      "--print",
      "--platform",
      "systemd",
      "--name",
      "web",
      "--watchdog",
      "0",
      "--stop-timeout",
      "2m",
    ]);
    expect(stdout).toContain(`"supervisor" "--home" "${house.home}"`);
    expect(stdout).toContain("TimeoutStopSec=120s");
    expect(stdout).not.toMatch(/^WatchdogSec=/m);
    expect(existsSync(house.home)).toBe(false);
  });

  it("says what is wrong with its flags", async () => {
    await using house = new House();
    const quoted = house.file("it's node", "");
    const cases: [string[], number, string][] = [
      [["--platform", "upstart"], 78, "--platform"],
      [["--name", "../x"], 78, "--name"],
      [["--watchdog", "soon"], 78, "--watchdog"],
      [["--node", "/no/such/node"], 78, "/no/such/node"],
      [["--user", "no-such-user-here"], 78, "HF_ACCOUNT_UNKNOWN"],
      [["--home", "/srv/a\nb"], 78, "control characters"],
      [["--node", quoted], 78, "quotes or backslashes"],
    ];
    for (const [args, status, text] of cases) {
      const end = await house.run(["startup", "--print", "--platform", "systemd", ...args]);
      expect([args, end.status, end.stderr]).toEqual([args, status, expect.stringContaining(text)]);
    }
  });

  it.each<[string, string[], string | null]>([
    ["darwin", [], "launchd"],
    ["linux", ["/run/systemd/system", "/sbin/openrc-run"], "systemd"],
    ["linux", ["/sbin/openrc-run", "/bin/systemctl"], "openrc"],
    ["linux", ["/usr/bin/systemctl"], "systemd"],
    ["linux", [], null],
  ])("on %s with %j is for %s", (system, there, platform) => {
    expect(detectPlatform(system, (path) => there.includes(path))).toBe(platform);
  });

  it("where no service manager is known says so", () => {
    const refused = expect.objectContaining({ code: "HF_NO_SERVICE_MANAGER" });
    expect(() => platformOf({}, () => null)).toThrow(refused);
  });

  it("without the rights of root prints the command that has them", async (context) => {
    // In a user namespace without a map nobody is root.
    context.skip(
      spawnSync("unshare", ["-U", "true"]).status !== 0,
      "no right to make a user namespace",
    );
    await using house = new House();
    const program = ["unshare", "-U", process.execPath, CLI];
    const end = await house.run(["startup", "--platform", "systemd", "--name", "web"], { program });
    expect(end.status).toBe(77);
    expect(end.stderr).toContain("rights of root");
    const { stdout } = spawnSync("sh", ["-c", `sudo() { printf '%s\\n' "$@"; }; ${end.stdout}`], {
      encoding: "utf8",
    });
    expect(stdout.split("\n").slice(0, -1)).toEqual([
      ...["env", `PATH=${house.env.PATH}`, process.execPath, CLI, "startup"],
      ...["--platform", "systemd", "--name", "web"],
      ...["--node", process.execPath, "--user", "nobody", "--home", house.home],
    ]);
  });
});

if (!has("systemctl")) console.log("// skip: systemctl is not installed, which enables units");
// skip: without systemctl nothing enables a unit
describe.skipIf(!has("systemctl"))("startup and unstartup below --root", () => {
  const flags = (house: House) => [
    "--platform",
    "systemd",
    "--name",
    "web",
    "--root",
    join(house.root, "img"),
  ];

  it("write and enable the unit, remove it without a trace, and do so twice as well as once", async () => {
    await using house = new House();
    const unit = join(house.root, "img/etc/systemd/system/web.service");
    const link = join(house.root, "img/etc/systemd/system/multi-user.target.wants/web.service");
    const first = await house.ok(["startup", ...flags(house), "-o", "json"]);
    expect(JSON.parse(first.stdout).data).toMatchObject({
      service: "web",
      file: unit,
      changed: true,
    });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect((statSync(unit).mode & 0o777).toString(8)).toBe("644");
    const text = readFileSync(unit, "utf8");
    expect((await house.ok(["startup", ...flags(house)])).stderr).toContain("was so already");
    expect(readFileSync(unit, "utf8")).toBe(text);
    await house.ok(["startup", ...flags(house), "--watchdog", "5m"]);
    expect(readFileSync(unit, "utf8")).toContain("WatchdogSec=300000ms");
    expect((await house.ok(["unstartup", ...flags(house)])).stderr).toContain("removed");
    expect([existsSync(unit), lstatSync(link, { throwIfNoEntry: false })]).toEqual([
      false,
      undefined,
    ]);
    expect((await house.ok(["unstartup", ...flags(house)])).stderr).toContain("there is none");
  });

  it("leave a unit of somebody else alone, unless forced", async () => {
    await using house = new House();
    const directory = join(house.root, "img/etc/systemd/system");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "web.service"), "[Service]\nExecStart=/bin/true\n");
    for (const verb of ["startup", "unstartup"]) {
      const end = await house.run([verb, ...flags(house)]);
      expect([end.status, end.stderr]).toEqual([1, expect.stringContaining("HF_FILE_EXISTS")]);
    }
    await house.ok(["startup", ...flags(house), "--force"]);
    expect(readFileSync(join(directory, "web.service"), "utf8")).toContain("holdfast startup");
  });

  it("say which step failed", async () => {
    await using house = new House();
    house.file("img", "a file where a folder should be");
    const end = await house.run(["startup", ...flags(house)]);
    expect([end.status, end.stderr]).toEqual([1, expect.stringContaining("HF_SERVICE_FAILED")]);
  });
});

describe("the watchdog", () => {
  it.each([
    [{}, null],
    [{ WATCHDOG_USEC: "30000000" }, 15_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid) }, 15_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid + 1) }, null],
    [{ WATCHDOG_USEC: "0" }, null],
    [{ WATCHDOG_USEC: "soon" }, null],
    [{ WATCHDOG_USEC: "1" }, 1],
    [{ WATCHDOG_USEC: "999999999999999999" }, 2 ** 31 - 1],
  ])("with %j is told every %s ms", (env, ms) => expect(watchdogIntervalMs(env)).toBe(ms));
});

describe("systemd's variables", () => {
  it("are taken out of the environment, so that workers cannot speak in the service's name", () => {
    const own = { NOTIFY_SOCKET: "/nowhere", WATCHDOG_USEC: "1000", WATCHDOG_PID: "1" };
    const env: Record<string, string | undefined> = { ...own, PATH: "/bin" };
    const faults: string[] = [];
    serviceManager(env, (fault) => faults.push(fault)).close();
    expect([env, faults]).toEqual([{ PATH: "/bin" }, []]);
  });
});

const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 4)
    print(data.decode().replace("\\n", " "), flush=True)
    for fd in fds:
        import os
        os.close(fd)
`;

if (!has("systemd-notify") || !has("python3"))
  console.log("// skip: systemd-notify or python3 is missing");
// skip: systemd-notify sends, and python3 receives: Node has no datagram UNIX sockets
describe.skipIf(!has("systemd-notify") || !has("python3"))("a supervisor that is a service", () => {
  it("says that it is ready, alive and stopping", async () => {
    await using house = new House();
    const socket = join(house.root, "notify.sock");
    const receiver = spawn("python3", ["-c", RECEIVER, socket], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const heard = linesOf(receiver);
    await until(() => heard.includes("bound"), { what: "the receiver" });
    const env = { ...house.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "400000" };
    const supervisor = spawn(process.execPath, [CLI, "supervisor"], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const log = linesOf(supervisor);
    try {
      await until(() => heard.some((line) => line.includes("READY=1")), { what: "READY=1" });
      expect(heard.find((line) => line.includes("READY=1"))).toContain(`MAINPID=${supervisor.pid}`);
      const pings = () => heard.filter((line) => line.includes("WATCHDOG=1")).length;
      await until(() => pings() >= 3, { what: "three pings" });
      const ping = heard.find((line) => line.includes("WATCHDOG=1"));
      expect(ping?.split(" ").sort()).toEqual(
        expect.arrayContaining([`MAINPID=${supervisor.pid}`, "READY=1", "WATCHDOG=1"]),
      );
      const ended = once(supervisor, "exit");
      supervisor.kill("SIGTERM");
      expect(await ended).toEqual([0, null]);
      await until(() => heard.some((line) => line.includes("STOPPING=1")), { what: "STOPPING=1" });
      expect(log.filter((line) => line.includes("systemd-notify"))).toEqual([]);
    } finally {
      supervisor.kill("SIGKILL");
      receiver.kill();
      await once(receiver, "exit");
    }
  });

  it("names the next main process before it ends for an upgrade, and that one goes on with the pings", async () => {
    await using house = new House();
    const socket = join(house.root, "notify.sock");
    const receiver = spawn("python3", ["-c", RECEIVER, socket], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const heard = linesOf(receiver);
    await until(() => heard.includes("bound"), { what: "the receiver" });
    const env = { ...house.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "400000" };
    const supervisor = spawn(process.execPath, [CLI, "supervisor"], { env, stdio: "ignore" });
    try {
      await until(() => heard.some((line) => line.includes("READY=1")), { what: "READY=1" });
      const ended = once(supervisor, "exit");
      await house.ok(["upgrade"]);
      await ended;
      const { pid } = (await house.overview()).supervisor;
      const ready = (line: string): boolean => line.includes("READY=1") && line.includes(`${pid}`);
      await until(() => heard.some(ready), { what: "the next one to be ready" });
      const named = heard.findIndex((line) => line.includes(`MAINPID=${pid}`));
      expect(named).toBeGreaterThan(-1);
      expect(heard.findIndex(ready)).toBeGreaterThan(named);
      const said = heard.length;
      await until(() => heard.slice(said).some((line) => line.includes("WATCHDOG=1")), {
        what: "a ping",
      });
      expect(heard.filter((line) => line.includes("STOPPING=1"))).toEqual([]);
    } finally {
      supervisor.kill("SIGKILL");
      await house.run(["shutdown"]);
      receiver.kill();
      await once(receiver, "exit");
    }
  });

  it("whose event loop hangs sends no more pings", async () => {
    await using house = new House();
    const socket = join(house.root, "notify.sock");
    const receiver = spawn("python3", ["-c", RECEIVER, socket], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const heard = linesOf(receiver);
    await until(() => heard.includes("bound"), { what: "the receiver" });
    const env = { ...house.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000" };
    const supervisor = spawn(process.execPath, [CLI, "supervisor"], { env, stdio: "ignore" });
    const pings = () => heard.filter((line) => line.includes("WATCHDOG=1")).length;
    try {
      await until(() => pings() >= 2, { what: "two pings" });
      supervisor.kill("SIGSTOP");
      let last = pings();
      let since = performance.now();
      await until(
        () => {
          if (pings() !== last) [last, since] = [pings(), performance.now()];
          return performance.now() - since > 600;
        },
        { what: "silence three times as long as the watchdog waits" },
      );
      supervisor.kill("SIGCONT");
      await until(() => pings() > last, { what: "pings again" });
    } finally {
      supervisor.kill("SIGCONT");
      supervisor.kill("SIGTERM");
      if (supervisor.exitCode === null) await once(supervisor, "exit");
      receiver.kill();
      await once(receiver, "exit");
    }
  });

  it("says so where systemd-notify cannot be run", async () => {
    await using house = new House();
    const env = { ...house.env, PATH: house.root, NOTIFY_SOCKET: join(house.root, "none.sock") };
    const supervisor = spawn(process.execPath, [CLI, "supervisor"], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const log = linesOf(supervisor);
    await until(() => log.some((line) => line.includes("systemd-notify cannot be run")), {
      what: "a warning",
    });
    supervisor.kill("SIGTERM");
    await once(supervisor, "exit");
  });
});

/** Complete lines of standard output, as they come. */
function linesOf(child: ChildProcess): string[] {
  const lines: string[] = [];
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  return lines;
}
