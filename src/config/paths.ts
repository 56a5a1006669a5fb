/** Paths as text. Pure: nothing is looked up, links are not followed. */

/** `to` as seen from `from`, without ".", ".." and empty parts; an absolute `to` is taken as it is. */
export function join(from: string, to: string): string {
  const parts: string[] = [];
  const whole = to.startsWith("/") ? to : `${from}/${to}`;
  for (const part of whole.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  const isAbsolute = to.startsWith("/") || from.startsWith("/");
  return `${isAbsolute ? "/" : ""}${parts.join("/")}`;
}

/** `path` below `home` where it starts with "~/", as PM2 and shells read it; as given where no home is known. */
export function expandHome(path: string, home: string | undefined): string {
  if (home === undefined) return path;
  if (path === "~") return home;
  return path.startsWith("~/") ? join(home, path.slice(2)) : path;
}
