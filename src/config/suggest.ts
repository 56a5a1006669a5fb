/** "Did you mean": the nearest of some names. Pure. */

const FARTHEST = 2;

/** How many characters must be added, removed or replaced to turn `left` into `right`. */
export function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replace = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const remove = (previous[column] ?? 0) + 1;
      const add = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replace, remove, add));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/**
 * The one of `names` that `word` most likely stands for: at most two edits away when capitals, "-"
 * and "_" are not looked at, and with more kept than changed. Null where none is close.
 */
export function nearest(word: string, names: Iterable<string>): string | null {
  const plainWord = plain(word);
  let best: { name: string; distance: number } | null = null;
  for (const name of names) {
    const plainName = plain(name);
    // Also what keeps a huge key cheap: the distance is at least the difference of the lengths.
    if (Math.abs(plainName.length - plainWord.length) > FARTHEST) continue;
    const distance = editDistance(plainWord, plainName);
    if (distance > FARTHEST || distance * 2 > plainWord.length) continue;
    if (best === null || distance < best.distance) best = { name, distance };
  }
  return best?.name ?? null;
}

function plain(text: string): string {
  return text.length > 100 ? text : text.toLowerCase().replace(/[-_]/g, "");
}
