import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { packageNameOf } from "../../src/system/places.ts";
import { resolveScript } from "../../src/system/script.ts";

const NODE = "#!/usr/bin/env node\n";
const SHELL = "#!/bin/sh\n";
let root = "";

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-script-")));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function file(path: string, text = ""): string {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

function found(script: string, cwd = root): string {
  return relative(root, resolveScript(script, [], cwd, { typescript: true }).script);
}

function failure(script: string, cwd = root, typescript = true): HoldfastError {
  try {
    resolveScript(script, [], cwd, { typescript });
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error(`${script} was resolved`);
}

describe("a file", () => {
  it("is found by a relative and an absolute path, and without its extension", () => {
    const server = file("dist/server.js");
    file("esm.mjs");
    file("common.cjs");
    file("typed.ts");
    expect(found("dist/server.js")).toBe("dist/server.js");
    expect(found("./server", join(root, "dist"))).toBe("dist/server.js");
    expect(found(server, tmpdir())).toBe("dist/server.js");
    expect(["esm", "common", "typed"].map((name) => found(name))).toEqual([
      "esm.mjs",
      "common.cjs",
      "typed.ts",
    ]);
  });

  it("comes before a file with an extension, and that before a directory", () => {
    file("app", NODE);
    file("app.js");
    file("web/index.js");
    file("web.js");
    expect(found("app")).toBe("app");
    expect(found("web")).toBe("web.js");
    expect(found("web/")).toBe("web.js");
  });

  it("may have blanks in its name", () => {
    file("my server.js");
    expect(found("my server.js")).toBe("my server.js");
    expect(found("my server")).toBe("my server.js");
  });

  it("needs no extension when its first line says node, or nothing", () => {
    file("bin/www", `${NODE}require("../app")`);
    file("bin/plain", "require('../app')");
    expect(found("bin/www")).toBe("bin/www");
    expect(found("bin/plain")).toBe("bin/plain");
  });
});

describe("a directory", () => {
  it.each([
    ["main", { main: "lib/server.js" }, ["lib/server.js"], "lib/server.js"],
    ["main without extension", { main: "./lib/server" }, ["lib/server.js"], "lib/server.js"],
    ["main that is a directory", { main: "lib" }, ["lib/index.js"], "lib/index.js"],
    ["index.js", {}, ["index.js", "index.mjs"], "index.js"],
    ["index.mjs", {}, ["index.mjs"], "index.mjs"],
    ["index.cjs", {}, ["index.cjs"], "index.cjs"],
    ["index.js where main is gone", { main: "gone.js" }, ["index.js"], "index.js"],
    ["index.js where main is no string", { main: 5 }, ["index.js"], "index.js"],
  ])("has as entry point %s", (_, manifest, files, expected) => {
    file("app/package.json", JSON.stringify(manifest));
    for (const each of files) file(join("app", each));
    expect(found("app")).toBe(join("app", expected));
    expect(found(".", join(root, "app"))).toBe(join("app", expected));
  });

  it.each(["{", "[]", "null", '{"main":"gone.js"}'])(
    "without one fails with HF_SCRIPT_NO_MAIN (package.json: %s)",
    (manifest) => {
      file("app/package.json", manifest);
      expect(failure("app")).toMatchObject({
        code: "HF_SCRIPT_NO_MAIN",
        details: { directory: join(root, "app") },
      });
    },
  );

  it("gives its package's name to an app", () => {
    file("app/package.json", '{"name":"@acme/shop"}');
    file("bad/package.json", "{");
    expect(packageNameOf(join(root, "app"))).toBe("@acme/shop");
    expect(packageNameOf(join(root, "bad"))).toBeNull();
    expect(packageNameOf(join(root, "gone"))).toBeNull();
    expect(packageNameOf("\0")).toBeNull();
  });
});

describe("a package's command", () => {
  it("is followed through node_modules/.bin, from folders below too", () => {
    file("node_modules/next/dist/bin/next", NODE);
    link("node_modules/.bin/next", "../next/dist/bin/next");
    mkdirSync(join(root, "packages/web"), { recursive: true });
    expect(found("next")).toBe("node_modules/next/dist/bin/next");
    expect(found("next", join(root, "packages/web"))).toBe("node_modules/next/dist/bin/next");
  });

  it("may bring arguments, which come before those given", () => {
    file("node_modules/next/cli.js");
    link("node_modules/.bin/next", "../next/cli.js");
    expect(resolveScript("next start -p 3000", ["--turbo"], root)).toMatchObject({
      script: join(root, "node_modules/next/cli.js"),
      args: ["start", "-p", "3000", "--turbo"],
    });
  });

  it("yields to a script of that name in the working directory", () => {
    file("node_modules/next/cli.js");
    link("node_modules/.bin/next", "../next/cli.js");
    file("next.js");
    expect(found("next")).toBe("next.js");
  });

  it("is found although a directory without an entry point has its name", () => {
    file("node_modules/next/cli.js");
    link("node_modules/.bin/next", "../next/cli.js");
    mkdirSync(join(root, "next"));
    expect(found("next")).toBe("node_modules/next/cli.js");
  });

  it.each([
    ["an object", { bin: { next: "./dist/next.js" } }],
    ["a string", { bin: "dist/next.js" }],
  ])("behind a shell shim is read from the package's bin: %s", (_, manifest) => {
    file("node_modules/.bin/next", `${SHELL}exec node something`);
    file("node_modules/next/package.json", JSON.stringify(manifest));
    file("node_modules/next/dist/next.js");
    expect(found("next")).toBe("node_modules/next/dist/next.js");
  });

  it("behind pnpm's shim of a package with another name is read from the shim", () => {
    file(
      "node_modules/.bin/tsc",
      `${SHELL}basedir=$(dirname "$0")\nexec node  "$basedir/../typescript/bin/tsc" "$@"\n`,
    );
    file("node_modules/typescript/bin/tsc", NODE);
    expect(found("tsc")).toBe("node_modules/typescript/bin/tsc");
  });

  it("that is no JavaScript fails with HF_SCRIPT_UNSUPPORTED", () => {
    file("node_modules/.bin/tool", `${SHELL}echo hello`);
    expect(failure("tool")).toMatchObject({ code: "HF_SCRIPT_UNSUPPORTED" });
  });
});

describe("a link", () => {
  it("is followed anew on every call, for the script and the working directory", () => {
    file("releases/41/server.js");
    file("releases/42/server.js");
    link("current", "releases/41");
    const current = join(root, "current");
    const before = resolveScript("server.js", ["a"], current);
    expect(before).toEqual({
      script: join(root, "releases/41/server.js"),
      args: ["a"],
      cwd: join(root, "releases/41"),
      cwdGiven: current,
    });
    rmSync(current);
    link("current", "releases/42");
    expect(resolveScript("server.js", ["a"], current)).toEqual({
      script: join(root, "releases/42/server.js"),
      args: ["a"],
      cwd: join(root, "releases/42"),
      cwdGiven: current,
    });
  });

  it("in a circle fails with HF_SCRIPT_UNREADABLE", () => {
    link("a.js", "b.js");
    link("b.js", "a.js");
    expect(failure("a.js")).toMatchObject({
      code: "HF_SCRIPT_UNREADABLE",
      details: { reason: expect.stringContaining("ELOOP") },
    });
  });

  it("to nowhere is nothing", () => {
    link("a.js", "gone.js");
    expect(failure("a.js").code).toBe("HF_SCRIPT_NOT_FOUND");
  });
});

describe("a missing script", () => {
  it("says what was tried", () => {
    const { code, details } = failure("web");
    expect(code).toBe("HF_SCRIPT_NOT_FOUND");
    const base = join(root, "web");
    expect(details).toEqual({
      script: "web",
      tried: [
        base,
        ...[".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"].map((extension) => base + extension),
        `node_modules/.bin/web in ${root} and the folders above it`,
      ],
    });
  });

  it.each([
    ["servr.js", "server.js"],
    ["Server.JS", "server.js"],
    ["sevrer", "server.js"],
    ["server.mjs", "server.js"],
    ["./server.ts", "server.js"],
  ])("%s: did you mean %s?", (script, meant) => {
    file("server.js");
    file("other.js");
    expect(failure(script).message).toContain(`(did you mean "${meant}"?)`);
  });

  it.each(["service.js", "a.js", "gone/server.js", "x\0y", "y".repeat(5000)])(
    "%# has no suggestion where nothing is close",
    (script) => {
      file("server.js");
      file("b.js");
      const error = failure(script);
      expect(error.code).toBe("HF_SCRIPT_NOT_FOUND");
      expect(error.message).not.toContain("did you mean");
    },
  );

  it("may be a missing working directory", () => {
    file("plain.js");
    expect(failure("a.js", join(root, "gone")).message).toContain(
      `${join(root, "gone")} (the working directory)`,
    );
    expect(failure("a.js", join(root, "plain.js")).code).toBe("HF_SCRIPT_NOT_FOUND");
  });
});

describe("a file Node cannot run", () => {
  it.each(["a.ts", "a.mts", "a.cts"])("%s runs where Node strips types", (name) => {
    file(name);
    expect(found(name)).toBe(name);
    expect(failure(name, root, false)).toMatchObject({
      code: "HF_SCRIPT_UNSUPPORTED",
      details: { reason: expect.stringContaining("Node 22.18") },
    });
  });

  it("takes the running Node's word for TypeScript", () => {
    file("a.ts");
    const strips = Boolean((process.features as { typescript?: unknown }).typescript);
    const run = () => resolveScript("a.ts", [], root);
    if (strips) expect(run().script).toBe(join(root, "a.ts"));
    else expect(run).toThrow(/Node 22\.18/);
  });

  it.each([
    ["a.tsx", "", "build step"],
    ["a.jsx", "", "build step"],
    ["a.json", "{}", "no programs"],
    ["run.sh", SHELL, "/bin/sh"],
    ["tool", "#!/usr/bin/env python3\n", "python3"],
    ["node_modules/x/a.ts", "", "node_modules"],
  ])("%s is refused", (name, text, reason) => {
    file(name, text);
    expect(failure(name)).toMatchObject({
      code: "HF_SCRIPT_UNSUPPORTED",
      details: { reason: expect.stringContaining(reason) },
    });
  });

  it("may be one that is not allowed to be read", () => {
    const path = file("secret.js");
    chmodSync(path, 0o000);
    // Root may read everything.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) {
      chmodSync(root, 0o755);
      process.seteuid?.(65_534);
    }
    try {
      expect(failure("secret.js")).toMatchObject({
        code: "HF_SCRIPT_UNREADABLE",
        exitStatus: 77,
        details: { reason: expect.stringContaining("EACCES") },
      });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it("may be a device", () => {
    expect(failure("/dev/null")).toMatchObject({ code: "HF_SCRIPT_UNSUPPORTED" });
  });
});
