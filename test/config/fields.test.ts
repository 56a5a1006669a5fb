/** Values of single options, and what apps of one file have to do with each other. */
import { parseEnv } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDotenv } from "../../src/config/dotenv.ts";
import { inputOf } from "../../src/config/input.ts";
import { type ParseContext, parseApp, parseConfig } from "../../src/config/parse.ts";

const faultsOf = (input: unknown, context: ParseContext = {}): Record<string, string> => {
  const parsed = parseConfig(input, context);
  const faults = parsed.ok ? [] : parsed.faults;
  return Object.fromEntries(faults.map(({ path, message }) => [path, message]));
};

describe("values", () => {
  it.each([
    ["maxMemory", 300, "is in bytes"],
    ["maxMemory", "300X", "amount of memory"],
    ["maxMemory", "1M", "from 16M"],
    ["cron", "61 * * * *", "61"],
    ["cron", "* * *", "five fields"],
    ["cron", "* * * * * * *", "five fields"],
    ["cron", `"\u202e* * * *`, "five fields"],
    ["stopExitCodes", [0, 256], "from 0 to 255"],
    ["uid", -1, "user"],
    ["uid", "a b", "user"],
    ["port", 65_536, "65535"],
    ["instanceVar", "A=B", "environment variable"],
    ["dependsOn", ["a/b"], "1 to 64"],
    ["watch", { paths: ["src"], ingore: [] }, "is unknown"],
    ["watch", 5, "true"],
    ["outFile", true, "a file"],
    ["execMode", "thread", '"cluster" or "fork"'],
    ["name", "My App!", 'such as "My-App"'],
    ["namespace", "@acme/shop", 'such as "acme-shop"'],
  ])("%s: %j is refused", (key, value, message) => {
    const [found] = Object.values(faultsOf({ script: "a.js", [key]: value }));
    expect(found).toContain(message);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal would obey
    expect(found).not.toMatch(/[\u0000-\u001f\u202e]/);
  });

  it.each([
    [false, null],
    [true, { paths: ["."], ignore: [".*", "node_modules"], delayMs: 200 }],
    ["src", { paths: ["src"], ignore: [".*", "node_modules"], delayMs: 200 }],
    [[], null],
  ])("watch: %j", (watch, value) =>
    expect(parseApp({ script: "a.js", watch })).toMatchObject({ value: { watch: value } }),
  );

  it("cron_restart: 0 switches it off", () => {
    expect(parseApp({ script: "a.js", cron_restart: 0 })).toMatchObject({ value: { cron: null } });
  });

  it("paths are absolute where it is known where they start", () => {
    const input = {
      script: "a.js",
      cwd: "../web",
      outFile: "o.log",
      errorFile: "~/e.log",
      interpreter: "./bin/node",
    };
    expect(parseApp(input, { directory: "/srv/app", home: "/home/me" })).toMatchObject({
      value: {
        cwd: "/srv/web",
        outFile: "/srv/web/o.log",
        errorFile: "/home/me/e.log",
        interpreter: "/srv/web/bin/node",
        script: "a.js",
      },
    });
  });

  it("what is kept of an app reads back as the same app", () => {
    const input = {
      script: "a.js",
      watch: "src",
      maxMemory: "1G",
      envFile: ".env",
      port: 80,
      cron: "@daily",
      uid: 5,
    };
    const context = { directory: "/srv", readFile: () => ({ text: "A=1" }) };
    const first = parseApp(input, context);
    if (!first.ok) throw new Error(JSON.stringify(first.faults));
    expect(parseApp(JSON.parse(JSON.stringify(inputOf(first.value))))).toEqual(first);
  });
});

describe("environments", () => {
  const files: Record<string, string> = {
    "/srv/.env": "A=file\nB=file\nC=file\nD=file",
    "/srv/b.env": "B=second\n?",
  };
  const readFile = (path: string) => {
    const text = files[path];
    return text === undefined ? { reason: "there is no such file" } : { text };
  };
  const context = { directory: "/srv", readFile };
  const app = {
    script: "a.js",
    env_file: [".env", "b.env"],
    env: ["C=env", "D=env"],
    env_production: { D: "production" },
    port: 80,
  };

  it("later layers win: files, env, env_<name>, port", () => {
    const parsed = parseApp(app, { ...context, envName: "production" });
    const env = { A: "file", B: "second", C: "env", D: "production", PORT: "80" };
    expect(parsed).toMatchObject({ ok: true, value: { env }, notes: [{ path: "env_file" }] });
    expect(parsed.notes[0]?.message).toBe('line 2 of "b.env" is no assignment and was left out');
  });

  it("without a name none of the named ones counts, and all are checked", () => {
    expect(parseApp(app, context)).toMatchObject({ value: { env: { D: "env" } } });
    expect(faultsOf({ ...app, env_x: { A: {} } }, context)).toHaveProperty(["env_x.A"]);
  });

  it("a name that no app has is a fault that lists the others", () => {
    const apps = [
      { ...app, name: "a" },
      { script: "b.js", env_staging: {} },
    ];
    expect(faultsOf(apps, { ...context, envName: "prod" })).toEqual({
      "--env": 'received "prod", which no app has; known: production, staging',
    });
    expect(faultsOf(apps, { ...context, envName: "staging" })).toEqual({});
  });

  it("a file that cannot be read is a fault", () => {
    expect(faultsOf({ script: "a.js", envFile: "no.env" }, context)).toEqual({
      envFile: '"no.env" cannot be read: there is no such file',
    });
    expect(faultsOf({ script: "a.js", envFile: "no.env" })).toHaveProperty("envFile");
  });
});

describe("files of variables", () => {
  it.each([
    "A=1\nB = two words \nexport C=3\n\n# comment\nD=",
    "A='single # x'\nB=\"double\\nline\"\nC=`back`\nD=plain # comment",
    'KEY="-----BEGIN\nabc\n-----END"\nNEXT=1',
    "A=1\r\nB=2\r\n",
    "A=1\nA=2",
    "URL=postgres://u:p@h/db?x=y",
    'A="x" # comment\nB=\'a"b\'',
  ])("%j as Node reads it", (text) => {
    expect(Object.fromEntries(parseDotenv(text).variables)).toEqual({ ...parseEnv(text) });
  });

  it("tells lines that are nothing, and never throws", () => {
    expect(parseDotenv("A=1\nwhat?\n  # c\nB=2\n=x").strange).toEqual([2, 5]);
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("A", "=", '"', "\\", "\n", "#", " ", "'") }),
        (text) => {
          expect(parseDotenv(text).variables).toBeInstanceOf(Map);
        },
      ),
    );
    expect(parseDotenv(`A="${'\\"'.repeat(100_000)}`).variables.size).toBe(1);
  });

  it("__proto__ is a fault and pollutes nothing", () => {
    const context = { readFile: () => ({ text: "__proto__=1" }) };
    expect(faultsOf({ script: "a.js", envFile: "x" }, context)).toHaveProperty([
      "envFile.__proto__",
    ]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("apps of one file", () => {
  const app = (name: string, ...dependsOn: string[]) => ({ script: "a.js", name, dependsOn });

  it("names nobody has are faults where the file is whole", () => {
    const apps = [app("api", "databse"), app("database")];
    expect(faultsOf(apps)).toEqual({});
    expect(faultsOf(apps, { isWhole: true })).toEqual({
      "apps[0].dependsOn":
        'names "databse", which is no app of this configuration, did you mean database?',
    });
  });

  it("circles are faults, each once", () => {
    expect(faultsOf([app("x", "a"), app("a", "b"), app("b", "a"), app("c", "c")])).toEqual({
      "apps[1].dependsOn": "is a circle, each waits for the next: a -> b -> a",
      "apps[3].dependsOn": "is a circle, each waits for the next: c -> c",
    });
    expect(faultsOf([app("a", "b", "c"), app("b", "c"), app("c")])).toEqual({});
  });

  it("chains of ten thousand are walked", () => {
    const chain = Array.from({ length: 10_000 }, (_, at) => app(`a${at}`, `a${at + 1}`));
    expect(faultsOf(chain)).toEqual({});
    expect(
      Object.keys(
        faultsOf(
          [...chain.slice(1), app("a0", "a1")].map((each, at, all) =>
            at === all.length - 2 ? { ...each, dependsOn: ["a1"] } : each,
          ),
        ),
      ),
    ).toHaveLength(1);
  });

  it("two hundred apps, and a fault in each of them", () => {
    const apps = Array.from({ length: 200 }, (_, at) => ({ script: "a.js", name: `a${at}` }));
    expect(parseConfig({ apps }, { isWhole: true })).toMatchObject({ ok: true });
    const faulty = apps.map((each) => ({ ...each, instances: 0 }));
    expect(Object.keys(faultsOf({ apps: faulty }))).toHaveLength(200);
  });
});
