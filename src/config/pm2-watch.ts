/** PM2's `watch_options`, which are chokidar's: one of them counts here, and what to do about the others. Pure. */

import { accept, type Kind } from "./kinds.ts";
import { contentsOf } from "./received.ts";
import { watchPaths } from "./watch.ts";

export interface Pm2WatchOptions {
  /** What `ignored` says; null where it is not given. */
  readonly ignore: readonly string[] | null;
  /** The keys without effect, as they are written. */
  readonly others: readonly string[];
}

const EXPECTED = 'an object such as { "ignored": [...] }';

export const pm2WatchOptions: Kind<Pm2WatchOptions> = {
  type: "options of chokidar",
  expected: EXPECTED,
  read: (value) => {
    const contents = contentsOf(value);
    if (contents.type !== "record") return refused("is no object");
    const given = contents.entries.filter((entry) => !entry.readable || entry.value !== undefined);
    const others = given.map(({ key }) => key).filter((key) => key !== "ignored");
    const ignored = given.find(({ key }) => key === "ignored");
    if (ignored === undefined) return accept({ ignore: null, others });
    const reading = watchPaths.read(ignored.value);
    if (!ignored.readable || !reading.ok) return refused("ignored is no list of paths");
    return accept({ ignore: reading.value, others });
  },
  show: ({ ignore }) => ignore?.join(" ") ?? "none",
  schema: { type: "object" },
};

function refused(what: string): { ok: false; faults: { path: string; message: string }[] } {
  return { ok: false, faults: [{ path: "", message: `${what}, expected ${EXPECTED}` }] };
}

const POLLING =
  "changes are told by the system; where it does not tell them (network folders, some containers) start the supervisor with CHOKIDAR_USEPOLLING=1, and CHOKIDAR_INTERVAL in milliseconds";
const ALWAYS = "it is always so here; remove it";
const UNUSED = "nothing here depends on it; remove it";

/** What to do instead, by chokidar's name. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["usePolling", POLLING],
  ["interval", POLLING],
  ["binaryInterval", POLLING],
  [
    "followSymlinks",
    "links are followed; name what is behind a link in ignore of watch to leave it out",
  ],
  ["awaitWriteFinish", "a reload waits until nothing has changed for the delay of watch"],
  ["depth", "folders are watched whole; name fewer paths in watch, or leave some out with ignore"],
  ["cwd", "paths start at the app's cwd"],
  ["ignoreInitial", ALWAYS],
  ["persistent", UNUSED],
  ["alwaysStat", UNUSED],
  ["atomic", UNUSED],
  [
    "ignorePermissionErrors",
    "a path that cannot be read is told of in the supervisor's log; leave it out with ignore of watch",
  ],
  ["disableGlobbing", "paths are taken as they are; patterns are for ignore of watch; remove it"],
]);

/** What to tell about a key of `watch_options` that has no effect. */
export function watchOptionNote(key: string): string {
  const instead = INSTEAD.get(key) ?? "chokidar has no such option; remove it";
  return `is a PM2 option without effect here: ${instead}`;
}
