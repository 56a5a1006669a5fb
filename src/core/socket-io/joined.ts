/** The rooms of a client, by what had been sent before it joined them: whole, and as what has changed. Pure. */

/** Rooms, and what had been sent in the worker before they were joined, as text. */
export type JoinedText = readonly (readonly [since: string, rooms: readonly string[]])[];

/** In the order in which they were joined. */
export function bySince(rooms: Iterable<readonly [room: string, since: string]>): JoinedText {
  const joined = new Map<string, string[]>();
  for (const [room, since] of rooms) {
    const names = joined.get(since);
    if (names) names.push(room);
    else joined.set(since, [room]);
  }
  return [...joined];
}

/** What it is when these have been left, and then those joined. Nothing of `joined` itself is changed. */
export function afterChange(
  joined: JoinedText,
  left: readonly string[],
  added: JoinedText,
): JoinedText {
  const gone = new Set(left);
  const isStill = (room: string): boolean => !gone.has(room);
  const all = new Map<string, readonly string[]>();
  for (const [since, rooms] of joined) {
    const stay = gone.size > 0 && !rooms.every(isStill) ? rooms.filter(isStill) : rooms;
    if (stay.length > 0) all.set(since, stay);
  }
  for (const [since, rooms] of added) all.set(since, [...(all.get(since) ?? []), ...rooms]);
  return [...all];
}
