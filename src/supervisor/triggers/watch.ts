/** Reloads when files change: a burst of changes is one. */

import { relative, resolve } from "node:path";
import { watch as watchFiles } from "chokidar";
import type { AppOptions } from "../../config/app.ts";
import { isIgnored } from "../../core/glob.ts";

type Watched = NonNullable<AppOptions["watch"]>;

/** Calls `changed` once nothing has changed for `delayMs`; gives the function that ends it. */
export function watch(
  cwd: string,
  { paths, ignore, delayMs }: Watched,
  changed: (path: string) => void,
  failed: (fault: string) => void,
): () => void {
  const roots = paths.map((path) => resolve(cwd, path));
  const isOut = (path: string): boolean =>
    roots.every((root) => isIgnored(relative(root, path), ignore));
  const watcher = watchFiles(roots, { ignoreInitial: true, persistent: false, ignored: isOut });
  let settling: NodeJS.Timeout | null = null;
  let isOver = false;
  watcher.on("all", (_event, path) => {
    if (isOver) return;
    if (settling) clearTimeout(settling);
    settling = setTimeout(() => changed(path), delayMs).unref();
  });
  watcher.on("error", (error) => failed(error instanceof Error ? error.message : String(error)));
  return () => {
    isOver = true;
    // Its last events may still be under way: they find nobody.
    void watcher.close();
    if (settling) clearTimeout(settling);
  };
}
