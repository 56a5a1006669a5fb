/** Ecosystem files in the shapes of PM2's documentation mean here what they mean there. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type ParseContext, parseApp, parseConfig } from "../../src/config/parse.ts";
import { PM2_NOTES } from "../../src/config/pm2.ts";
import { readConfigFile } from "../../src/system/config-file.ts";

const folder = fileURLToPath(new URL("../fixtures/pm2", import.meta.url));

async function read(file: string, context: ParseContext = {}) {
  const { value, directory, pm2Defaults } = await readConfigFile(join(folder, file));
  const parsed = parseConfig(value, { directory, pm2Defaults, isWhole: true, ...context });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed;
}

const SHAPES: readonly [file: string, apps: readonly object[], notes: readonly string[]][] = [
  [
    "simple.config.js",
    [{ name: "app", script: "./app.js", instances: 1, env: { NODE_ENV: "development" } }],
    [],
  ],
  ["cluster.config.js", [{ name: "api", instances: 4, execMode: "cluster" }], []],
  ["max.config.js", [{ instances: "max", execMode: "cluster" }, { instances: -1 }], []],
  [
    "graceful.config.js",
    [{ ready: "message", readyTimeoutMs: 10_000, drainTimeoutMs: 3000, shutdownMessage: true }],
    [],
  ],
  ["memory.config.js", [{ maxMemoryBytes: 1024 ** 3, cron: "0 0 * * *", backoffBaseMs: 250 }], []],
  [
    "watch.config.js",
    [
      {
        watch: {
          paths: ["server", "client"],
          ignore: ["node_modules", "client/img"],
          delayMs: 1000,
        },
      },
    ],
    ["apps[0].watch_options.followSymlinks"],
  ],
  ["watch-all.config.js", [{ watch: { paths: ["."], ignore: ["tmp"], delayMs: 200 } }], []],
  [
    "logs.config.js",
    [{ outFile: join(folder, "out.log"), errorFile: "/dev/null", mergeLogs: true }],
    ["apps[0].log_date_format", "apps[0].time"],
  ],
  ["no-logs.config.js", [{ outFile: "/dev/null", errorFile: "/dev/null" }], []],
  [
    "restart.config.js",
    [
      {
        autorestart: false,
        restartDelayMs: 3000,
        maxRestarts: 10,
        minUptimeMs: 5000,
        stopExitCodes: [0],
      },
    ],
    [],
  ],
  [
    "increment.config.js",
    [{ instances: 2, incrementVar: "PORT", instanceVar: "INSTANCE_ID", env: { PORT: "3000" } }],
    [],
  ],
  [
    "args.config.js",
    [
      {
        args: ["start", "-p", "3001"],
        nodeArgs: ["--max-old-space-size=2048"],
        cwd: join(folder, "web"),
      },
    ],
    [],
  ],
  [
    "fork.config.js",
    [{ execMode: "fork", instances: 1, interpreter: null, nodeArgs: ["--trace-warnings"] }],
    [],
  ],
  ["user.config.js", [{ uid: "www-data", gid: 33, env: { PORT: "8080" }, namespace: "web" }], []],
  [
    "deploy.config.js",
    [{ name: "app" }, { name: "b" }],
    ["deploy", "apps[0].vizion", "apps[0].pmx"],
  ],
  ["one.config.cjs", [{ name: "one", namespace: "n", cwd: folder }], []],
  ["object.config.cjs", [{ name: "object", script: "a.js" }], []],
  [
    "camel.config.js",
    [
      {
        name: "app",
        drainTimeoutMs: 100,
        ready: "message",
        maxMemoryBytes: 200 * 1024 ** 2,
        mergeLogs: true,
        outFile: "/dev/null",
        nodeArgs: ["--inspect"],
      },
    ],
    [],
  ],
  ["process.json", [{ name: "json", instances: "max", env: { A: "1", B: "true" } }], []],
  ["pm2-key.json", [{ name: "under-pm2", instances: 1 }], []],
  ["module.config.mjs", [{ name: "esm", env: {} }], []],
];

describe("the shapes of PM2's ecosystem files", () => {
  it.each(SHAPES)("ecosystem.%s", async (file, apps, notes) => {
    const parsed = await read(`ecosystem.${file}`);
    expect(parsed.value).toHaveLength(apps.length);
    expect(parsed.value).toMatchObject(apps);
    expect(parsed.notes.map(({ path }) => path)).toEqual(notes);
  });

  it("are all looked at", () => {
    const files = readdirSync(folder).filter((file) => file.startsWith("ecosystem."));
    expect(files.sort()).toEqual(SHAPES.map(([file]) => `ecosystem.${file}`).sort());
  });

  it("--env takes the variables of that name", async () => {
    const { value } = await read("ecosystem.simple.config.js", { envName: "production" });
    expect(value[0]?.env).toEqual({ NODE_ENV: "production" });
  });
});

describe("PM2's keys without effect", () => {
  const camel = (key: string): string =>
    key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  it.each([...PM2_NOTES.keys()])("%s is a note with advice, in both spellings", (key) => {
    for (const spelling of new Set([key, camel(key)])) {
      const parsed = parseApp({ script: "a.js", [spelling]: true });
      expect(parsed).toMatchObject({ ok: true, notes: [{ path: spelling }] });
      expect(parsed.notes[0]?.message).toMatch(/^is a PM2 option without effect here: \S.{10,}/);
    }
  });

  it("are told once for a file, also beside faults", () => {
    const apps = [1, 2, 3].map((at) => ({ name: `a${at}`, script: "a.js", treekill: true }));
    const parsed = parseConfig({ apps: [...apps, { script: "" }], deploy: {}, static: [] });
    expect(parsed.ok).toBe(false);
    expect(parsed.notes.map(({ path }) => path)).toEqual(["deploy", "static", "apps[0].treekill"]);
  });

  it.each(["npm", "yarn start", "npm run start", "node server.js"])(
    "the script %j is noted",
    (script) => {
      expect(parseApp({ script }).notes).toMatchObject([{ path: "script" }]);
    },
  );

  it("fork with several instances on one port is noted, with increment_var it is not", () => {
    const input = { script: "a.js", instances: 2, exec_mode: "fork" };
    expect(parseApp(input).notes).toMatchObject([{ path: "exec_mode" }]);
    expect(parseApp({ ...input, increment_var: "PORT" }).notes).toEqual([]);
  });
});

describe("PM2's watch_options", () => {
  it("has a note for each key but ignored, with what to do instead", () => {
    const { notes, ...rest } = parseApp({
      script: "a.js",
      watch: true,
      watch_options: { ignored: ["tmp"], usePolling: true, awaitWriteFinish: {}, "odd key": 1 },
    });
    expect(rest).toMatchObject({ ok: true, value: { watch: { ignore: ["tmp"] } } });
    expect(notes.map(({ path }) => path)).toEqual([
      "watch_options.usePolling",
      "watch_options.awaitWriteFinish",
      'watch_options["odd key"]',
    ]);
    for (const { message } of notes) expect(message).toMatch(/without effect here: \S.{10,}/);
    expect(notes[0]?.message).toContain("CHOKIDAR_USEPOLLING=1");
    expect(notes[1]?.message).toContain("delay of watch");
  });
  it("is refused where it is no object, or ignores what is no path", () => {
    for (const watch_options of [true, [], { ignored: [1] }]) {
      expect(parseApp({ script: "a.js", watch_options })).toMatchObject({
        ok: false,
        faults: [{ path: "watch_options" }],
      });
    }
  });
});

describe("append_env_to_name", () => {
  const input = { script: "a.js", append_env_to_name: true, env_production: {} };

  it("puts the environment that is asked for behind the name", () => {
    expect(parseApp({ ...input, name: "api" }, { envName: "production" })).toMatchObject({
      value: { name: "api-production" },
    });
    expect(parseApp(input, { envName: "production" })).toMatchObject({
      value: { name: "a-production" },
    });
  });
  it("does nothing without one, or where it is false", () => {
    expect(parseApp(input)).toMatchObject({ value: { name: "a" }, notes: [] });
    const off = { ...input, append_env_to_name: false };
    expect(parseApp(off, { envName: "production" })).toMatchObject({ value: { name: "a" } });
  });
  it("is a fault where no name comes of it", () => {
    const long = { ...input, name: "a".repeat(60) };
    expect(parseApp(long, { envName: "production" })).toMatchObject({
      ok: false,
      faults: [{ path: "append_env_to_name" }],
    });
  });
});

describe("source_map_support", () => {
  it("has Node map the stacks, once, where it is true", () => {
    const argsOf = (input: object) => {
      const parsed = parseApp({ script: "a.js", ...input });
      return parsed.ok ? parsed.value.nodeArgs : parsed.faults;
    };
    expect(argsOf({ source_map_support: true })).toEqual(["--enable-source-maps"]);
    expect(argsOf({ sourceMapSupport: true, node_args: "--trace-warnings" })).toEqual([
      ...["--trace-warnings", "--enable-source-maps"],
    ]);
    const twice = { source_map_support: true, node_args: "--enable-source-maps" };
    expect(argsOf(twice)).toEqual(["--enable-source-maps"]);
    expect([argsOf({ source_map_support: false }), argsOf({})]).toEqual([[], []]);
  });
});

describe("what means something else in other files", () => {
  it("instances left out, and 0", () => {
    expect(parseApp({ script: "a.js" })).toMatchObject({ value: { instances: "max" } });
    expect(parseApp({ script: "a.js" }, { pm2Defaults: true })).toMatchObject({
      value: { instances: 1 },
    });
    expect(parseApp({ script: "a.js", instances: 0 }).ok).toBe(false);
  });

  it.each<[object, string]>([
    [{}, "fork"],
    [{ instances: 1 }, "cluster"],
    [{ exec_mode: "cluster" }, "cluster"],
    [{ instances: 2, exec_mode: "fork" }, "fork"],
  ])("exec_mode where PM2 reads %j", (given, execMode) => {
    const value = { execMode };
    const input = { script: "a.js", ...given };
    expect(parseApp(input, { pm2Defaults: true })).toMatchObject({ value });
  });
});

describe("interpreters", () => {
  it.each([
    ["node", null],
    ["/usr/local/bin/node", "/usr/local/bin/node"],
    ["/opt/node-v22.1.0", "/opt/node-v22.1.0"],
    ["nodejs", "nodejs"],
  ])("%s", (given, interpreter) =>
    expect(parseApp({ script: "a.js", interpreter: given })).toMatchObject({
      value: { interpreter },
    }),
  );
  it.each([
    ["python3", "service of its own"],
    ["bash", "service of its own"],
    ["none", "name the JavaScript file"],
    ["bun", "run it on Node"],
    ["ts-node", "--import tsx"],
    ["node@16.20.0", "path of that Node"],
  ])("%s is refused with what to do", (exec_interpreter, what) => {
    const parsed = parseApp({ script: "a.py", exec_interpreter });
    expect(parsed).toMatchObject({ ok: false, faults: [{ path: "exec_interpreter" }] });
    expect(parsed.ok ? "" : parsed.faults[0]?.message).toContain(what);
  });
});
