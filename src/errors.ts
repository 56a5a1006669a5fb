/**
 * The table of error codes: what happened and why (message), what to do (remedy), and the exit
 * status of a command that fails with it. A code is never renamed and never reused.
 * Every code is documented in docs/errors.md; a test keeps the two in step.
 */

/** Exit statuses of the `holdfast` command. 128+n means "ended by signal n", as shells say it. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  timeout: 5,
  reloadFailed: 6,
  bug: 70,
  permission: 77,
  config: 78,
} as const;

interface Entry<Details> {
  readonly exitStatus: number;
  message(details: Details): string;
  readonly remedy: string;
}

function entry<Details>(
  exitStatus: number,
  message: (details: Details) => string,
  remedy: string,
): Entry<Details> {
  return { exitStatus, message, remedy };
}

export const ERRORS = {
  HF_CONFIG_INVALID: entry<{ faults: readonly Fault[] }>(
    EXIT.config,
    ({ faults }) =>
      `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults
        .map((fault) => `  ${fault.path}: ${fault.message}`)
        .join("\n")}`,
    "Correct the values named above; `holdfast run --help` lists every option with its bounds.",
  ),
  HF_SCRIPT_NOT_FOUND: entry<{ script: string; tried: readonly string[] }>(
    EXIT.config,
    ({ script, tried }) => `There is no script "${script}". Looked for: ${tried.join(", ")}.`,
    "Check the path; a relative one starts at --cwd. A package's command must be installed in node_modules/.bin.",
  ),
  HF_SCRIPT_UNREADABLE: entry<{ script: string; reason: string }>(
    EXIT.permission,
    ({ script, reason }) => `The script ${script} cannot be read: ${reason}.`,
    "Give the user that runs holdfast permission to read the file and to enter its folders.",
  ),
  HF_SCRIPT_NO_MAIN: entry<{ directory: string }>(
    EXIT.config,
    ({ directory }) =>
      `The directory ${directory} has no entry point: no "main" in its package.json that exists, and no index.js, index.mjs or index.cjs.`,
    'Name the file to run, or set "main" in the package.json.',
  ),
  HF_SCRIPT_UNSUPPORTED: entry<{ script: string; reason: string }>(
    EXIT.config,
    ({ script, reason }) => `The script ${script} cannot be run by Node: ${reason}.`,
    "Run a .js, .mjs or .cjs file. TypeScript needs Node 22.18 or later, or a build step first.",
  ),
  HF_PORT_IN_USE: entry<{ address: string; holder: string | null }>(
    EXIT.failed,
    ({ address, holder }) =>
      `The address ${address} is in use by ${holder ?? "another process that /proc does not name"}.`,
    "Stop that process or listen on another port.",
  ),
  HF_START_FAILED: entry<{ app: string; cause: string; lastOutput: readonly string[] }>(
    EXIT.failed,
    ({ app, cause, lastOutput }) => `${app} did not start: ${cause}.${quoted(lastOutput)}`,
    "Read the last output above, correct the program and start it again; holdfast keeps retrying slowly while it runs.",
  ),
  HF_RELOAD_FAILED: entry<{
    app: string;
    cause: string;
    outcome: string;
    lastOutput: readonly string[];
  }>(
    EXIT.reloadFailed,
    ({ app, cause, outcome, lastOutput }) =>
      `The reload of ${app} failed: ${cause}. ${outcome}${quoted(lastOutput)}`,
    "Correct what the last output shows and reload again; nothing else is needed.",
  ),
  HF_NOT_RUNNING: entry<{ app: string; action: string; status: string }>(
    EXIT.failed,
    ({ app, action, status }) => `Cannot ${action} ${app}: it is ${status}.`,
    "Start it first.",
  ),
  HF_NO_SUCH_APP: entry<{ app: string; known: readonly string[] }>(
    4,
    ({ app, known }) => `There is no app "${app}". Known: ${known.join(", ") || "none"}.`,
    "Use one of the names listed.",
  ),
  HF_ABORTED: entry<{ action: string }>(
    130,
    ({ action }) => `Waiting for ${action} was aborted by the caller's signal.`,
    "The work itself goes on; ask for the status or wait again.",
  ),
  HF_INTERNALS_CHANGED: entry<{ missing: string; version: string }>(
    EXIT.failed,
    ({ missing, version }) => `Node ${version} lacks what Holdfast builds on: ${missing}.`,
    "Use a Node version Holdfast supports (20.19, 22, 24, 26) and report this one.",
  ),
} as const;

/** One fault of a configuration: where it is and what is wrong with it. */
export interface Fault {
  /** Where, as a path a person can follow: `instances`, `apps[1].env.PORT`, `--drain-timeout`. */
  readonly path: string;
  /** What is wrong, with the value received and what is expected. */
  readonly message: string;
}

export type ErrorCode = keyof typeof ERRORS;
type DetailsOf<Code extends ErrorCode> = Parameters<(typeof ERRORS)[Code]["message"]>[0];

/** Every error Holdfast throws or rejects with: a code, a message, and what to do about it. */
export class HoldfastError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "HoldfastError";
  readonly code: Code;
  readonly details: DetailsOf<Code>;
  readonly remedy: string;
  readonly exitStatus: number;

  constructor(code: Code, details: DetailsOf<Code>, options?: ErrorOptions) {
    const found = ERRORS[code] as unknown as Entry<DetailsOf<Code>>;
    super(found.message(details), options);
    this.code = code;
    this.details = details;
    this.remedy = found.remedy;
    this.exitStatus = found.exitStatus;
  }
}

function quoted(lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `\nIts last output:\n${lines.map((line) => `  | ${line}`).join("\n")}`;
}
