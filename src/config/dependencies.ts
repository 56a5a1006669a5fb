/** What apps wait for: names that nobody has, and circles nobody could start. Pure. */

import type { Fault } from "../errors.ts";
import { below, quote } from "./received.ts";
import { nearest } from "./suggest.ts";

export interface Dependent {
  readonly at: string;
  /** Null where it cannot be told. */
  readonly name: string | null;
  readonly dependsOn: readonly string[];
}

/** `isWhole`: there are no apps but these, so that any other name is a fault. */
export function dependencyFaults(apps: readonly Dependent[], isWhole: boolean): readonly Fault[] {
  const names = apps.flatMap(({ name }) => (name === null ? [] : [name]));
  const allKnown = names.length === apps.length;
  return [...(isWhole && allKnown ? unknownNames(apps, names) : []), ...circles(apps)];
}

function unknownNames(apps: readonly Dependent[], names: readonly string[]): readonly Fault[] {
  const known = new Set(names);
  return apps.flatMap(({ at, dependsOn }) =>
    dependsOn
      .filter((name) => !known.has(name))
      .map((name) => {
        const near = nearest(name, names);
        const proposal = near === null ? "" : `, did you mean ${near}?`;
        const message = `names ${quote(name)}, which is no app of this configuration${proposal}`;
        return { path: below(at, "dependsOn"), message };
      }),
  );
}

/** Each circle once, at the first app of it that is met in the order of the configuration. */
function circles(apps: readonly Dependent[]): readonly Fault[] {
  const byName = new Map(
    apps.flatMap((app) => (app.name === null ? [] : [[app.name, app] as const])),
  );
  const stuck = neverReady(byName);
  const seen = new Set<string>();
  const faults: Fault[] = [];
  for (const start of stuck) {
    const trail: string[] = [];
    let name: string | undefined = start;
    while (name !== undefined && !seen.has(name)) {
      seen.add(name);
      trail.push(name);
      name = byName.get(name)?.dependsOn.find((each) => stuck.has(each));
    }
    const begins = name === undefined ? -1 : trail.indexOf(name);
    const first = trail[begins];
    if (first === undefined) continue;
    const circle = [...trail.slice(begins), first];
    const shown = circle.length > 12 ? [...circle.slice(0, 10), "...", first] : circle;
    const path = below(byName.get(first)?.at ?? "", "dependsOn");
    faults.push({ path, message: `is a circle, each waits for the next: ${shown.join(" -> ")}` });
  }
  return faults;
}

/** Who is left when all that can start, one after the other, have been taken away. */
function neverReady(apps: ReadonlyMap<string, Dependent>): ReadonlySet<string> {
  const waiting = new Map<string, number>();
  const waitedFor = new Map<string, string[]>();
  for (const [name, { dependsOn }] of apps) {
    const known = dependsOn.filter((each) => apps.has(each));
    waiting.set(name, known.length);
    for (const each of known) append(waitedFor, each, name);
  }
  const free = [...waiting].flatMap(([name, count]) => (count === 0 ? [name] : []));
  for (const name of free) {
    for (const next of waitedFor.get(name) ?? []) {
      const count = (waiting.get(next) ?? 0) - 1;
      waiting.set(next, count);
      // The list grows while it is walked, until nobody else becomes free.
      if (count === 0) free.push(next);
    }
  }
  return new Set([...waiting].flatMap(([name, count]) => (count > 0 ? [name] : [])));
}

function append(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
