/** `init`: what is guessed, and that what is written runs. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { guessApp } from "../../src/cli/init/guess.ts";
import { House } from "../support/house.ts";

describe("the guess", () => {
  const start = (text: string) => guessApp({ scripts: { start: text } }, "shop", () => false);

  it.each([
    ["node server.js", { script: "server.js", args: [], nodeArgs: [], env: {} }],
    [
      "NODE_ENV=staging PORT='3 0' node -r ./x.cjs --enable-source-maps dist/main.js --verbose 'a b'",
      {
        script: "dist/main.js",
        args: ["--verbose", "a b"],
        nodeArgs: ["-r", "./x.cjs", "--enable-source-maps"],
        env: { NODE_ENV: "staging", PORT: "3 0" },
      },
    ],
    ["cross-env A=1 node .", { script: ".", env: { A: "1" } }],
    ["next start -p 3000", { script: "next", args: ["start", "-p", "3000"] }],
  ])("from %j is what it runs", (text, expected) =>
    expect(start(text)).toMatchObject({
      ...expected,
      name: "shop",
      from: expect.stringContaining("scripts.start"),
    }),
  );

  it.each([
    "npm run build && node x.js",
    "node $FILE",
    "nodemon x.js",
    "node --watch",
    "",
    "node 'x",
  ])("from %j is none: only a shell could run it", (text) => {
    expect(start(text)).toMatchObject({ script: "server.js", from: null });
  });

  it("falls back to main, then to files of the usual names", () => {
    const there = (path: string) => ["./lib/a.js", "app.mjs"].includes(path);
    expect(guessApp({ name: "@shop/web", main: "./lib/a.js" }, "x", there)).toMatchObject({
      name: "web",
      script: "lib/a.js",
    });
    expect(guessApp({ main: "gone.js" }, "x", there)).toMatchObject({
      name: "x",
      script: "app.mjs",
    });
    expect(guessApp(null, "&", there)).toMatchObject({ name: "app", script: "app.mjs" });
    expect(guessApp({ scripts: "odd", name: 5 }, "x", () => false)).toMatchObject({
      name: "x",
      from: null,
    });
  });
});

const APP = `import { createServer } from "node:http"; createServer((_, end) => end.end()).listen(0);`;

function project(house: House, files: Record<string, string>): string {
  const directory = join(house.root, "shop");
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return directory;
}

describe("holdfast init", () => {
  const manifest = JSON.stringify({
    name: "@shop/web",
    type: "module",
    scripts: { start: `TONE='"\\' node --no-warnings puppet.mjs` },
  });

  it.each([
    ["mjs", "holdfast.config.mjs"],
    ["json", "holdfast.config.json"],
    ["ecosystem", "ecosystem.config.cjs"],
  ])("--format %s writes a file that is valid and starts the app", async (format, name) => {
    await using house = new House();
    const cwd = project(house, {
      "package.json": manifest,
      "puppet.mjs": APP,
    });
    const end = await house.ok(["init", "--format", format], { cwd });
    expect(end.stderr).toContain(name);
    const { apps } = JSON.parse((await house.ok(["validate", "-o", "json"], { cwd })).stdout).data;
    expect(apps).toMatchObject([
      { name: "web", script: "puppet.mjs", nodeArgs: ["--no-warnings"] },
    ]);
    expect(readdirSync(cwd).sort()).toEqual([name, "package.json", "puppet.mjs"].sort());
  });

  it("writes what starts", async () => {
    await using house = new House();
    const cwd = project(house, {
      "package.json": JSON.stringify({
        name: "web",
        scripts: { start: "GREETING=hi node puppet.mjs" },
      }),
      "puppet.mjs": APP,
    });
    await house.ok(["init"], { cwd });
    await house.ok(["start"], { cwd });
    const { apps } = await house.overview();
    expect(apps).toMatchObject([{ name: "web", status: "running", file: join(cwd, "puppet.mjs") }]);
    expect((await house.ok(["env", "web", "--show"])).stdout).toContain("GREETING=hi");
  });

  it("replaces nothing, not even of another kind, unless forced", async () => {
    await using house = new House();
    const cwd = project(house, { "ecosystem.config.js": "kept" });
    const refused = await house.run(["init"], { cwd });
    expect([refused.status, refused.stderr]).toEqual([
      1,
      expect.stringContaining("HF_FILE_EXISTS"),
    ]);
    await house.ok(["init", "--force"], { cwd });
    await house.ok(["init", "--force"], { cwd });
    expect(readFileSync(join(cwd, "ecosystem.config.js"), "utf8")).toBe("kept");
    expect(readFileSync(join(cwd, "holdfast.config.mjs"), "utf8")).toContain("apps:");
    const wrong = await house.run(["init", "--format", "toml"], { cwd });
    expect([wrong.status, wrong.stderr]).toEqual([78, expect.stringContaining("--format")]);
  });

  it("says that the script is an example where nothing tells", async () => {
    await using house = new House();
    const cwd = project(house, { "README.md": "" });
    expect((await house.ok(["init"], { cwd })).stderr).toContain("example");
  });
});
