/** Finds and reads configuration files of every kind; what they mean is config's part. */

import { readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path";
import JSON5 from "json5";
import { HoldfastError } from "../errors.ts";
import { type Evaluation, evaluate, lineIn, syntaxLine } from "./config-loader.ts";
import { workingDirectory } from "./working-directory.ts";

export interface ConfigFile {
  /** What the file holds or exports, not checked in any way. */
  readonly value: unknown;
  /** Absolute; "-" for standard input. */
  readonly path: string;
  /** Where relative paths in it start: its folder, or the working directory for standard input. */
  readonly directory: string;
  /** It is named as PM2's files are (`ecosystem.*`), so that what is left out means what it means there. */
  readonly pm2Defaults: boolean;
}

export interface ReadSettings {
  /** How long a file that is a program may take. Default 10000. */
  readonly timeoutMs?: number;
  /** What "-" reads. Default: standard input. */
  readonly input?: AsyncIterable<string | Buffer>;
}

const NAMES = ["holdfast.config", "ecosystem.config"];
const TYPESCRIPT = [".ts", ".mts", ".cts"];
const JAVASCRIPT = [".js", ".mjs", ".cjs"];
const EXTENSIONS = ["ts", "mts", "js", "mjs", "cjs", "json"];
const TIMEOUT_MS = 10_000;
const MOST_VARIABLES_BYTES = 1024 * 1024;

/** The configuration file of a folder: holdfast.config.* before ecosystem.config.*; null where there is none. */
export function findConfigFile(directory: string): string | null {
  const names = NAMES.flatMap((name) => EXTENSIONS.map((extension) => `${name}.${extension}`));
  const paths = names.map((name) => join(resolve(directory), name));
  return paths.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile()) ?? null;
}

/**
 * What a configuration file holds: JSON with comments, trailing commas and the like (JSON5), or what a
 * program exports, also from a function or by a promise. "-" is JSON from standard input. A program runs in
 * a process of its own, so that each call reads it afresh with all it imports. Rejects with HF_CONFIG_FILE_*.
 */
export async function readConfigFile(
  file: string,
  settings: ReadSettings = {},
): Promise<ConfigFile> {
  if (file === "-") {
    const value = parseJson("-", await textOf(settings.input ?? process.stdin));
    return { value, path: "-", directory: workingDirectory(), pm2Defaults: false };
  }
  const path = isAbsolute(file) ? resolve(file) : resolve(workingDirectory(), file);
  const text = textIn(path);
  const value =
    kindOf(path) === "json" ? parseJson(path, text) : await exportOf(path, settings.timeoutMs);
  const pm2Defaults = basename(path).startsWith("ecosystem.");
  return { value, path, directory: dirname(path), pm2Defaults };
}

/** For the reader of configurations: the text of a file of variables, or why there is none. Never throws. */
export function readVariablesFile(path: string): { text: string } | { reason: string } {
  try {
    const { size } = statSync(path);
    if (size > MOST_VARIABLES_BYTES) return { reason: "it is larger than 1 MiB" };
    return { text: readFileSync(path, "utf8") };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

function textIn(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const isMissing = ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
    if (isMissing) throw new HoldfastError("HF_CONFIG_FILE_NOT_FOUND", { file: path });
    throw new HoldfastError(
      "HF_CONFIG_FILE_UNREADABLE",
      { file: path, reason: reasonOf(error) },
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file";
  if (code === "EACCES") return "permission denied";
  return code === "EISDIR" ? "it is a directory" : message;
}

function kindOf(path: string): "json" | "program" {
  const extension = extname(path).toLowerCase();
  if (extension === ".json" || extension === ".json5" || extension === ".jsonc") return "json";
  if (JAVASCRIPT.includes(extension) || TYPESCRIPT.includes(extension)) return "program";
  const reason = [".yml", ".yaml"].includes(extension)
    ? "YAML"
    : extension === ""
      ? "it has no extension"
      : extension;
  throw new HoldfastError("HF_CONFIG_FILE_UNSUPPORTED", { file: path, reason });
}

async function textOf(input: AsyncIterable<string | Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(file: string, text: string): unknown {
  const content = text.replace(/^\uFEFF/, "");
  if (content.trim() === "") throw new HoldfastError("HF_CONFIG_FILE_EMPTY", { file });
  try {
    return JSON5.parse(content);
  } catch (error) {
    const { message, lineNumber } = error as Error & { lineNumber?: number };
    const reason = message.replace(/^JSON5: /, "").replace(/ at \d+:\d+$/, "");
    const details = { file, line: lineNumber ?? null, reason };
    throw new HoldfastError("HF_CONFIG_FILE_SYNTAX", details, { cause: error });
  }
}

async function exportOf(path: string, timeoutMs: number = TIMEOUT_MS): Promise<unknown> {
  const evaluation = await evaluate(path, flagsFor(path), timeoutMs);
  if (evaluation.type !== "value") throw await failure(path, evaluation, timeoutMs);
  const { value } = evaluation;
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  if (value === undefined || value === null || (isEmpty && !Array.isArray(value))) {
    throw new HoldfastError("HF_CONFIG_FILE_EMPTY", { file: path });
  }
  return value;
}

/** What this Node needs to run the file. Throws HF_CONFIG_FILE_UNSUPPORTED where it cannot. */
function flagsFor(path: string): readonly string[] {
  if (!TYPESCRIPT.includes(extname(path).toLowerCase())) return [];
  // Not in the types of Node 20; false, "strip" or "transform" where it exists.
  if ((process.features as { readonly typescript?: unknown }).typescript) return [];
  const flag = "--experimental-strip-types";
  if (process.allowedNodeEnvironmentFlags.has(flag)) return [flag];
  // A loader of the user's own may understand it.
  if (
    /--(?:import|require|loader|experimental-loader)\b|-r /.test(process.env.NODE_OPTIONS ?? "")
  ) {
    return [];
  }
  const reason = `TypeScript, and Node ${process.version} does not strip types`;
  throw new HoldfastError("HF_CONFIG_FILE_UNSUPPORTED", { file: path, reason });
}

async function failure(
  file: string,
  evaluation: Exclude<Evaluation, { type: "value" }>,
  timeoutMs: number,
): Promise<HoldfastError> {
  if (evaluation.type !== "failed") {
    const cause = causeOf(evaluation, timeoutMs);
    return new HoldfastError("HF_CONFIG_FILE_FAILED", { file, line: null, cause });
  }
  const { name, message, stack } = evaluation;
  const line = lineIn(stack, file);
  if (name === "SyntaxError") {
    const where = line ?? (await syntaxLine(file, timeoutMs));
    return new HoldfastError("HF_CONFIG_FILE_SYNTAX", { file, line: where, reason: message });
  }
  const isNoData = name === "DataCloneError";
  const thrown = name === "" ? message : `${name}: ${message}`;
  const cause = isNoData ? `exports more than plain data: ${message}` : `threw ${thrown}`;
  return new HoldfastError("HF_CONFIG_FILE_FAILED", {
    file,
    line,
    cause: cause.replace(/\.$/, ""),
  });
}

function causeOf(
  evaluation: Exclude<Evaluation, { type: "value" | "failed" }>,
  timeoutMs: number,
): string {
  if (evaluation.type === "silent") return `was not done after ${timeoutMs / 1000} seconds`;
  if (evaluation.type === "unsettled") return "waits for a promise that nothing settles";
  const { status, signal } = evaluation;
  return `ended its process with ${signal ?? `status ${status}`} before it had exported anything`;
}
