/** Completion as shells do it: the script is loaded, and the key is pressed. */

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CommandShape, candidatesFor } from "../../src/cli/completion/candidates.ts";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";

const CLI = join(projectRoot, "dist/bin/holdfast.cjs");
const has = (tool: string): boolean => spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
const SHELLS = ["bash", "zsh", "fish"] as const;

describe("candidates", () => {
  const commands: CommandShape[] = [
    {
      name: "stop",
      aliases: [],
      flags: [
        { names: ["-o", "--output"], takesValue: true },
        { names: ["--quiet"], takesValue: false },
      ],
    },
    { name: "signal", aliases: ["sendSignal"], flags: [] },
    {
      name: "start",
      aliases: ["up"],
      flags: [
        { names: ["--name"], takesValue: true },
        { names: ["--sticky"], takesValue: true },
      ],
    },
    { name: "completion", aliases: [], flags: [] },
    { name: "save", aliases: [], flags: [] },
  ];
  it.each<[string[], string[]]>([
    [["s"], ["save", "signal", "start", "stop"]],
    [["nothing"], []],
    [
      ["stop", ""],
      ["api", "app-2", "all"],
    ],
    [
      ["stop", "api", "ap"],
      ["api", "app-2"],
    ],
    [
      ["stop", "--"],
      ["--output", "--quiet"],
    ],
    [
      ["stop", "-o", ""],
      ["json", "ndjson"],
    ],
    [
      ["stop", "--quiet", "ap"],
      ["api", "app-2"],
    ],
    [
      ["up", ""],
      ["api", "app-2"],
    ],
    [["start", "--name", ""], []],
    [["start", "--sticky", "c"], ["cookie"]],
    [["start", "x.js", "--", ""], []],
    [["signal", "SIGT"], ["SIGTERM"]],
    [
      ["sendSignal", "SIGTERM", "ap"],
      ["api", "app-2"],
    ],
    [["completion", "z"], ["zsh"]],
    [["save", ""], []],
    [["unknown", ""], []],
    [[], ["completion", "save", "signal", "start", "stop"]],
  ])("for %j are %j", async (words, expected) => {
    expect(await candidatesFor(words, commands, async () => ["api", "app-2"])).toEqual(expected);
  });
});

/** A folder with `holdfast` in it, for PATH. */
function withProgram(house: House): Record<string, string> {
  const bin = join(house.root, "bin");
  mkdirSync(bin);
  symlinkSync(CLI, join(bin, "holdfast"));
  return { ...house.env, PATH: `${bin}:${house.env.PATH}` };
}

describe("holdfast completion", () => {
  it("knows three shells", async () => {
    await using house = new House();
    for (const shell of SHELLS)
      expect((await house.ok(["completion", shell])).stdout).toContain("__complete");
    expect(await house.run(["completion", "csh"])).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("bash, zsh, fish"),
    });
  });

  it("__complete knows commands, flags, values and apps, a line each", async () => {
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "1"]);
    const lines = async (...words: string[]) =>
      (await house.ok(["__complete", "--", ...words])).stdout.split("\n").slice(0, -1);
    expect(await lines("st")).toEqual(["start", "startup", "status", "stop"]);
    expect(await lines("logs", "--f")).toEqual(["--follow"]);
    expect(await lines("stop", "")).toEqual(["web", "all"]);
    expect(await lines("wait", "web", "--for", "")).toEqual(["ready", "stopped"]);
    expect(await lines("stop", "--home", join(house.root, "other"), "")).toEqual([]);
    expect(await lines("")).not.toContain("__complete");
  });

  it("__complete does not wait for a supervisor that hangs", async () => {
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "1"]);
    const { pid } = (await house.overview()).supervisor;
    process.kill(pid, "SIGSTOP");
    try {
      const began = performance.now();
      expect((await house.ok(["__complete", "--", "stop", ""])).stdout).toBe("");
      expect(performance.now() - began).toBeLessThan(3000);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  it("bash offers commands, flags, and apps, also after a colon or an equals sign", async (context) => {
    context.skip(!has("bash"), "bash is not installed");
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "1"]);
    // What bash sets before it calls the function, words broken at its usual characters.
    const press = `
      source <(holdfast completion bash)
      press() {
        COMP_LINE="$1"; COMP_POINT=\${#1}; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
        _holdfast; printf '%s,' "\${COMPREPLY[@]}"; echo
      }
      complete -p holdfast
      press "holdfast st" holdfast st
      press "holdfast stop " holdfast stop ""
      press "holdfast stop w" holdfast stop w
      press "holdfast logs --fol" holdfast logs --fol
    `;
    const { stdout, stderr } = await shell("bash", ["--norc", "-c", press], withProgram(house));
    expect(stderr).toBe("");
    expect(stdout.split("\n")).toEqual([
      expect.stringContaining("-F _holdfast holdfast"),
      "start,startup,status,stop,",
      "web,all,",
      "web,",
      "--follow,",
      "",
    ]);
  });

  it("zsh offers apps and commands", async (context) => {
    context.skip(!has("zsh"), "zsh is not installed");
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "1"]);
    // compadd is a builtin that only works while completing: the function's call of it is shown.
    const press = `
      autoload -Uz compinit; compinit -u -d "$HOME/.zcompdump"
      source <(holdfast completion zsh)
      compadd() { shift 2; print -r -- "offered: $*" }
      _files() { print -r -- "files" }
      print -r -- "$_comps[holdfast]"
      words=(holdfast st); CURRENT=2; _holdfast
      words=(holdfast stop ''); CURRENT=3; _holdfast
      words=(holdfast validate ''); CURRENT=3; _holdfast
    `;
    const { stdout, stderr } = await shell("zsh", ["-f", "-c", press], withProgram(house));
    expect(stderr).toBe("");
    expect(stdout.split("\n")).toEqual([
      "_holdfast",
      "offered: start startup status stop",
      "offered: web all",
      "files",
      "",
    ]);
  });

  it("fish offers apps, commands and files", async (context) => {
    context.skip(!has("fish"), "fish is not installed");
    await using house = new House();
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "1"]);
    writeFileSync(join(house.root, "apps.json"), "{}");
    const press = `
      holdfast completion fish | source
      for line in 'holdfast st' 'holdfast stop ' 'holdfast logs --fol' 'holdfast validate app'
        complete -C $line | string join ,
      end
    `;
    const { stdout, stderr } = await shell(
      "fish",
      ["--no-config", "-c", press],
      withProgram(house),
      house.root,
    );
    expect(stderr).toBe("");
    const [commands = "", apps, flags, files] = stdout.split("\n");
    expect(commands.split(",").sort()).toEqual(["start", "startup", "status", "stop"]);
    expect([apps?.split(",").sort(), flags, files]).toEqual([
      ["all", "web"],
      "--follow",
      "apps.json",
    ]);
  });
});

async function shell(file: string, args: string[], env: Record<string, string>, cwd?: string) {
  const child = spawn(file, args, {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk));
  await new Promise((resolve) => child.once("close", resolve));
  return { stdout, stderr };
}
