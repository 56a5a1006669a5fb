/** What an app may be called, and what one is called that was given no name. Pure: what the disk knows comes in as a function. */

import { accept, fault, type Kind, refuse } from "./kinds.ts";
import { join } from "./paths.ts";
import { quote } from "./received.ts";

/** Words of commands that mean something else: every app, or the apps of a configuration file. */
const TAKEN = /^all$|\.(?:json|ya?ml)$|\.config\.(?:jsonc|[cm]?[jt]s)$/;
const NAME = new RegExp(`^(?!.*(?:${TAKEN.source}))[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$`);
const EXPECTED =
  '1 to 64 letters, digits, ".", "_" or "-", not starting with "-"; not "all", and nothing that looks like a configuration file';

export interface NameSources {
  /** Where relative paths start: the configuration file's folder, or where the command was given. */
  readonly directory?: string;
  /** The package name of a directory, null where it has none or is no directory; must not throw. */
  packageNameOf?(directory: string): string | null;
}

/** A name of an app or a namespace; a fault proposes the nearest one that is allowed. */
export const nameKind: Kind<string> = {
  type: "name",
  expected: EXPECTED,
  read: (value) => {
    if (typeof value !== "string") return refuse(value, EXPECTED);
    if (NAME.test(value)) return accept(value);
    // Only a sensible length is looked at: the name may be megabytes.
    const near = clean(value.slice(0, 200));
    const proposal = near === "" ? "" : `, such as ${quote(near)}`;
    return fault(`received ${quote(value)}, expected ${EXPECTED}${proposal}`);
  },
  show: (value) => value,
  schema: { type: "string", pattern: NAME.source },
};

const SCRIPT_EXTENSION = /\.(?:[cm]?[jt]s|[jt]sx)$/i;

/**
 * The script's base name without extension; for a directory its package's name, without the scope,
 * or its own. Characters a name may not have become "-"; "app" where nothing is left.
 */
export function defaultName(script: string, cwd: string, sources: NameSources = {}): string {
  const path = join(join(sources.directory ?? "", cwd), command(script));
  const base = path.split("/").findLast((part) => part !== "") ?? "";
  if (SCRIPT_EXTENSION.test(base)) return safe(base.replace(SCRIPT_EXTENSION, ""));
  const packageName = sources.packageNameOf?.(path === "" ? "." : path) ?? base;
  return safe(packageName.split("/").at(-1) ?? "");
}

/** `next` of "next start": only a bare word can be a package's command, so paths may hold blanks. */
function command(script: string): string {
  const first = script.trim().split(/\s+/)[0] ?? script;
  return first.includes("/") || SCRIPT_EXTENSION.test(script) ? script : first;
}

function safe(name: string): string {
  return clean(name) || "app";
}

/** The nearest name that is allowed; empty where nothing of it may stand in a name. */
export function clean(name: string): string {
  const allowed = name
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .slice(0, 64)
    .replace(TAKEN, (taken) => (taken === "all" ? "all-app" : taken.replaceAll(".", "-")))
    .replace(/^[-]+|[-]+$/g, "");
  // "." and ".." would be paths where a name becomes a file's name.
  return /^\.*$/.test(allowed) ? "" : allowed;
}
