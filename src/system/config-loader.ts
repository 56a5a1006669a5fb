/** Evaluates a configuration file in a process of its own. What it does there to that process, to modules or to time, stays there. */

import { execFile, spawn } from "node:child_process";

/** What came of it. */
export type Evaluation =
  | { readonly type: "value"; readonly value: unknown }
  | {
      readonly type: "failed";
      readonly name: string;
      readonly message: string;
      readonly stack: string;
    }
  | { readonly type: "unsettled" }
  | { readonly type: "exited"; readonly status: number | null; readonly signal: string | null }
  | { readonly type: "silent" };

/**
 * Runs in the child. A program without a channel back would never be heard of, so that whatever happens
 * becomes one message; the channel carries more than JSON does (undefined, Infinity).
 */
const PROGRAM = `
import { pathToFileURL } from "node:url";
// A program given as text has Node's modules as globals; a file's "module.exports" must not go there.
delete globalThis.module;
let told = false;
function tell(message) {
  process.send(message, () => process.exit(0));
  told = true;
}
function failed(error) {
  const isError = error instanceof Error;
  tell({
    type: "failed",
    name: isError ? error.name : "",
    message: String(isError ? error.message : error),
    stack: String((isError && error.stack) || ""),
  });
}
process.on("uncaughtException", failed);
process.on("beforeExit", () => {
  if (!told) tell({ type: "unsettled" });
});
async function evaluate(file) {
  const exported = await import(pathToFileURL(file).href);
  let value = "default" in exported ? exported.default : { ...exported };
  // A module that was compiled to CommonJS.
  if (value && value.__esModule && "default" in value) value = value.default;
  value = await (typeof value === "function" ? value() : value);
  try {
    tell({ type: "value", value });
  } catch (error) {
    tell({ type: "failed", name: "DataCloneError", message: String(error && error.message), stack: "" });
  }
}
evaluate(process.argv[1]).catch(failed);
`;

/** As a module: after a CommonJS text Node would put the global "module" back. */
const PROGRAM_FLAGS = ["--input-type=module", "--eval"];

/** Settles within `timeoutMs`, whatever the file does. What it prints goes to stderr. */
export function evaluate(
  file: string,
  nodeFlags: readonly string[],
  timeoutMs: number,
): Promise<Evaluation> {
  const quiet = ["ExperimentalWarning", "MODULE_TYPELESS_PACKAGE_JSON"];
  const flags = [...nodeFlags, ...quiet.map((name) => `--disable-warning=${name}`)];
  const child = spawn(process.execPath, [...flags, ...PROGRAM_FLAGS, PROGRAM, file], {
    stdio: ["ignore", 2, 2, "ipc"],
    serialization: "advanced",
  });
  return new Promise((resolve, reject) => {
    const settle = (evaluation: Evaluation): void => {
      clearTimeout(timer);
      resolve(evaluation);
    };
    const timer = setTimeout(() => {
      settle({ type: "silent" });
      child.kill("SIGKILL");
    }, timeoutMs);
    child.once("message", (message) => settle(message as unknown as Evaluation));
    child.once("close", (status, signal) => settle({ type: "exited", status, signal }));
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** The line a module's syntax is wrong at, which the error of an import does not tell; null where nothing is found. */
export function syntaxLine(file: string, timeoutMs: number): Promise<number | null> {
  return new Promise((resolve) => {
    const settings = { timeout: timeoutMs, killSignal: "SIGKILL" } as const;
    execFile(process.execPath, ["--check", file], settings, (_error, _stdout, stderr) =>
      resolve(lineIn(stderr, file)),
    );
  });
}

/** The line of `file` that a stack or a message of Node names first. */
export function lineIn(text: string, file: string): number | null {
  const at = text.indexOf(`${file}:`);
  const found = at < 0 ? null : /^\d+/.exec(text.slice(at + file.length + 1));
  return found === null ? null : Number(found[0]);
}
