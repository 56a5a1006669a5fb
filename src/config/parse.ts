/** Reads a configuration nobody vouches for: a fully defaulted app, or all its faults at once. Pure. */

import type { Fault } from "../errors.ts";
import type { AppOptions } from "./app.ts";
import { type KeyTable, keyTable, unknownKey } from "./keys.ts";
import { fault, formatDuration, type Kind } from "./kinds.ts";
import { defaultName, type NameSources } from "./name.ts";
import { OPTIONS, type Option } from "./options.ts";
import { below, contentsOf, type Entry, quote, received } from "./received.ts";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export interface ParseContext extends NameSources {
  /** How faults name an option: `drainTimeout`, the default, or `--drain-timeout` for a command line. */
  readonly paths?: "keys" | "flags";
}

/**
 * One app from a plain object: Holdfast's option names, or PM2's (`kill_timeout`, `killTimeout`).
 * A property that is undefined counts as not given. Never throws; every fault is reported, each
 * with its path: wrong values, unknown keys (with the nearest known one), options given twice.
 */
export function parseApp(input: unknown, context: ParseContext = {}): Parsed<AppOptions> {
  const { app, faults } = readApp(input, "", context);
  return app === null ? { ok: false, faults } : { ok: true, value: app };
}

/**
 * All apps of a configuration: one app, a list of apps, or `{ apps: [...] }`. Paths of faults start
 * with `apps[1]` where there is a list. Two apps with one name are a fault, so is an empty list.
 */
export function parseConfig(
  input: unknown,
  context: ParseContext = {},
): Parsed<readonly AppOptions[]> {
  const { inputs, faults } = appInputs(input);
  const read = inputs.map(({ value, at }) => ({ at, ...readApp(value, at, context) }));
  const all = [...faults, ...read.flatMap((each) => each.faults), ...sameNames(read)];
  if (all.length > 0) return { ok: false, faults: all };
  return { ok: true, value: read.flatMap(({ app }) => (app === null ? [] : [app])) };
}

interface AppReading {
  readonly app: AppOptions | null;
  /** Known even where something else is wrong, so that equal names are found all the same. */
  readonly name: string | null;
  readonly faults: readonly Fault[];
}

function readApp(input: unknown, at: string, context: ParseContext): AppReading {
  const contents = contentsOf(input);
  if (contents.type !== "record") {
    const got = contents.type === "unusable" ? contents.why : `received ${received(input)}`;
    const message = `${got}, expected an object with the options of an app`;
    return { app: null, name: null, faults: [{ path: at === "" ? "configuration" : at, message }] };
  }
  const { given, faults } = sortKeys(contents.entries, at, context);
  const values = new Map<string, unknown>();
  for (const [field, option] of Object.entries<Option<unknown>>(OPTIONS)) {
    const found = given.get(field);
    if (found === undefined) {
      if (option.default !== undefined) values.set(field, option.default);
      continue;
    }
    const reading = found.kind.read(found.value);
    if (reading.ok) values.set(field, reading.value);
    else
      faults.push(
        ...reading.faults.map(({ path, message }) => ({ path: found.at + path, message })),
      );
  }
  if (!given.has("script")) {
    const message = `is missing, expected ${OPTIONS.script.kind.expected}`;
    faults.push({ path: pathOf(at, "script", OPTIONS.script, context), message });
  }
  if (!given.has("name")) nameFromScript(values, context);
  // The table is typed by AppOptions, so a value from each of its readers is an AppOptions.
  const app = Object.fromEntries(values) as unknown as AppOptions;
  faults.push(...together(app, at, context));
  return { app: faults.length === 0 ? app : null, name: app.name ?? null, faults };
}

interface Given {
  readonly kind: Kind<unknown>;
  readonly value: unknown;
  readonly at: string;
}

const UNREADABLE: Kind<unknown> = {
  type: "unreadable",
  expected: "a plain value",
  read: () => fault("reading it throws an error, expected a plain value"),
  show: () => "",
};

/** Which option each key means; keys that mean none, or one that was given already, are faults. */
function sortKeys(
  entries: readonly Entry[],
  at: string,
  context: ParseContext,
): { given: ReadonlyMap<string, Given>; faults: Fault[] } {
  const table: KeyTable = keyTable();
  const given = new Map<string, Given & { key: string }>();
  const faults: Fault[] = [];
  for (const { key, value, readable } of entries) {
    if (readable && value === undefined) continue;
    const found = table.get(key);
    if (found === undefined) {
      faults.push({ path: below(at, key), message: unknownKey(key, table) });
      continue;
    }
    const path = pathOf(at, key, found.option, context);
    const earlier = given.get(found.field);
    if (earlier === undefined) {
      given.set(found.field, { key, kind: readable ? found.kind : UNREADABLE, value, at: path });
    } else {
      const message = `is the same option as ${earlier.key}, expected only one of them`;
      faults.push({ path, message });
    }
  }
  return { given, faults };
}

function pathOf(at: string, key: string, option: Option<unknown>, context: ParseContext): string {
  return context.paths === "flags" && "flag" in option.cli ? option.cli.flag : below(at, key);
}

function nameFromScript(values: Map<string, unknown>, context: ParseContext): void {
  const script = values.get("script");
  const cwd = values.get("cwd");
  if (typeof script !== "string" || typeof cwd !== "string") return;
  values.set("name", defaultName(script, cwd, context));
}

/** Faults of values that are right each by itself. */
function together(app: AppOptions, at: string, context: ParseContext): readonly Fault[] {
  if (!(app.backoffCapMs < app.backoffBaseMs)) return [];
  const message = `is ${formatDuration(app.backoffCapMs)}, expected at least backoffBase, which is ${formatDuration(app.backoffBaseMs)}`;
  return [{ path: pathOf(at, "backoffCap", OPTIONS.backoffCapMs, context), message }];
}

interface AppInput {
  readonly value: unknown;
  readonly at: string;
}

function appInputs(input: unknown): { inputs: readonly AppInput[]; faults: readonly Fault[] } {
  const contents = contentsOf(input);
  if (contents.type === "list") return listed(contents.items);
  const entries = contents.type === "record" ? contents.entries : [];
  const apps = entries.find(({ key }) => key === "apps");
  if (apps === undefined) return { inputs: [{ value: input, at: "" }], faults: [] };
  const faults = entries
    .filter(({ key, value }) => key !== "apps" && value !== undefined)
    .map(({ key }) => ({
      path: below("", key),
      message: 'is unknown beside "apps"; options belong to an app of the list',
    }));
  const list = contentsOf(apps.value);
  if (list.type === "list") {
    const found = listed(list.items);
    return { inputs: found.inputs, faults: [...faults, ...found.faults] };
  }
  const got = list.type === "unusable" ? list.why : `received ${received(apps.value)}`;
  const message = `${apps.readable ? got : "reading it throws an error"}, expected a list of apps`;
  return { inputs: [], faults: [...faults, { path: "apps", message }] };
}

function listed(items: readonly unknown[]): {
  inputs: readonly AppInput[];
  faults: readonly Fault[];
} {
  const empty = { path: "apps", message: "the list is empty, expected at least one app" };
  return {
    inputs: items.map((value, index) => ({ value, at: `apps[${index}]` })),
    faults: items.length === 0 ? [empty] : [],
  };
}

function sameNames(read: readonly { at: string; name: string | null }[]): readonly Fault[] {
  const seen = new Map<string, string>();
  return read.flatMap(({ at, name }) => {
    if (name === null) return [];
    const first = seen.get(name);
    if (first !== undefined) {
      return [
        { path: below(at, "name"), message: `${quote(name)} is already the name of ${first}` },
      ];
    }
    seen.set(name, at);
    return [];
  });
}
