import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ParseContext, parseApp, parseConfig } from "../../src/config/parse.ts";

const defaults = {
  script: "server.js",
  args: [],
  name: "server",
  cwd: ".",
  env: {},
  nodeArgs: [],
  instances: "max",
  ready: "listen",
  readyTimeoutMs: 60_000,
  drainTimeoutMs: 30_000,
  minUptimeMs: 1000,
  maxRestarts: 8,
  restartWindowMs: 60_000,
  backoffBaseMs: 100,
  backoffCapMs: 15_000,
  strategy: "rolling",
  handover: false,
  shutdownMessage: false,
  namespace: "default",
  instanceVar: "NODE_APP_INSTANCE",
  incrementVar: null,
  interpreter: null,
  uid: null,
  gid: null,
  execMode: "cluster",
  autorestart: true,
  autostart: true,
  stopExitCodes: [],
  restartDelayMs: 0,
  maxMemoryBytes: null,
  hangTimeoutMs: 10_000,
  health: null,
  maxMemoryHardBytes: null,
  maxLifetimeMs: null,
  maxRequests: null,
  minReady: "50%",
  metrics: { merge: false, maxSeries: 2000 },
  sticky: null,
  cron: null,
  watch: null,
  dependsOn: [],
  outFile: null,
  errorFile: null,
  mergeLogs: false,
};

const parsed = (value: object, notes: readonly unknown[] = []) => ({ ok: true, value, notes });

function faultsOf(input: unknown, context?: ParseContext): Record<string, string> {
  const parsed = parseApp(input, context);
  return parsed.ok
    ? {}
    : Object.fromEntries(parsed.faults.map(({ path, message }) => [path, message]));
}

describe("parseApp", () => {
  it("fills in every default", () => {
    expect(parseApp({ script: "server.js" })).toEqual(parsed(defaults));
  });

  it("takes undefined as not given", () => {
    expect(parseApp({ script: "server.js", name: undefined, instances: undefined })).toEqual(
      parsed(defaults),
    );
  });

  it("reads every option, from a file's values or a command line's text", () => {
    const input = {
      script: "dist/main.js",
      args: ["--verbose"],
      name: "api",
      cwd: "/srv/api/current",
      env: ["PORT=3000"],
      nodeArgs: "--import tsx --title 'a b'",
      instances: "-1",
      ready: "http:/healthz?full=1",
      readyTimeout: "2m",
      drainTimeout: 0,
      minUptime: "500ms",
      maxRestarts: "3",
      restartWindow: "1h",
      backoffBase: "1s",
      backoffCap: "1s",
      strategy: "all-at-once",
      handover: true,
      shutdownMessage: true,
      namespace: "shop",
      instanceVar: "SLOT",
      incrementVar: "PORT",
      interpreter: "/opt/node-22/bin/node",
      uid: "www-data",
      gid: "33",
      execMode: "fork",
      autorestart: false,
      autostart: false,
      stopExitCodes: "0,143",
      restartDelay: "2s",
      maxMemory: "300M",
      hangTimeout: "2s",
      health: { path: "/healthz", interval: "3s", timeout: 500, failures: "2" },
      maxMemoryHard: "1G",
      maxLifetime: "168h",
      maxRequests: "5000",
      minReady: "75%",
      metrics: { merge: true },
      sticky: false,
      cron: " 0 3 * *  MON-FRI ",
      watch: { paths: ["src"], ignore: "*.log", delay: "1s" },
      dependsOn: "db, cache",
      outFile: "NULL",
      errorFile: "logs/err.log",
      mergeLogs: true,
    };
    expect(parseApp(input)).toEqual(
      parsed({
        script: "dist/main.js",
        args: ["--verbose"],
        name: "api",
        cwd: "/srv/api/current",
        env: { PORT: "3000" },
        nodeArgs: ["--import", "tsx", "--title", "a b"],
        instances: -1,
        ready: "http:/healthz?full=1",
        readyTimeoutMs: 120_000,
        drainTimeoutMs: 0,
        minUptimeMs: 500,
        maxRestarts: 3,
        restartWindowMs: 3_600_000,
        backoffBaseMs: 1000,
        backoffCapMs: 1000,
        strategy: "all-at-once",
        handover: true,
        shutdownMessage: true,
        namespace: "shop",
        instanceVar: "SLOT",
        incrementVar: "PORT",
        interpreter: "/opt/node-22/bin/node",
        uid: "www-data",
        gid: 33,
        execMode: "fork",
        autorestart: false,
        autostart: false,
        stopExitCodes: [0, 143],
        restartDelayMs: 2000,
        maxMemoryBytes: 300 * 1024 * 1024,
        hangTimeoutMs: 2000,
        health: { path: "/healthz", intervalMs: 3000, timeoutMs: 500, failures: 2 },
        maxMemoryHardBytes: 1024 ** 3,
        maxLifetimeMs: 168 * 3_600_000,
        maxRequests: 5000,
        minReady: "75%",
        metrics: { merge: true, maxSeries: 2000 },
        sticky: null,
        cron: "0 3 * * MON-FRI",
        watch: { paths: ["src"], ignore: ["*.log"], delayMs: 1000 },
        dependsOn: ["db", "cache"],
        outFile: "/dev/null",
        errorFile: "logs/err.log",
        mergeLogs: true,
      }),
    );
  });

  it.each(["kill_timeout", "killTimeout", "drainTimeout"])(
    "reads the drain time from %s",
    (key) => {
      expect(parseApp({ script: "server.js", [key]: 1600 })).toEqual(
        parsed({ ...defaults, drainTimeoutMs: 1600 }),
      );
    },
  );

  it("reads a PM2 ecosystem entry", () => {
    const input = {
      exec: "server.js",
      args: "start -p 3000",
      node_args: "--enable-source-maps",
      wait_ready: true,
      listen_timeout: 3000,
      kill_timeout: 1600,
      min_uptime: "1h",
      max_restarts: 16,
      shutdown_with_message: true,
      env: { PORT: 3000 },
    };
    expect(parseApp(input)).toMatchObject({
      ok: true,
      value: {
        ...defaults,
        args: ["start", "-p", "3000"],
        nodeArgs: ["--enable-source-maps"],
        ready: "message",
        readyTimeoutMs: 3000,
        drainTimeoutMs: 1600,
        minUptimeMs: 3_600_000,
        maxRestarts: 16,
        shutdownMessage: true,
        env: { PORT: "3000" },
      },
    });
    expect(parseApp({ script: "server.js", wait_ready: false })).toMatchObject({
      value: { ready: "listen" },
    });
    expect(faultsOf({ script: "server.js", wait_ready: "yes" })).toEqual({
      wait_ready: 'received "yes", expected true or false',
    });
  });

  it("reports all faults at once, each with its path", () => {
    const input = {
      name: "a/b",
      instances: 0,
      drainTimeout: "soon",
      env: { TOKEN: {} },
      args: ["x", 1],
      instnaces: 2,
    };
    expect(Object.keys(faultsOf(input)).sort()).toEqual(
      ["args[1]", "drainTimeout", "env.TOKEN", "instances", "instnaces", "name", "script"].sort(),
    );
  });

  it.each([
    ["instnaces", "is not an option, did you mean instances?"],
    ["drain_timeout", "is not an option, did you mean drainTimeout?"],
    ["drainTimeoutMs", "is not an option, did you mean drainTimeout?"],
    ["kill_timout", "is not an option, did you mean drainTimeout?"],
    ["max_memory_restat", "is not an option, did you mean maxMemory?"],
    ["envFlie", "is not an option, did you mean envFile?"],
    ["flux", "is not an option"],
  ])("refuses the key %s", (key, message) => {
    expect(faultsOf({ script: "server.js", [key]: 1 })).toEqual({ [key]: message });
  });

  it("refuses one option under two names", () => {
    expect(faultsOf({ script: "a.js", kill_timeout: 1, drainTimeout: 2 })).toEqual({
      drainTimeout: "is the same option as kill_timeout, expected only one of them",
    });
  });

  it("refuses a backoff whose cap is below its base", () => {
    expect(faultsOf({ script: "a.js", backoffBase: "20s" })).toEqual({
      backoffCap: "is 15 s, expected at least backoffBase, which is 20 s",
    });
  });

  it.each(["", "-x", "a/b", "ä", "x".repeat(65), 5, null])("refuses the name %j", (name) => {
    expect(faultsOf({ script: "a.js", name })).toHaveProperty("name");
  });

  it.each(["http:healthz", "http://host/x", "http:/a b", "https:/x", "LISTEN", "", 1])(
    "refuses ready: %j",
    (ready) => {
      expect(faultsOf({ script: "a.js", ready })).toHaveProperty("ready");
    },
  );

  it("names flags where the input is a command line", () => {
    const faults = faultsOf({ script: "", drainTimeout: "x", env: ["X"] }, { paths: "flags" });
    expect(Object.keys(faults)).toEqual(["script", "--drain-timeout", "--env[0]"]);
  });
});

describe("the name of an app without one", () => {
  it.each([
    ["server.js", ".", {}, "server"],
    ["dist/api.server.mjs", ".", {}, "api.server"],
    ["/srv/my app/main.ts", ".", {}, "main"],
    ["bin/www", ".", {}, "www"],
    ["next start", ".", {}, "next"],
    ["next", ".", {}, "next"],
    [".", "/srv/chat", {}, "chat"],
    [".", ".", { directory: "/srv/chat" }, "chat"],
    ["..", "web", { directory: "/srv/chat" }, "chat"],
    [".", ".", {}, "app"],
    ["/", ".", {}, "app"],
    ["ein ä!.js", ".", {}, "ein"],
    ["-x.js", ".", {}, "x"],
    [`${"x".repeat(100)}.js`, ".", {}, "x".repeat(64)],
  ])("of %j in %j", (script, cwd, context, name) => {
    expect(parseApp({ script, cwd }, context)).toMatchObject({ ok: true, value: { name } });
  });

  it("is the package's for a directory", () => {
    const asked: string[] = [];
    const packageNameOf = (directory: string) => {
      asked.push(directory);
      return "@acme/shop";
    };
    const context = { directory: "/srv", packageNameOf };
    expect(parseApp({ script: "./web" }, context)).toMatchObject({ value: { name: "shop" } });
    expect(asked).toEqual(["/srv/web"]);
  });

  it("is always one an app may have", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.string(), (script, cwd) => {
        const parsed = parseApp({ script, cwd: cwd.trim() === "" ? "." : cwd });
        if (parsed.ok) expect(parsed.value.name).toMatch(/^[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$/);
      }),
    );
  });
});

describe("parseConfig", () => {
  const a = { script: "a.js" };

  it("takes one app, a list, or { apps }", () => {
    const names = (input: unknown) => {
      const parsed = parseConfig(input);
      return parsed.ok ? parsed.value.map(({ name }) => name) : parsed.faults;
    };
    expect(names(a)).toEqual(["a"]);
    expect(names([a, { script: "b.js" }])).toEqual(["a", "b"]);
    expect(names({ apps: [a, { script: "b.js" }] })).toEqual(["a", "b"]);
  });

  it.each([
    [[a, { script: "b.js", instances: 0 }], ["apps[1].instances"]],
    [{ apps: [a, { script: "b.js", env: { X: null } }] }, ["apps[1].env.X"]],
    [{ apps: [5, null] }, ["apps[0]", "apps[1]"]],
    [{ apps: "a.js" }, ["apps"]],
    [{ apps: { ...a, x: 1 } }, ["apps.x"]],
    [{ apps: [] }, ["apps"]],
    [[], ["apps"]],
    [{ apps: [a], depoly: {} }, ["depoly"]],
    [a.script, ["configuration"]],
    [null, ["configuration"]],
    [[a, { script: "x/a.js" }], ["apps[1].name"]],
    [
      [
        { name: "x", instances: 0 },
        { ...a, name: "x" },
      ],
      ["apps[0].instances", "apps[0].script", "apps[1].name"],
    ],
  ])("%# has faults at their paths", (input, paths) => {
    const parsed = parseConfig(input);
    expect(parsed.ok ? [] : parsed.faults.map(({ path }) => path)).toEqual(paths);
  });
});

describe("hostile input", () => {
  const throwing = {
    get script(): string {
      throw new Error("no");
    },
  };
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const trap = new Proxy(
    { script: "a.js" },
    {
      ownKeys() {
        throw new Error("no");
      },
    },
  );
  const deep = JSON.parse(`${'{"env":'.repeat(5000)}1${"}".repeat(5000)}`) as unknown;
  const sparse = new Array(4_000_000_000);

  it.each([
    ["a getter that throws", throwing, ["script"]],
    ["a revoked proxy", revoked, ["configuration"]],
    ["a proxy that throws", trap, ["configuration"]],
    ["a deep object", { script: "a.js", env: deep }, ["env.env"]],
    ["a huge sparse list", { script: "a.js", args: sparse }, ["args"]],
    ["a revoked proxy inside", { script: "a.js", args: revoked, env: revoked }, ["args", "env"]],
    ["a huge string", { script: "x".repeat(10_000_000) }, ["script"]],
    ["__proto__ as a key", JSON.parse('{"script":"a.js","__proto__":{"x":1}}'), ["__proto__"]],
    ["inherited options", Object.create({ script: "a.js" }), ["script"]],
    ["a function", () => 1, ["configuration"]],
    ["a symbol", Symbol("x"), ["configuration"]],
  ])("%s is a fault and no exception", (_, input, paths) => {
    const parsed = parseApp(input);
    expect(parsed.ok ? [] : parsed.faults.map(({ path }) => path)).toEqual(paths);
    if (!parsed.ok) {
      expect(Math.max(...parsed.faults.map(({ message }) => message.length))).toBeLessThan(500);
    }
  });

  it("cuts a huge key short", () => {
    const parsed = parseApp({ script: "a.js", ["k".repeat(1_000_000)]: 1 });
    expect(JSON.stringify(parsed).length).toBeLessThan(300);
  });

  it("never throws, never pollutes, and has at least one fault where it is not ok", () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true }),
      fc.record(
        {
          script: fc.anything(),
          instances: fc.anything(),
          env: fc.dictionary(fc.string(), fc.anything()),
          args: fc.array(fc.anything()),
          drainTimeout: fc.anything(),
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(anything, (input) => {
        for (const parsed of [
          parseApp(input),
          parseConfig(input),
          parseConfig({ apps: [input] }),
        ]) {
          expect(parsed.ok || parsed.faults.length > 0).toBe(true);
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
