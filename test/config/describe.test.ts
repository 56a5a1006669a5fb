import { readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { cliOptions, optionsMarkdown } from "../../src/config/describe.ts";
import { OPTIONS, type Option } from "../../src/config/options.ts";
import { parseApp } from "../../src/config/parse.ts";

const page = new URL("../../docs/options.md", import.meta.url);
const options = Object.entries<Option<unknown>>(OPTIONS);

describe("docs/options.md", () => {
  it("is what the table of options renders", () => {
    const rendered = optionsMarkdown();
    if (process.env.UPDATE_DOCS === "1") writeFileSync(page, rendered);
    expect(
      readFileSync(page, "utf8"),
      "docs/options.md is out of date: UPDATE_DOCS=1 npx vitest run test/config/describe.test.ts",
    ).toBe(rendered);
  });

  it("has a section and a row for every option", () => {
    const text = optionsMarkdown();
    for (const [, { name }] of options) {
      expect(text).toContain(`\n## ${name}\n`);
      expect(text).toContain(`\n| [\`${name}\`](#${name.toLowerCase()}) |`);
    }
  });
});

describe("the table of options", () => {
  it.each(options)("%s: its default is one that its own reader takes", (_, option) => {
    if (option.default === undefined) return;
    expect(option.kind.read(option.default)).toEqual({ ok: true, value: option.default });
  });

  it.each(options)("%s: field, key and flag are one name", (field, option) => {
    const { name, cli } = option;
    expect(field.replace(/(?:Ms|Bytes)$/, "")).toBe(name);
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const flag = option.default === true ? `--no-${kebab}` : `--${kebab}`;
    if (cli !== null && "flag" in cli) expect(cli.flag).toBe(flag);
  });

  it.each(options)("%s: is described in one sentence", (_, { description }) => {
    expect(description).toMatch(/^[A-Z].*\.$/);
  });

  it("gives no name to two options", () => {
    const names = options.flatMap(([, { name, pm2 }]) => [name, ...pm2.map((each) => each.name)]);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("cliOptions", () => {
  it("lists flags as commander takes them", () => {
    expect(cliOptions().map(({ flags }) => flags)).toEqual([
      "-n, --name <name>",
      "--namespace <name>",
      "--cwd <directory>",
      "--node-args <args>",
      "--interpreter <path>",
      "--uid <user>",
      "--gid <group>",
      "--env <KEY=VALUE>",
      "-i, --instances <n|max|-1|50%|2..8>",
      "--ready <listen|message|http:/path>",
      "--ready-timeout <time>",
      "--drain-timeout <time>",
      "--strategy <rolling|all-at-once>",
      "--handover",
      "--shutdown-message",
      "--min-uptime <time>",
      "--max-restarts <n>",
      "--restart-window <time>",
      "--backoff-base <time>",
      "--backoff-cap <time>",
      "--no-autorestart",
      "--stop-exit-codes <codes>",
      "--restart-delay <time>",
      "--max-memory <size>",
      "--cron <pattern>",
      "--watch",
      "--hang-timeout <time>",
      "--health <http:/path>",
      "--max-memory-hard <size>",
      "--max-lifetime <time>",
      "--max-requests <n>",
      "--min-ready <n|50%>",
      "--sticky [by]",
      "--out-file <path>",
      "--error-file <path>",
      "--merge-logs",
      "--port <n>",
    ]);
    expect(cliOptions().filter(({ repeatable }) => repeatable)).toHaveLength(1);
    expect(cliOptions().flatMap(({ optional }) => optional?.flag ?? [])).toEqual(["--sticky"]);
  });

  it("goes through commander into the parser", () => {
    const command = new Command().argument("<script>").argument("[args...]");
    for (const { flags, description, repeatable } of cliOptions()) {
      const collect = (value: string, all: string[] = []) => [...all, value];
      if (repeatable) command.option(flags, description, collect);
      else command.option(flags, description);
    }
    const line =
      "-i -1 --node-args --no-warnings --env A=1 --env B=2 --handover --drain-timeout 5s --no-autorestart --stop-exit-codes 0,3 --watch --sticky ip,header:X-Room --port 80 a.js x";
    command.parse(line.split(" "), { from: "user" });
    const [script, ...args] = command.args;
    expect(parseApp({ script, args, ...command.opts() })).toMatchObject({
      ok: true,
      value: {
        script: "a.js",
        args: ["x"],
        instances: -1,
        nodeArgs: ["--no-warnings"],
        env: { A: "1", B: "2", PORT: "80" },
        autorestart: false,
        stopExitCodes: [0, 3],
        watch: { paths: ["."] },
        sticky: { by: ["ip", "header:x-room"] },
        handover: true,
        drainTimeoutMs: 5000,
      },
    });
  });
});
