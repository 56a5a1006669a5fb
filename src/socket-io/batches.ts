/** News of many sessions, in messages that are short enough. */

import type { SessionNews } from "../core/socket-io/session.ts";

const NEWS_AT_ONCE = 200;
/** About so many characters, whose bytes are far below what one message may have. One alone may have more. */
const LENGTH_AT_ONCE = 1024 * 1024;

/** Says them in their order. `untold`: one that could not be said, as it is too long by itself, or cannot be written. */
export function sayAll(
  all: readonly SessionNews[],
  say: (some: readonly SessionNews[]) => void,
  untold: (news: SessionNews, error: unknown) => void,
): void {
  for (const some of batchesOf(all)) {
    try {
      say(some);
    } catch (error) {
      for (const news of some) untold(news, error);
    }
  }
}

function* batchesOf(all: readonly SessionNews[]): Generator<readonly SessionNews[]> {
  let some: SessionNews[] = [];
  let length = 0;
  for (const news of all) {
    const more = lengthOf(news);
    const isFull = some.length >= NEWS_AT_ONCE || length + more > LENGTH_AT_ONCE;
    if (some.length > 0 && isFull) {
      yield some;
      some = [];
      length = 0;
    }
    some.push(news);
    length += more;
  }
  if (some.length > 0) yield some;
}

/** What cannot be written goes alone: none of the others is to fail with it. */
function lengthOf(news: SessionNews): number {
  try {
    return JSON.stringify(news).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
