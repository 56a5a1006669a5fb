/**
 * PM2's keys that are no option here: those that are part of one, and those without a counterpart, with
 * what to do instead. Pure data; names that mean an option as a whole stand beside it in the tables.
 */

import { flag, type Kind } from "./kinds.ts";
import { pm2WatchOptions } from "./pm2-watch.ts";
import { watchDelay, watchPaths } from "./watch.ts";

export interface Part {
  readonly kind: Kind<unknown>;
  /** The option it goes into. */
  readonly option: string;
  /** For people: what becomes of it. */
  readonly becomes: string;
}

/** By PM2's name; also read in camelCase. */
export const PM2_PARTS: ReadonlyMap<string, Part> = new Map<string, Part>([
  ["ignore_watch", { kind: watchPaths, option: "watch", becomes: "`ignore` of `watch`" }],
  ["watch_delay", { kind: watchDelay, option: "watch", becomes: "`delay` of `watch`" }],
  [
    "watch_options",
    {
      kind: pm2WatchOptions,
      option: "watch",
      becomes: "its `ignored` is `ignore` of `watch`; each other key is a note",
    },
  ],
  [
    "append_env_to_name",
    {
      kind: flag(),
      option: "name",
      becomes: "where it is true, `--env production` makes the name end in `-production`",
    },
  ],
  [
    "source_map_support",
    {
      kind: flag(),
      option: "nodeArgs",
      becomes:
        "`nodeArgs` has `--enable-source-maps` where it is true; left out means no, unlike in PM2",
    },
  ],
  [
    "disable_logs",
    {
      kind: flag(),
      option: "outFile",
      becomes: "`outFile` and `errorFile` are `/dev/null` where it is true",
    },
  ],
]);

const STAMPS = "apps write their own timestamps, Holdfast adds none to their output; remove it";
const NO_APM = "Holdfast puts no monitoring of PM2's into the app; remove it";
const GROUP = "a worker is ended with all it has started; remove it";

/** What stands in a note about each key that has no effect. */
export const PM2_NOTES: ReadonlyMap<string, string> = new Map([
  ["name_prefix", "write the whole name into name; namespace puts apps together"],
  ["filter_env", "set the variables to empty ones in env, or start Holdfast without them"],
  ["log_file", "standard output and standard error are kept apart; use outFile and errorFile"],
  ["log", "standard output and standard error are kept apart; use outFile and errorFile"],
  ["log_type", "what the app writes is kept as it is; remove it"],
  ["log_date_format", STAMPS],
  ["time", STAMPS],
  ["pid_file", "no file is written for a worker; `holdfast list --json` tells its pid"],
  ["pid", "no file is written for a worker; `holdfast list --json` tells its pid"],
  ["kill_retry_time", GROUP],
  ["treekill", GROUP],
  [
    "disable_source_map_support",
    "source maps are off unless source_map_support or nodeArgs asks for them; remove it",
  ],
  ["vizion", "versions are not read from Git; remove it"],
  ["pmx", NO_APM],
  ["automation", NO_APM],
  ["trace", NO_APM],
  ["disable_trace", NO_APM],
  ["v8", NO_APM],
  ["event_loop_inspector", NO_APM],
  ["deep_monitoring", NO_APM],
  ["io", NO_APM],
  ["post_update", "run these commands before `holdfast reload`"],
  ["force", "give the second app another name instead"],
  ["windowsHide", "there are no windows here; remove it"],
  ["install_url", "Holdfast installs nothing; remove it"],
  ["execute_command", "name what runs in script; remove it"],
  ["write", "the configuration file is never written to; remove it"],
  ["username", "use uid, which names the user the workers run as"],
]);

/** The same for what stands beside the apps. */
export const PM2_FILE_NOTES: ReadonlyMap<string, string> = new Map([
  ["deploy", "Holdfast does not deploy: put the new code in place, then `holdfast reload`"],
  ["static", "Holdfast serves no files: give that to a web server, or to an app of its own"],
]);

/** Programs that start another one: what they start would be nobody's worker. */
const STARTERS: ReadonlySet<string> = new Set([
  "npm",
  "npx",
  "yarn",
  "pnpm",
  "pnpx",
  "node",
  "bun",
]);

/** A note about a script that is not the app itself; null where it may be. */
export function starterNote(script: string): string | null {
  const first = script.trim().split(/\s+/, 1)[0] ?? "";
  if (!STARTERS.has(first)) return null;
  return first === "node"
    ? 'names "node" as the script; name the file alone, and put the rest into args and nodeArgs'
    : `names "${first}", which only starts the app; name what it starts: a file, or a command such as "next start"`;
}

/** `kill_timeout` is also read as `killTimeout`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
