/** Makes an app of values that are right each by itself: defaults, parts, paths, and what must fit together. Pure. */

import type { Fault } from "../errors.ts";
import type { AppOptions, Watch } from "./app.ts";
import type { ParseContext } from "./context.ts";
import { formatDuration } from "./kinds.ts";
import { defaultName } from "./name.ts";
import { OPTIONS, type Option } from "./options.ts";
import { expandHome, join } from "./paths.ts";
import { starterNote } from "./pm2.ts";
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
  const app = { ...written, ...pathsOf(written, context), ...partsOf(written, values), env };
  return {
    app: values.has("name") ? app : { ...app, name: nameOf(written, context) },
    faults: [...faults, ...together(app, pathTo)],
    notes: [...notes, ...advice(app, pathTo)],
  };
}

function fieldsOf(values: ReadonlyMap<string, unknown>, context: ParseContext): AppOptions {
  const fields = Object.entries<Option<unknown>>(OPTIONS).map(([field, option]) => {
    if (values.has(field)) return [field, values.get(field)];
    const isPm2s = field === "instances" && context.pm2Defaults === true;
    return [field, isPm2s ? 1 : option.default];
  });
  // The table is typed by AppOptions, so a value from each of its readers is an AppOptions.
  return Object.fromEntries(fields) as AppOptions;
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

/** What PM2 spreads over several keys. */
function partsOf(
  { watch, outFile, errorFile }: AppOptions,
  values: ReadonlyMap<string, unknown>,
): Partial<AppOptions> {
  const ignore = (values.get("ignore_watch") ?? values.get("watch_options")) as
    | readonly string[]
    | undefined;
  const delayMs = values.get("watch_delay") as number | undefined;
  const parts: Partial<Watch> = {
    ...watch,
    ...(ignore === undefined ? {} : { ignore }),
    ...(delayMs === undefined ? {} : { delayMs }),
  };
  const none = values.get("disable_logs") === true ? "/dev/null" : null;
  return {
    // Without `watch` PM2's other keys say nothing.
    ...(watch ? { watch: watchOf(parts) } : {}),
    ...(none !== null && outFile === null ? { outFile: none } : {}),
    ...(none !== null && errorFile === null ? { errorFile: none } : {}),
  };
}

/** Faults of values that are right each by itself. */
function together(app: AppOptions, pathTo: Assembly["pathTo"]): readonly Fault[] {
  if (!(app.backoffCapMs < app.backoffBaseMs)) return [];
  const message = `is ${formatDuration(app.backoffCapMs)}, expected at least backoffBase, which is ${formatDuration(app.backoffBaseMs)}`;
  return [{ path: pathTo("backoffCapMs", "backoffCap"), message }];
}

function advice(app: AppOptions, pathTo: Assembly["pathTo"]): readonly Fault[] {
  const starter = typeof app.script === "string" ? starterNote(app.script) : null;
  const isForked = app.execMode === "fork" && app.instances !== 1 && app.incrementVar === null;
  const fork =
    'is "fork", in which instances bind their ports each for itself: give incrementVar for a port each, or use "cluster"';
  return [
    ...(starter === null ? [] : [{ path: pathTo("script", "script"), message: starter }]),
    ...(isForked ? [{ path: pathTo("execMode", "execMode"), message: fork }] : []),
  ];
}
