/** What the repository says about itself is true: commands, links, exports, the example's options. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/config/parse.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(read("package.json")) as Manifest;

/** Every page below a folder, by its path from the root. */
const pagesBelow = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `${folder}/${file}`)
    .sort();

const pages = ["README.md", "CHANGELOG.md", ...pagesBelow("docs"), ...pagesBelow("examples")];

/** The examples that are apps. */
const examples = readdirSync(join(root, "examples"))
  .filter((name) => existsSync(join(root, "examples", name, "ecosystem.config.json")))
  .sort();

describe("the documents", () => {
  it.each(pages)("%s links to what is there", (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] as string)
      .filter((link) => !/^https?:/.test(link));
    const dead = links.filter((link) => !existsSync(join(root, dirname(page), link)));
    expect(dead).toEqual([]);
  });
  it.each(pages)("%s names npm scripts that exist", (page) => {
    const named = [...read(page).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] as string);
    expect(named.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });
  it("the README is short, and begins with the two commands", () => {
    const readme = read("README.md");
    expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(150);
    const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]);
    expect(commands.slice(0, 2)).toEqual(["npm ci && npm start\n", "npm ci && npm test\n"]);
  });
  it("the README calls a promise held only where a test of that name is", () => {
    const held = [...read("README.md").matchAll(/\| P(\d+) +\|.*\[holds\]\(([^)]+)\)/g)];
    expect(held.length).toBeGreaterThan(0);
    for (const [, number, link] of held) {
      expect(link).toContain(`test/promises/p${String(number).padStart(2, "0")}-`);
      expect(existsSync(join(root, link as string)), link).toBe(true);
    }
  });
});

describe("the configurations shown", () => {
  it.each([
    "ecosystem.example.json",
    ...examples.map((name) => `examples/${name}/ecosystem.config.json`),
  ])("%s is valid", (file) => {
    expect(parseConfig(JSON.parse(read(file)))).toMatchObject({ ok: true });
  });
});

describe.each(examples)("the example %s", (name) => {
  const readme = read(`examples/${name}/README.md`);

  it("says all in a title and five lines", () => {
    const [title, empty, ...lines] = readme.trimEnd().split("\n");
    expect(title).toMatch(/^# \S/);
    expect(empty).toBe("");
    expect(lines.length).toBe(5);
    expect(lines.filter((line) => line.trim() === "" || line.length > 130)).toEqual([]);
  });
  it("tells the one command, and links to its recipe", () => {
    expect(readme).toContain(`npm run examples ${name}`);
    expect(readme).toMatch(/\]\(\.\.\/\.\.\/docs\/recipes\/[\w.-]+\.md[)#]/);
  });
  it("has a test of its name, and a place in the list of all", () => {
    expect(existsSync(join(root, `test/examples/${name}.test.ts`))).toBe(true);
    expect(read("examples/README.md")).toContain(`](${name}/README.md)`);
  });
});

describe("the recipes", () => {
  it("are all in their list", () => {
    const recipes = readdirSync(join(root, "docs/recipes")).filter((file) => file !== "README.md");
    const list = read("docs/recipes/README.md");
    expect(recipes.filter((file) => !list.includes(`](${file})`))).toEqual([]);
  });
  it("are short", () => {
    const long = pagesBelow("docs/recipes").filter(
      (page) => read(page).trimEnd().split("\n").length > 100,
    );
    expect(long).toEqual([]);
  });
});

it("every image is shown on some page", () => {
  const folder = join(root, "docs/images");
  const images = existsSync(folder) ? readdirSync(folder) : [];
  const all = pages.map(read).join("\n");
  expect(images.filter((image) => !all.includes(`docs/images/${image})`))).toEqual([]);
});

describe("the package", () => {
  it("exports what has a source", () => {
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target),
    );
    const sources = targets.map((target) =>
      target.replace("./dist/", "./").replace(/(?:\.d\.ts|\.js)$/, ".ts"),
    );
    expect(sources.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
  it("depends on no package with an install script", () => {
    const lock = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { dev?: boolean; optional?: boolean; hasInstallScript?: boolean }>;
    };
    const scripted = Object.entries(lock.packages)
      .filter(([, entry]) => entry.hasInstallScript && !entry.dev)
      .map(([path]) => path);
    expect(scripted).toEqual([]);
  });
});
