/** Paths that are right today and gone after the next update of something. Pure. */

import { posix } from "node:path";

const PLACES: readonly (readonly [RegExp, string])[] = [
  [/\/fnm_multishells\//, "belongs to one shell of fnm and goes with it"],
  [
    /\/\.nvm\/|\/nvm\/versions\//,
    "belongs to nvm, which removes it when that version is uninstalled",
  ],
  [/\/fnm\/|\/\.fnm\//, "belongs to fnm, which removes it when that version is uninstalled"],
  [/\/\.volta\//, "belongs to volta, which removes it when that version is uninstalled"],
  [
    /\/\.(?:asdf|nodenv)\/|\/mise\/installs\//,
    "belongs to a version manager, which removes it when that version is uninstalled",
  ],
  [/\/Cellar\/node/, "is one version of Homebrew's and goes with the next upgrade"],
  [/\/_npx\//, "is in npx's cache, which is emptied now and then"],
  [/^\/(?:tmp|var\/tmp|run\/user)\/|^\/private\/tmp\//, "is in a folder for temporary files"],
];

/** Folders of programs every service should find. */
const STANDARD = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * Why `path` may not be there at the next boot, as a sentence without its subject; null for no reason.
 * A package installed for all is at home in /usr/lib/node_modules; a project's goes with its next install.
 */
export function vanishing(path: string): string | null {
  const found = PLACES.find(([pattern]) => pattern.test(path));
  if (found) return found[1];
  const isGlobal = /^\/(?:usr|opt)(?:\/[^/]+)*\/lib\/node_modules\//.test(path);
  if (isGlobal || !path.includes("/node_modules/")) return null;
  return "belongs to a project's node_modules and goes with its next install or deploy";
}

/** What to do about a path that vanishes. */
export const LASTING =
  "install Node and Holdfast for the whole system (the distribution's package, /usr/local), or run startup again after each update";

/** PATH for a service: node's own folder first, this shell's lasting folders, and the standard ones. */
export function servicePath(node: string, path: string): string {
  const own = path
    .split(":")
    .filter((folder) => folder.startsWith("/") && !/\p{Cc}/u.test(folder))
    .filter(
      (folder) => !/\/fnm_multishells\/|\/node_modules\/|^\/(?:tmp|run\/user)\//.test(`${folder}/`),
    );
  return [...new Set([posix.dirname(node), ...own, ...STANDARD])].join(":");
}
