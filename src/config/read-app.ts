/** Reads one app: which option each key means, its value, and what all of them together make. Pure. */

import type { Fault } from "../errors.ts";
import type { AppOptions } from "./app.ts";
import { assemble } from "./assemble.ts";
import type { ParseContext } from "./context.ts";
import { variables } from "./environment.ts";
import { pm2InstancesKind } from "./instances.ts";
import { environmentOf, type KeyTable, keyNote, unknownKey } from "./keys.ts";
import { fault, type Kind } from "./kinds.ts";
import { OPTIONS } from "./options.ts";
import { below, contentsOf, type Entry, received } from "./received.ts";

export interface AppReading {
  readonly at: string;
  readonly app: AppOptions | null;
  /** These are known even where something else is wrong, so that faults across apps are found all the same. */
  readonly name: string | null;
  readonly dependsOn: readonly string[];
  /** The names of its `env_<name>`. */
  readonly environments: readonly string[];
  readonly faults: readonly Fault[];
  readonly notes: readonly Fault[];
}

/** Never throws; `at` is where the app stands: `apps[1]`, or "". */
export function readApp(
  input: unknown,
  at: string,
  context: ParseContext,
  table: KeyTable,
): AppReading {
  const contents = contentsOf(input);
  if (contents.type !== "record") {
    const got = contents.type === "unusable" ? contents.why : `received ${received(input)}`;
    const message = `${got}, expected an object with the options of an app`;
    const faults = [{ path: at === "" ? "configuration" : at, message }];
    return { at, app: null, name: null, dependsOn: [], environments: [], faults, notes: [] };
  }
  const sorted = sortKeys(contents.entries, { at, context, table });
  const { values, named, faults } = readValues(sorted);
  if (!sorted.given.has("script")) {
    const message = `is missing, expected ${OPTIONS.script.kind.expected}`;
    faults.push({ path: pathOf("script", { at, context, table }), message });
  }
  const pathTo = (field: string, name: string): string =>
    sorted.given.get(field)?.at ?? pathOf(name, { at, context, table });
  const made = assemble({ values, named, context, pathTo });
  const all = [...sorted.faults, ...faults, ...made.faults];
  return {
    at,
    app: all.length === 0 ? made.app : null,
    name: made.app.name ?? null,
    dependsOn: made.app.dependsOn ?? [],
    environments: [...sorted.named.keys()],
    faults: all,
    notes: [...sorted.notes, ...made.notes],
  };
}

interface Place {
  readonly at: string;
  readonly context: ParseContext;
  readonly table: KeyTable;
}

interface Given {
  readonly key: string;
  readonly kind: Kind<unknown>;
  readonly value: unknown;
  readonly at: string;
}

interface Sorted {
  readonly given: ReadonlyMap<string, Given>;
  /** By environment, the values of `env_<name>`. */
  readonly named: ReadonlyMap<string, Given>;
  readonly faults: readonly Fault[];
  readonly notes: readonly Fault[];
}

const UNREADABLE: Kind<unknown> = {
  type: "unreadable",
  expected: "a plain value",
  read: () => fault("reading it throws an error, expected a plain value"),
  show: () => "",
  schema: {},
};

/** Which option each key means; keys that mean none, or one that was given already, are faults. */
function sortKeys(entries: readonly Entry[], place: Place): Sorted {
  const given = new Map<string, Given>();
  const named = new Map<string, Given>();
  const faults: Fault[] = [];
  const notes: Fault[] = [];
  for (const { key, value, readable } of entries) {
    // An editor's line about the file's schema is no option.
    if ((readable && value === undefined) || key === "$schema") continue;
    const at = pathOf(key, place);
    const environment = environmentOf(key);
    const found = place.table.get(key);
    if (environment !== null) {
      named.set(environment, { key, kind: readable ? variables() : UNREADABLE, value, at });
    } else if (found === undefined) {
      const message = keyNote(key);
      if (message !== null) notes.push({ path: at, message });
      else faults.push({ path: at, message: unknownKey(key, place.table) });
    } else {
      const kind = place.context.pm2Defaults && key === "instances" ? pm2InstancesKind : found.kind;
      const earlier = given.get(found.field);
      const message = `is the same option as ${earlier?.key}, expected only one of them`;
      if (earlier !== undefined) faults.push({ path: at, message });
      else given.set(found.field, { key, kind: readable ? kind : UNREADABLE, value, at });
    }
  }
  return { given, named, faults, notes };
}

function pathOf(key: string, { at, context, table }: Place): string {
  const flag = context.paths === "flags" ? table.get(key)?.flag : null;
  return flag ?? below(at, key);
}

interface Values {
  readonly values: Map<string, unknown>;
  readonly named: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly faults: Fault[];
}

function readValues({ given, named }: Sorted): Values {
  const faults: Fault[] = [];
  const read = ({ kind, value, at }: Given): unknown => {
    const reading = kind.read(value);
    if (reading.ok) return reading.value;
    faults.push(...reading.faults.map(({ path, message }) => ({ path: at + path, message })));
    return undefined;
  };
  const values = new Map([...given].map(([field, each]) => [field, read(each)] as const));
  const environments = [...named].map(
    ([name, each]) => [name, (read(each) ?? {}) as Readonly<Record<string, string>>] as const,
  );
  return { values, named: new Map(environments), faults };
}
