/** What should run, on disk: versioned, replaced atomically, and never thrown away when it cannot be read. */

import { readFileSync, renameSync } from "node:fs";
import type { AppOptions } from "../config/app.ts";
import { inputOf } from "../config/input.ts";
import { parseConfig } from "../config/parse.ts";
import { HoldfastError } from "../errors.ts";
import { replaceFile } from "../system/atomic-file.ts";
import type { Home } from "../system/home.ts";

const VERSION = 1;

/** An app that should be there. */
export interface SavedApp {
  readonly options: AppOptions;
  /** The variables it inherits; null: those of the supervisor. */
  readonly environment: Readonly<Record<string, string>> | null;
  readonly configFile: string | null;
  /** It should not run until it is started again. */
  readonly stopped: boolean;
}

export interface SavedState {
  /** The supervisor was shut down by command: nothing starts by itself until `resurrect`. */
  readonly isShutDown: boolean;
  readonly apps: readonly SavedApp[];
}

export interface LoadedState extends SavedState {
  /** What was found wrong and done about it, for people. */
  readonly notices: readonly string[];
}

const GONE = "The state was gone; the one before it was taken instead.";
const NOTHING: LoadedState = { isShutDown: false, apps: [], notices: [] };

/** Writes the state; the one of before stays beside it. Throws HF_STATE_UNWRITABLE; the old state is whole then. */
export function saveState({ stateFile }: Home, { isShutDown, apps }: SavedState): void {
  const saved = {
    version: VERSION,
    isShutDown,
    apps: apps.map((app) => ({ ...app, options: inputOf(app.options) })),
  };
  try {
    replaceFile(stateFile, `${JSON.stringify(saved, null, 2)}\n`, lastGood(stateFile));
  } catch (error) {
    const reason = (error as Error).message;
    throw new HoldfastError("HF_STATE_UNWRITABLE", { file: stateFile, reason }, { cause: error });
  }
}

/**
 * Reads the state. A file that is cut short or no state of ours is set aside and the last good one taken.
 * Throws HF_STATE_NEWER where a newer Holdfast has written it: the older one must not overwrite it.
 */
export function loadState({ stateFile }: Home): LoadedState {
  const current = attempt(stateFile);
  if (current?.ok) return { ...current.state, notices: [] };
  const before = attempt(lastGood(stateFile));
  if (current === null) return before?.ok ? { ...before.state, notices: [GONE] } : NOTHING;
  const aside = `${stateFile}.unreadable-${new Date().toISOString().replaceAll(/[-:.]/g, "")}`;
  renameSync(stateFile, aside);
  const notice = `The state could not be read (${current.reason}); it is kept as ${aside}.`;
  if (!before?.ok)
    return { ...NOTHING, notices: [`${notice} There is no older one: no app is known.`] };
  return { ...before.state, notices: [`${notice} The one before it was taken instead.`] };
}

type Attempt =
  | { readonly ok: true; readonly state: SavedState }
  | { readonly ok: false; readonly reason: string };

function lastGood(file: string): string {
  return `${file}.last-good`;
}

/** Null where there is no file. */
function attempt(file: string): Attempt | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    return { ok: false, reason: (error as Error).message };
  }
  try {
    return { ok: true, state: stateIn(JSON.parse(text), file) };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "HF_STATE_NEWER") throw error;
    return { ok: false, reason: (error as Error).message };
  }
}

function stateIn(value: unknown, file: string): SavedState {
  const found = (value ?? {}) as { version?: unknown; isShutDown?: unknown; apps?: unknown };
  if (typeof found.version === "number" && found.version > VERSION) {
    throw new HoldfastError("HF_STATE_NEWER", { file, version: found.version });
  }
  if (found.version !== VERSION || !Array.isArray(found.apps)) throw new Error("it is no state");
  return { isShutDown: found.isShutDown === true, apps: found.apps.map(appIn) };
}

function appIn(value: unknown): SavedApp {
  const { options, environment, configFile, stopped } = (value ?? {}) as Record<string, unknown>;
  const parsed = parseConfig(options);
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  const [app] = parsed.value;
  if (!app) throw new Error("an app without options");
  return {
    options: app,
    environment: isVariables(environment) ? environment : null,
    configFile: typeof configFile === "string" ? configFile : null,
    stopped: stopped === true,
  };
}

function isVariables(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((each) => typeof each === "string")
  );
}
