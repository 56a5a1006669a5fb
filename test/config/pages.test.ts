/** Files that are made from the tables of options are in step with them. */
import { readFileSync, writeFileSync } from "node:fs";
import { Ajv } from "ajv";
import fc from "fast-check";
import JSON5 from "json5";
import { describe, expect, it } from "vitest";
import { ecosystemMarkdown } from "../../src/config/ecosystem-page.ts";
import { OPTIONS, written } from "../../src/config/options.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { PM2_NOTES, PM2_PARTS } from "../../src/config/pm2.ts";
import { configSchema } from "../../src/config/schema.ts";

const at = (file: string): URL => new URL(`../../${file}`, import.meta.url);

describe("generated files", () => {
  it.each([
    ["docs/ecosystem.md", ecosystemMarkdown()],
    ["schema.json", `${JSON.stringify(configSchema(), null, 2)}\n`],
  ])("%s is what the tables render", (file, rendered) => {
    if (process.env.UPDATE_DOCS === "1") writeFileSync(at(file), rendered);
    expect(
      readFileSync(at(file), "utf8"),
      `${file} is out of date: UPDATE_DOCS=1 npx vitest run test/config/pages.test.ts`,
    ).toBe(rendered);
  });

  it("docs/ecosystem.md has a row for every key of PM2", () => {
    const page = ecosystemMarkdown();
    const keys = [
      ...written().flatMap(({ pm2 }) => pm2.map(({ name }) => name)),
      ...PM2_NOTES.keys(),
      ...PM2_PARTS.keys(),
    ];
    for (const key of keys) expect(page).toContain(`\n| \`${key}\` |`);
  });
});

const valid = new Ajv({ allErrors: true }).compile(configSchema() as Record<string, unknown>);
const isValid = (input: unknown): string => {
  valid(input);
  return JSON.stringify(valid.errors ?? []);
};

describe("schema.json", () => {
  const example = JSON5.parse(readFileSync(at("ecosystem.example.json"), "utf8")) as {
    apps: Record<string, unknown>[];
  };

  it.each(["ecosystem.example.json", "examples/chat-ws/ecosystem.config.json"])(
    "takes %s",
    (file) => expect(isValid(JSON5.parse(readFileSync(at(file), "utf8")))).toBe("[]"),
  );

  it("the example has every option, and nothing to note", () => {
    const keys = new Set(example.apps.flatMap((app) => Object.keys(app)));
    expect(
      written()
        .map(({ name }) => name)
        .filter((name) => !keys.has(name)),
    ).toEqual([]);
    expect(parseConfig(example, { pm2Defaults: true, isWhole: true })).toMatchObject({
      ok: true,
      notes: [],
    });
  });

  it.each([
    { script: "a.js", instnaces: 2 },
    { script: "a.js", drainTimeout: "soon" },
    { name: "x" },
    { apps: [] },
    { apps: [{ script: "a.js", ready: "http://host/" }] },
    { script: "a.js", env: { A: {} } },
  ])("refuses %j, as the parser does", (input) => {
    expect(isValid(input)).not.toBe("[]");
    expect(parseConfig(input).ok).toBe(false);
  });

  it("refuses nothing the parser takes", () => {
    const values = fc.oneof(
      fc.constantFrom(0, 1, -1, 3, 1600, "1m", "300M", "50%", "max", "a.js", "* * * * *", "0", 255),
      fc.constantFrom(true, false, null, [], ["a"], ["A=1"], { A: 1 }, { paths: "x", delay: 5 }),
      fc.constantFrom("listen", "cluster_mode", "http:/x", "node", "NULL", "A,B", "rolling", {}),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const names = written().flatMap(({ name, pm2 }) => [name, ...pm2.map((each) => each.name)]);
    const keys = fc.constantFrom(...names, ...PM2_PARTS.keys(), ...PM2_NOTES.keys(), "env_x");
    let taken = 0;
    fc.assert(
      fc.property(keys, values, fc.boolean(), (key, value, pm2Defaults) => {
        const input = { script: "a.js", [key]: value };
        const context = { pm2Defaults, readFile: () => ({ text: "" }) };
        if (!parseConfig(input, context).ok) return;
        taken += 1;
        expect(isValid(input), JSON.stringify(input)).toBe("[]");
      }),
      { numRuns: 4000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it("takes every default", () => {
    const defaults = Object.values(OPTIONS).flatMap(({ name, default: value, kind }) =>
      value === undefined ? [] : [[name, kind.write?.(value as never) ?? value]],
    );
    expect(isValid({ script: "a.js", ...Object.fromEntries(defaults) })).toBe("[]");
  });
});
