import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Overview } from "../../src/core/overview.ts";
import { projectRoot } from "./holdfast.ts";
import { killLeftovers, leftovers, MARKER_VARIABLE } from "./processes.ts";
import { until } from "./until.ts";

const CLI = join(projectRoot, "dist/bin/holdfast.cjs");
const COMMAND_WITHIN_MS = 60_000;
let houses = 0;

export interface CommandOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** For standard input. */
  readonly input?: string;
  /** Instead of the built CLI. */
  readonly program?: readonly string[];
}

export interface CommandEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A home directory of its own, a working directory, and what the command line does in them. */
export class House {
  readonly id = `${process.pid}-house${houses++}-${Date.now().toString(36)}`;
  readonly root = mkdtempSync(join(tmpdir(), "hf-house-"));
  readonly home = join(this.root, ".holdfast");
  readonly env: Readonly<Record<string, string>> = {
    PATH: process.env.PATH ?? "",
    LANG: "C.UTF-8",
    NO_COLOR: "1",
    HOME: this.root,
    HOLDFAST_HOME: this.home,
    [MARKER_VARIABLE]: this.id,
  };

  /** Runs a command to its end. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
    const [file = process.execPath, ...before] = options.program ?? [process.execPath, CLI];
    const child = spawn(file, [...before, ...args], {
      cwd: options.cwd ?? this.root,
      env: { ...this.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => {}).end(options.input ?? "");
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk));
    const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_WITHIN_MS);
    const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.once("close", (...end) => resolve(end)),
    );
    clearTimeout(timer);
    if (signal === "SIGKILL")
      throw new Error(`holdfast ${args.join(" ")} hung\n${stdout}${stderr}`);
    return { status, signal, stdout, stderr };
  }

  /** The same, for commands that must succeed. */
  async ok(args: readonly string[], options?: CommandOptions): Promise<CommandEnd> {
    const end = await this.run(args, options);
    if (end.status === 0) return end;
    throw new Error(`holdfast ${args.join(" ")}: ${end.status}\n${end.stdout}${end.stderr}`);
  }

  async overview(): Promise<Overview> {
    return JSON.parse((await this.ok(["list", "-o", "json"])).stdout).data;
  }

  /** A file in the working directory; its path. */
  file(name: string, content: string | object): string {
    const path = join(this.root, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  }

  /** Shuts down, and fails when anything was left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.run(["shutdown"]);
      await until(() => leftovers(this.id).length === 0, { what: "everything to be gone" });
    } finally {
      killLeftovers(this.id);
      rmSync(this.root, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}
