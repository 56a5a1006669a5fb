import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseApp } from "../../src/config/parse.ts";
import { claimHome, ownerOf } from "../../src/supervisor/home-lock.ts";
import { loadState, type SavedApp, saveState } from "../../src/supervisor/state-file.ts";
import { type Home, homeAt, prepareHome } from "../../src/system/home.ts";

let home: Home;
beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), "hf-home-")), {});
});
afterEach(() => rmSync(home.directory, { recursive: true, force: true }));

function app(name: string, more: object = {}): SavedApp {
  const parsed = parseApp({ script: "/srv/app.js", name, cwd: "/srv", instances: 3, ...more });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return {
    options: parsed.value,
    environment: { PATH: "/bin", SECRET: "s" },
    configFile: null,
    stopped: false,
    dormant: false,
    trial: null,
  };
}

describe("the home directory", () => {
  it("is what was asked for, HOLDFAST_HOME, or ~/.holdfast", () => {
    expect(homeAt("/a", { HOLDFAST_HOME: "/b" }).directory).toBe("/a");
    expect(homeAt(undefined, { HOLDFAST_HOME: "/b" }).directory).toBe("/b");
    expect(homeAt(undefined, {}).directory).toMatch(/\/\.holdfast$/);
  });

  it("is made for its owner alone, and closed when it was open", () => {
    const made = homeAt(join(home.directory, "deep", "er"), {});
    prepareHome(made);
    expect(statSync(made.directory).mode & 0o777).toBe(0o700);
    chmodSync(home.directory, 0o777);
    prepareHome(home);
    expect(statSync(home.directory).mode & 0o777).toBe(0o700);
  });

  it("that is a file, or lies below one, is refused", () => {
    const file = join(home.directory, "file");
    writeFileSync(file, "");
    for (const place of [file, join(file, "below")]) {
      expect(() => prepareHome(homeAt(place, {}))).toThrow(
        expect.objectContaining({ code: "HF_HOME_UNUSABLE", exitStatus: 77 }),
      );
    }
  });
});

describe("the claim to a home", () => {
  it("is one process's, until it is given back", () => {
    const giveBack = claimHome(home);
    expect(ownerOf(home)).toMatchObject({ pid: process.pid });
    expect(() => claimHome(home)).toThrow(
      expect.objectContaining({
        code: "HF_ALREADY_RUNNING",
        message: expect.stringContaining(String(process.pid)),
      }),
    );
    giveBack();
    expect(ownerOf(home)).toBeNull();
    expect(readdirSync(home.directory)).toEqual([]);
  });

  it("of the dead, of a pid used again, or that nobody can read is taken over", () => {
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    const reused = { pid: process.pid, startTicks: 1 };
    for (const stale of [
      JSON.stringify({ pid: gone, startTicks: 5 }),
      JSON.stringify(reused),
      "{",
      "",
    ]) {
      // Where start times are not told, a living pid must be believed.
      if (process.platform !== "linux" && stale.includes(String(process.pid))) continue;
      writeFileSync(home.pidFile, stale);
      expect(ownerOf(home)).toBeNull();
      claimHome(home)();
    }
    expect(readdirSync(home.directory)).toEqual([]);
  });

  it("is won by exactly one of many who find a stale one at once", async () => {
    writeFileSync(home.pidFile, JSON.stringify({ pid: 2 ** 22 - 1, startTicks: 1 }));
    const script = `
      const { claimHome } = await import(${JSON.stringify(new URL("../../dist/src/supervisor/home-lock.js", import.meta.url).href)});
      const { homeAt } = await import(${JSON.stringify(new URL("../../dist/src/system/home.js", import.meta.url).href)});
      try { claimHome(homeAt(${JSON.stringify(home.directory)}, {})); console.log("won"); } catch (error) { console.log(error.code); }
      process.stdin.resume().on("end", () => process.exit());
    `;
    const contenders = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
    const said = await Promise.all(
      contenders.map(
        (child) =>
          new Promise<string>((resolve) =>
            child.stdout.once("data", (chunk) => resolve(String(chunk).trim())),
          ),
      ),
    );
    for (const child of contenders) child.stdin.end();
    await Promise.all(contenders.map((child) => new Promise((done) => child.once("exit", done))));
    expect(said.sort()).toEqual([...Array(7).fill("HF_ALREADY_RUNNING"), "won"]);
  });
});

describe("the state file", () => {
  it("gives back what was saved, is its owner's alone, and keeps the one before", () => {
    const first = [app("api"), { ...app("mail", { env: { A: "1" } }), dormant: true }];
    const admin = { listen: { host: "::1", port: 9464 }, token: null, tokenFile: "/t" };
    saveState(home, first, { admin });
    expect(loadState(home)).toEqual({ apps: first, admin, bus: null, heir: true, notices: [] });
    expect(statSync(home.stateFile).mode & 0o777).toBe(0o600);
    saveState(home, [], { heir: false });
    expect(loadState(home)).toMatchObject({ apps: [], heir: false });
    expect(readFileSync(`${home.stateFile}.last-good`, "utf8")).toContain("mail");
  });

  it("that is cut short, empty or nonsense is kept aside, and the one before taken", () => {
    for (const damage of ["", '{"version":1,"apps":[{"opt', "null", '{"version":1,"apps":[{}]}']) {
      saveState(home, [app("api")]);
      saveState(home, [app("api"), app("new")]);
      writeFileSync(home.stateFile, damage);
      const { apps, notices } = loadState(home);
      expect(apps.map(({ options }) => options.name)).toEqual(["api"]);
      expect(notices.join()).toMatch(/could not be read.*kept as/s);
      // A second start finds the same, though the first one wrote nothing.
      expect(loadState(home).apps.map(({ options }) => options.name)).toEqual(["api"]);
      const aside = readdirSync(home.directory).filter((name) => name.includes("unreadable"));
      expect(aside.map((name) => readFileSync(join(home.directory, name), "utf8"))).toContain(
        damage,
      );
      rmSync(home.directory, { recursive: true });
      mkdirSync(home.directory);
    }
  });

  it("of an earlier Holdfast is read: shut down as a whole, and names that are no longer allowed", () => {
    const script = "/srv/app.js";
    const options = [
      { name: "all", script, namespace: "all" },
      { name: "all-app", script, dependsOn: ["all"] },
      { name: "idle", script },
    ];
    const apps = options.map((each) => ({
      options: each,
      environment: {},
      stopped: each.name === "idle",
    }));
    for (const isShutDown of [true, false]) {
      writeFileSync(home.stateFile, JSON.stringify({ version: 1, isShutDown, apps }));
      const read = loadState(home);
      expect(
        read.apps.map(({ options: { name, namespace, dependsOn }, stopped, dormant }) => [
          ...[name, namespace, dependsOn, stopped, dormant],
        ]),
      ).toEqual([
        ["all-app-app", "all-app", [], false, isShutDown],
        ["all-app", "default", ["all-app-app"], false, isShutDown],
        ["idle", "default", [], true, false],
      ]);
      expect(read.notices).toEqual([expect.stringMatching(/"all".*"all-app-app"/)]);
    }
    // And it finds what it knows in what this one writes.
    saveState(home, [{ ...app("api"), dormant: true }]);
    expect(JSON.parse(readFileSync(home.stateFile, "utf8"))).toMatchObject({
      version: 1,
      isShutDown: true,
      apps: [{ options: { name: "api" }, configFile: null, stopped: false }],
    });
  });

  it("of a newer Holdfast is neither used nor touched", () => {
    const newer = '{"version":2,"apps":"otherwise"}';
    writeFileSync(home.stateFile, newer);
    expect(() => loadState(home)).toThrow(expect.objectContaining({ code: "HF_STATE_NEWER" }));
    expect(readFileSync(home.stateFile, "utf8")).toBe(newer);
  });

  it("that cannot be written says so, and the old one stays whole", () => {
    saveState(home, [app("api")]);
    // A folder in the way of the file that is written aside: also root is stopped by it.
    mkdirSync(`${home.stateFile}.${process.pid}.tmp`);
    expect(() => saveState(home, [])).toThrow(
      expect.objectContaining({ code: "HF_STATE_UNWRITABLE" }),
    );
    expect(loadState(home).apps).toHaveLength(1);
    expect(existsSync(home.stateFile)).toBe(true);
  });
});
