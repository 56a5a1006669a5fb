/** Patterns with `*` and `?`, matched against names and paths. Pure. */

/** Greedy with one step back, so that no pattern takes more than its length times the name's in steps. */
export function matches(glob: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let pos = 0;
  while (pos < name.length) {
    if (glob[at] === "*") {
      star = at;
      resume = pos;
      at += 1;
    } else if (at < glob.length && (glob[at] === "?" || glob[at] === name[pos])) {
      at += 1;
      pos += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      pos = resume;
    } else return false;
  }
  while (glob[at] === "*") at += 1;
  return at === glob.length;
}

/**
 * Whether a path, relative to what is watched, is left out: a pattern fits one of its names, the path, or a
 * folder it lies in. `**` means what `*` does, which here crosses slashes.
 */
export function isIgnored(path: string, patterns: readonly string[]): boolean {
  const names = path.split("/").filter((name) => name !== "" && name !== "." && name !== "..");
  const folders = names.map((_, index) => names.slice(0, index + 1).join("/"));
  return patterns.some((given) => {
    const pattern = given.replace(/^\.\//, "").replace(/\/+$/, "").replaceAll("**", "*");
    return [...names, ...folders].some((each) => matches(pattern, each));
  });
}
