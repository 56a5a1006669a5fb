/** Reads a configuration nobody vouches for: fully defaulted apps, or all their faults at once. Pure. */

import type { Fault } from "../errors.ts";
import { type AdminOptions, readAdmin } from "./admin.ts";
import type { AppOptions } from "./app.ts";
import { type BusOptions, readBus } from "./bus.ts";
import type { ParseContext } from "./context.ts";
import { dependencyFaults } from "./dependencies.ts";
import { readHeir } from "./heir.ts";
import { keyTable } from "./keys.ts";
import { accept, fault, type Reading } from "./kinds.ts";
import { type AppReading, readApp } from "./read-app.ts";
import { below, type Entry, quote } from "./received.ts";
import { ADMIN, BUS, HEIR, shapeOf } from "./shape.ts";
import { environmentFaults } from "./variables.ts";

export type { ParseContext } from "./context.ts";

/** What is worth knowing though it is no fault: a key of PM2 without effect, and what to do instead. */
export type Note = Fault;

export type Parsed<T> = { readonly notes: readonly Note[] } & (
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] }
);

/**
 * One app from a plain object: Holdfast's option names, or PM2's (`kill_timeout`, `killTimeout`).
 * A property that is undefined counts as not given. Never throws; every fault is reported, each
 * with its path: wrong values, unknown keys (with the nearest known one), options given twice.
 */
export function parseApp(input: unknown, context: ParseContext = {}): Parsed<AppOptions> {
  const reading = readApp(input, "", context, keyTable());
  const faults = [...reading.faults, ...across([reading], context)];
  const notes = once(reading.notes);
  return reading.app === null || faults.length > 0
    ? { ok: false, faults, notes }
    : { ok: true, value: reading.app, notes };
}

/** A configuration as a whole. */
export interface Setup {
  readonly apps: readonly AppOptions[];
  /** Null: switched off; undefined: nothing is said about it. */
  readonly admin: AdminOptions | null | undefined;
  readonly bus: BusOptions | null | undefined;
  /** Of a background supervisor; undefined: nothing is said about it. */
  readonly heir: boolean | undefined;
}

/** What stands beside the apps. */
export type Beside = Partial<Omit<Setup, "apps">>;

/** The apps as `parseConfig` reads them, and what stands beside them. */
export function parseSetup(input: unknown, context: ParseContext = {}): Parsed<Setup> {
  const shape = shapeOf(input);
  const admin = readBeside(ADMIN, shape.admin, (value) => readAdmin(value, context));
  const bus = readBeside(BUS, shape.bus, (value) => readBus(value, context));
  const heir = readBeside(HEIR, shape.heir, readHeir);
  const parsed = parseConfig(input, context);
  const faults = [
    ...(parsed.ok ? [] : parsed.faults),
    ...(admin.ok ? [] : admin.faults),
    ...(bus.ok ? [] : bus.faults),
    ...(heir.ok ? [] : heir.faults),
  ];
  const { notes } = parsed;
  if (!parsed.ok || !admin.ok || !bus.ok || !heir.ok) return { ok: false, faults, notes };
  const beside = { admin: admin.value, bus: bus.value, heir: heir.value };
  return { ok: true, value: { apps: parsed.value, ...beside }, notes };
}

/** Undefined where nothing is given. */
function readBeside<T>(
  key: string,
  given: Entry | null,
  read: (value: unknown) => Reading<T>,
): Reading<T | undefined> {
  if (given === null) return accept(undefined);
  const reading = given.readable ? read(given.value) : fault("reading it throws an error");
  if (reading.ok) return reading;
  const faults = reading.faults.map((each) => ({ ...each, path: `${key}${each.path}` }));
  return { ok: false, faults };
}

/**
 * All apps of a configuration: one app, a list of apps, or `{ apps: [...] }`. Paths of faults start
 * with `apps[1]` where there is a list. Two apps with one name are a fault, so are an empty list, a
 * circle of `dependsOn`, and an `envName` no app knows. Of one note that several apps give, the first is told.
 */
export function parseConfig(
  input: unknown,
  context: ParseContext = {},
): Parsed<readonly AppOptions[]> {
  const shape = shapeOf(input);
  const table = keyTable();
  const read = shape.inputs.map(({ value, at }) => readApp(value, at, context, table));
  const notes = once([...shape.notes, ...read.flatMap((each) => each.notes)]);
  const faults = [
    ...shape.faults,
    ...read.flatMap((each) => each.faults),
    ...sameNames(read),
    ...across(read, context),
  ];
  if (faults.length > 0) return { ok: false, faults, notes };
  return { ok: true, value: read.flatMap(({ app }) => (app === null ? [] : [app])), notes };
}

/** Faults that no app has alone. */
function across(read: readonly AppReading[], context: ParseContext): readonly Fault[] {
  const environments = read.flatMap((each) => each.environments);
  return [
    ...dependencyFaults(read, context.isWhole === true),
    ...(read.length === 0 ? [] : environmentFaults(context.envName, environments)),
  ];
}

function once(notes: readonly Note[]): readonly Note[] {
  const seen = new Set<string>();
  return notes.filter(({ message, path }) => {
    const key = `${path.replace(/^.*[.\]]/, "")} ${message}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

function sameNames(read: readonly AppReading[]): readonly Fault[] {
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
