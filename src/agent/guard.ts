/**
 * The guard against EMFILE. A worker that runs out of file descriptors would, by libuv's design,
 * accept and close what waits in a socket it shares with healthy siblings (29 to 40 % of all
 * connections lost, measured). So it leaves accept before that, and comes back when it has room.
 */

import { readdirSync, readFileSync } from "node:fs";

/** Descriptors left free for the app's own files and for the handles the supervisor sends. */
const RESERVE_MAX = 256;
const RESERVE_PART = 0.15;
/** Below this share of the limit a worker that had left accepts again. */
const RELIEVED_BELOW = 0.75;
const CHECK_EVERY_MS = 200;

export interface Guard {
  /** Call for each accepted connection; looks at the real count only as often as needed. */
  accepted(): void;
}

export function guardDescriptors(onChange: (reached: boolean) => void): Guard {
  const limit = softLimit();
  if (limit === null) return { accepted() {} };
  const reserve = Math.min(RESERVE_MAX, Math.ceil(limit * RESERVE_PART));
  let untilNextLook = 0;
  let isReached = false;

  const watchForRelief = (): void => {
    const timer = setInterval(() => {
      if (openDescriptors() >= limit * RELIEVED_BELOW) return;
      clearInterval(timer);
      isReached = false;
      onChange(false);
    }, CHECK_EVERY_MS);
    timer.unref();
  };

  return {
    accepted() {
      untilNextLook -= 1;
      if (untilNextLook > 0 || isReached) return;
      const room = limit - reserve - openDescriptors();
      // The app opens files too: look again when half of the room may be gone.
      untilNextLook = Math.floor(room / 2);
      if (room > 0) return;
      isReached = true;
      onChange(true);
      watchForRelief();
    },
  };
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** The soft limit of open files; null where /proc does not tell. */
function softLimit(): number | null {
  try {
    const line = readFileSync("/proc/self/limits", "utf8").match(/^Max open files\s+(\d+)/m);
    return line ? Number(line[1]) : null;
  } catch {
    return null;
  }
}
