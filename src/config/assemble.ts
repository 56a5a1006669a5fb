/** Makes an app of values that are right each by itself: defaults, parts, paths, and what must fit together. Pure. */

import type { Fault } from "../errors.ts";
import type { AppOptions, Watch } from "./app.ts";
import type { ParseContext } from "./context.ts";
import { formatDuration } from "./kinds.ts";
import { formatSize } from "./memory.ts";
import { defaultName, nameKind } from "./name.ts";
import { OPTIONS, type Option } from "./options.ts";
import { expandHome, join } from "./paths.ts";
import { starterNote } from "./pm2.ts";
import { type Pm2WatchOptions, watchOptionNote } from "./pm2-watch.ts";
import { below } from "./received.ts";
import { environmentIn } from "./variables.ts";
import { watchOf } from "./watch.ts";

export interface Assembly {
  /** By field; undefined where the value was faulty, so that what depends on it is left alone. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly named: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly context: ParseContext;
  /** Where a fault about a field belongs; `name` is the option's key where it was not given. */
  pathTo(field: string, name: string): string;
}

export interface Assembled {
  /** Whole only where no value was faulty. */
  readonly app: AppOptions;
  readonly faults: readonly Fault[];
  readonly notes: readonly Fault[];
}

export function assemble(assembly: Assembly): Assembled {
  const { values, context, pathTo } = assembly;
  const written = fieldsOf(values, context);
  const { env, faults, notes } = environmentIn(
    {
      files: (values.get("envFile") as readonly string[] | undefined) ?? [],
      filesAt: pathTo("envFile", "envFile"),
      env: written.env ?? {},
      named: assembly.named,
      port: (values.get("port") as number | null | undefined) ?? null,
    },
    context,
  );
  const named = nameIn(written, assembly);
  const app = {
    ...{ ...written, ...pathsOf(written, context), ...partsOf(written, values), env },
    name: named.name,
  };
  return {
    app,
    faults: [...faults, ...named.faults, ...together(app, pathTo)],
    notes: [...notes, ...advice(app, pathTo), ...watchNotes(assembly)],
  };
}

function fieldsOf(values: ReadonlyMap<string, unknown>, context: ParseContext): AppOptions {
  const fields = Object.entries<Option<unknown>>(OPTIONS).map(([field, option]) => {
    if (values.has(field)) return [field, values.get(field)];
    // One process, and no cluster's worker, is what PM2 makes of neither.
    const isPm2s = context.pm2Defaults === true && !values.has("instances");
    if (isPm2s && field === "instances") return [field, 1];
    return [field, isPm2s && field === "execMode" ? "fork" : option.default];
  });
  // The table is typed by AppOptions, so a value from each of its readers is an AppOptions.
  return Object.fromEntries(fields) as AppOptions;
}

/** As given or from the script, and with PM2's `append_env_to_name` the environment behind it. */
function nameIn(
  written: AppOptions,
  { values, context, pathTo }: Assembly,
): { readonly name: string; readonly faults: readonly Fault[] } {
  const name = values.has("name") ? written.name : nameOf(written, context);
  const isAppended = values.get("append_env_to_name") === true && context.envName !== undefined;
  if (!isAppended || typeof name !== "string") return { name, faults: [] };
  const reading = nameKind.read(`${name}-${context.envName}`);
  if (reading.ok) return { name: reading.value, faults: [] };
  const path = pathTo("append_env_to_name", "append_env_to_name");
  return { name, faults: reading.faults.map(({ message }) => ({ path, message })) };
}

function nameOf({ script, cwd }: AppOptions, context: ParseContext): string {
  return typeof script === "string" && typeof cwd === "string"
    ? defaultName(script, cwd, context)
    : (undefined as unknown as string);
}

/** Absolute where it is known where they start. */
function pathsOf(written: AppOptions, { directory, home }: ParseContext): Partial<AppOptions> {
  const place = (from: string | undefined, path: string | null | undefined) => {
    if (typeof path !== "string") return path;
    const expanded = expandHome(path, home);
    return from === undefined ? expanded : join(from, expanded);
  };
  const cwd = place(directory, written.cwd) as string;
  const from = directory === undefined ? undefined : cwd;
  const { interpreter } = written;
  const isPath = typeof interpreter === "string" && interpreter.includes("/");
  return {
    cwd,
    outFile: place(from, written.outFile) as string | null,
    errorFile: place(from, written.errorFile) as string | null,
    interpreter: isPath ? (place(from, interpreter) as string) : interpreter,
  };
}

const SOURCE_MAPS = "--enable-source-maps";

/** What PM2 spreads over several keys. */
function partsOf(
  { watch, outFile, errorFile, nodeArgs }: AppOptions,
  values: ReadonlyMap<string, unknown>,
): Partial<AppOptions> {
  const ignore = (values.get("ignore_watch") ?? watchOptionsIn(values)?.ignore ?? undefined) as
    | readonly string[]
    | undefined;
  const delayMs = values.get("watch_delay") as number | undefined;
  const parts: Partial<Watch> = {
    ...watch,
    ...(ignore === undefined ? {} : { ignore }),
    ...(delayMs === undefined ? {} : { delayMs }),
  };
  const areMapped = values.get("source_map_support") === true && !nodeArgs?.includes(SOURCE_MAPS);
  const none = values.get("disable_logs") === true ? "/dev/null" : null;
  return {
    ...(areMapped ? { nodeArgs: [...(nodeArgs ?? []), SOURCE_MAPS] } : {}),
    // Without `watch` PM2's other keys say nothing.
    ...(watch ? { watch: watchOf(parts) } : {}),
    ...(none !== null && outFile === null ? { outFile: none } : {}),
    ...(none !== null && errorFile === null ? { errorFile: none } : {}),
  };
}

function watchOptionsIn(values: ReadonlyMap<string, unknown>): Pm2WatchOptions | undefined {
  return values.get("watch_options") as Pm2WatchOptions | undefined;
}

function watchNotes({ values, pathTo }: Assembly): readonly Fault[] {
  const at = pathTo("watch_options", "watch_options");
  const others = watchOptionsIn(values)?.others ?? [];
  return others.map((key) => ({ path: below(at, key), message: watchOptionNote(key) }));
}

const FORKED =
  'needs execMode "cluster", and it is "fork", which is also what a file named ecosystem.* means without instances';

/** Faults of values that are right each by itself. */
function together(app: AppOptions, pathTo: Assembly["pathTo"]): readonly Fault[] {
  const { backoffCapMs, backoffBaseMs, maxMemoryBytes, maxMemoryHardBytes } = app;
  const faults: Fault[] = [];
  if (backoffCapMs < backoffBaseMs) {
    const message = `is ${formatDuration(backoffCapMs)}, expected at least backoffBase, which is ${formatDuration(backoffBaseMs)}`;
    faults.push({ path: pathTo("backoffCapMs", "backoffCap"), message });
  }
  // Where either could not be read, that is the fault to mend first.
  if (maxMemoryBytes && maxMemoryHardBytes && maxMemoryHardBytes < maxMemoryBytes) {
    const message = `is ${formatSize(maxMemoryHardBytes)}, expected at least maxMemory, which is ${formatSize(maxMemoryBytes)}`;
    faults.push({ path: pathTo("maxMemoryHardBytes", "maxMemoryHard"), message });
  }
  if (app.sticky && app.execMode === "fork") {
    faults.push({ path: pathTo("sticky", "sticky"), message: FORKED });
  }
  return faults;
}

function advice(app: AppOptions, pathTo: Assembly["pathTo"]): readonly Fault[] {
  const starter = typeof app.script === "string" ? starterNote(app.script) : null;
  const isForked = app.execMode === "fork" && app.instances !== 1 && app.incrementVar === null;
  const fork =
    'is "fork", and instances share the ports they listen on all the same: give incrementVar for a port each';
  return [
    ...(starter === null ? [] : [{ path: pathTo("script", "script"), message: starter }]),
    ...(isForked ? [{ path: pathTo("execMode", "execMode"), message: fork }] : []),
  ];
}
