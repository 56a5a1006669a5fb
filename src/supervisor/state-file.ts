/** What should run, on disk: versioned, replaced atomically, and never thrown away when it cannot be read. */

import { readFileSync, renameSync } from "node:fs";
import { type AdminOptions, adminInput, readAdmin } from "../config/admin.ts";
import type { AppOptions } from "../config/app.ts";
import { type BusOptions, busInput, readBus } from "../config/bus.ts";
import { HEIR_DEFAULT, readHeir } from "../config/heir.ts";
import { inputOf } from "../config/input.ts";
import type { Reading } from "../config/kinds.ts";
import { clean, nameKind } from "../config/name.ts";
import { type Beside, parseConfig } from "../config/parse.ts";
import { HoldfastError } from "../errors.ts";
import { replaceFile } from "../system/atomic-file.ts";
import type { Home } from "../system/home.ts";

const VERSION = 1;

/** What somebody has written about an app. */
export interface Written {
  readonly options: AppOptions;
  /** The variables it inherits; null: those of the supervisor. */
  readonly environment: Readonly<Record<string, string>> | null;
  readonly configFile: string | null;
}

/** An app that should be there. */
export interface SavedApp extends Written {
  /** It should not run until it is started again. */
  readonly stopped: boolean;
  /** It was shut down by command together with its supervisor: it waits for `start` or `resurrect`. */
  readonly dormant: boolean;
  /** A reload is to show whether these hold from now on; null: none is under way. */
  readonly trial: Written | null;
}

export interface LoadedState {
  readonly apps: readonly SavedApp[];
  readonly admin: AdminOptions | null;
  readonly bus: BusOptions | null;
  /** A standby process takes over when this one is killed. */
  readonly heir: boolean;
  /** What was found wrong and done about it, for people. */
  readonly notices: readonly string[];
}

const GONE = "The state was gone; the one before it was taken instead.";
const NOTHING: LoadedState = {
  ...{ apps: [], admin: null, bus: null, heir: HEIR_DEFAULT },
  notices: [],
};

/** Writes the state; the one of before stays beside it. Throws HF_STATE_UNWRITABLE; the old state is whole then. */
export function saveState(
  { stateFile }: Home,
  apps: readonly SavedApp[],
  { admin = null, bus = null, heir = HEIR_DEFAULT }: Beside = {},
): void {
  const saved = {
    version: VERSION,
    // For versions that know of no `dormant`: none starts there rather than one that should not.
    isShutDown: apps.some(({ dormant }) => dormant),
    ...{ admin: adminInput(admin), bus: busInput(bus), heir },
    apps: apps.map((app) => ({
      ...app,
      ...writtenOf(app),
      trial: app.trial && writtenOf(app.trial),
    })),
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
  if (current?.ok) return current.state;
  const before = attempt(lastGood(stateFile));
  if (current === null) return before?.ok ? noticed(before.state, GONE) : NOTHING;
  const aside = `${stateFile}.unreadable-${new Date().toISOString().replaceAll(/[-:.]/g, "")}`;
  renameSync(stateFile, aside);
  const notice = `The state could not be read (${current.reason}); it is kept as ${aside}.`;
  if (!before?.ok) return noticed(NOTHING, `${notice} There is no older one: no app is known.`);
  return noticed(before.state, `${notice} The one before it was taken instead.`);
}

/** Why this Holdfast could not go on with the state as it is; null where it could. Changes nothing. Throws HF_STATE_NEWER. */
export function stateFault({ stateFile }: Home): string | null {
  const found = attempt(stateFile);
  return found === null || found.ok ? null : found.reason;
}

function noticed(state: LoadedState, first: string): LoadedState {
  return { ...state, notices: [first, ...state.notices] };
}

type Attempt =
  | { readonly ok: true; readonly state: LoadedState }
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

function stateIn(value: unknown, file: string): LoadedState {
  const found = (value ?? {}) as Raw;
  if (typeof found.version === "number" && found.version > VERSION) {
    throw new HoldfastError("HF_STATE_NEWER", { file, version: found.version });
  }
  if (found.version !== VERSION || !Array.isArray(found.apps)) throw new Error("it is no state");
  const { apps, notices } = renamed(found.apps);
  return {
    apps: apps.map((app) => appIn(app, found.isShutDown === true)),
    admin: besideIn(found.admin, readAdmin),
    bus: besideIn(found.bus, readBus),
    heir: besideIn(found.heir, readHeir) ?? HEIR_DEFAULT,
    notices,
  };
}

type Raw = Readonly<Record<string, unknown>>;

/** Earlier versions allowed names that no command can mean: such an app goes on under another one. */
function renamed(found: readonly unknown[]): { apps: readonly Raw[]; notices: readonly string[] } {
  const read = found.map((app) => {
    const raw = (app ?? {}) as Raw;
    return { raw, options: (raw.options ?? {}) as Raw };
  });
  const names = new Map<unknown, string>();
  const taken = new Set(read.map(({ options }) => options.name));
  for (const { options } of read) {
    if (typeof options.name !== "string" || nameKind.read(options.name).ok) continue;
    let name = clean(options.name) || "app";
    while (taken.has(name)) name += "-app";
    taken.add(name);
    names.set(options.name, name);
  }
  const nameOf = (name: unknown): unknown => names.get(name) ?? name;
  const apps = read.map(({ raw, options }) => {
    const dependsOn = Array.isArray(options.dependsOn) ? options.dependsOn.map(nameOf) : undefined;
    const namespace = allowed(options.namespace);
    const input = { ...options, name: nameOf(options.name), namespace, dependsOn };
    return { ...raw, options: input };
  });
  const notices = [...names].map(
    ([before, now]) => `The app "${before}" is called "${now}" now: commands could not mean it.`,
  );
  return { apps, notices };
}

function allowed(name: unknown): unknown {
  return typeof name === "string" ? clean(name) || name : name;
}

/** Earlier versions have none. */
function besideIn<T>(found: unknown, read: (value: unknown) => Reading<T | null>): T | null {
  if (found === undefined) return null;
  const reading = read(found);
  if (reading.ok) return reading.value;
  throw new HoldfastError("HF_CONFIG_INVALID", { faults: reading.faults });
}

/** `isShutDown`: what earlier versions wrote for all apps at once. */
function appIn({ stopped, dormant, trial, ...written }: Raw, isShutDown: boolean): SavedApp {
  return {
    ...writtenIn(written),
    stopped: stopped === true,
    dormant: stopped !== true && (typeof dormant === "boolean" ? dormant : isShutDown),
    trial: typeof trial === "object" && trial !== null ? writtenIn(trial as Raw) : null,
  };
}

function writtenOf({ options, environment, configFile }: Written): object {
  return { options: inputOf(options), environment, configFile };
}

function writtenIn({ options, environment, configFile }: Raw): Written {
  const parsed = parseConfig(options);
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  const [app] = parsed.value;
  if (!app) throw new Error("an app without options");
  return {
    options: app,
    environment: isVariables(environment) ? environment : null,
    configFile: typeof configFile === "string" ? configFile : null,
  };
}

function isVariables(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((each) => typeof each === "string")
  );
}
