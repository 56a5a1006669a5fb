/** What an app is called that was given no name. Pure: what the disk knows comes in as a function. */

export interface NameSources {
  /** Where relative paths start: the configuration file's folder, or where the command was given. */
  readonly directory?: string;
  /** The package name of a directory, null where it has none or is no directory; must not throw. */
  packageNameOf?(directory: string): string | null;
}

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

function join(from: string, to: string): string {
  const parts: string[] = [];
  const whole = to.startsWith("/") ? to : `${from}/${to}`;
  for (const part of whole.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  const isAbsolute = to.startsWith("/") || from.startsWith("/");
  return `${isAbsolute ? "/" : ""}${parts.join("/")}`;
}

function safe(name: string): string {
  const clean = name
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-]+|[-]+$/g, "")
    .slice(0, 64);
  // "." and ".." would be paths where a name becomes a file's name.
  return /^\.*$/.test(clean) ? "app" : clean;
}
