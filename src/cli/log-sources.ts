/** Which log files an app has, from what the supervisor says of it. */

import type { AppOverview } from "../core/overview.ts";
import { followLogs } from "../logs/follow.ts";
import type { LogSource } from "../logs/store.ts";

/** Every file of these slots once; one that several slots share belongs to none of them. */
export function sourcesOf(
  app: AppOverview,
  slots: readonly number[] | "all" = "all",
): readonly LogSource[] {
  const found = new Map<string, LogSource>();
  for (const { slot, logs } of app.slots) {
    for (const stream of ["out", "err"] as const) {
      const path = logs[stream];
      if (path === null) continue;
      const isShared =
        found.has(path) ||
        app.slots.some((other) => other.slot !== slot && other.logs[stream] === path);
      const isWanted = slots === "all" || slots.includes(slot);
      if (isWanted) found.set(path, { app: app.name, slot: isShared ? null : slot, stream, path });
    }
  }
  return [...found.values()];
}

/** The last lines of an app as its status shows them, with the slot before each. */
export async function lastLines(app: AppOverview, lines: number): Promise<readonly string[]> {
  let text = "";
  const options = { lines, prefix: true, colour: false };
  await followLogs(sourcesOf(app), options, (chunk) => {
    text += chunk.toString("utf8");
  });
  return text.split("\n").slice(0, -1);
}
