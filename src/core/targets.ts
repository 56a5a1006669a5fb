/** Which apps and slots a person means. Pure. */

import { matches } from "./glob.ts";

export interface Nameable {
  readonly name: string;
  readonly namespace: string;
  /** How many slots it has. */
  readonly instances: number;
}

/** An app, whole or some of its slots. */
export interface Target {
  readonly app: string;
  readonly slots: readonly number[] | "all";
}

export interface Selection {
  /** In the order of the apps, each once. */
  readonly targets: readonly Target[];
  /** What named nothing. */
  readonly unknown: readonly string[];
}

/**
 * Words are names, `name:slot`, namespaces, globs over names (`api-*`, `?`), or `all`, which means every
 * app even when there is none. A name comes before a namespace of the same spelling.
 */
export function select(words: readonly string[], apps: readonly Nameable[]): Selection {
  const chosen = new Map<string, Set<number> | "all">();
  const unknown: string[] = [];
  for (const word of words) {
    const found = meant(word, apps);
    if (found.length === 0 && word !== "all") unknown.push(word);
    for (const { app, slots } of found) {
      const before = chosen.get(app);
      if (slots === "all" || before === "all") chosen.set(app, "all");
      else chosen.set(app, new Set([...(before ?? []), ...slots]));
    }
  }
  const targets = apps.flatMap(({ name }): Target[] => {
    const slots = chosen.get(name);
    if (slots === undefined) return [];
    return [{ app: name, slots: slots === "all" ? "all" : [...slots].sort((a, b) => a - b) }];
  });
  return { targets, unknown };
}

function meant(word: string, apps: readonly Nameable[]): readonly Target[] {
  const whole = (found: readonly Nameable[]): readonly Target[] =>
    found.map(({ name }) => ({ app: name, slots: "all" }));
  if (word === "all") return whole(apps);
  const named = apps.filter(({ name }) => name === word);
  if (named.length > 0) return whole(named);
  const [, name, slot] = /^(.+):(\d{1,5})$/.exec(word) ?? [];
  if (name !== undefined && slot !== undefined) return slotsOf(name, Number(slot), apps);
  if (/[*?]/.test(word)) return whole(apps.filter((app) => matches(word, app.name)));
  return whole(apps.filter(({ namespace }) => namespace === word));
}

function slotsOf(pattern: string, slot: number, apps: readonly Nameable[]): readonly Target[] {
  return apps
    .filter(({ name, instances }) => slot < instances && matches(pattern, name))
    .map(({ name }) => ({ app: name, slots: [slot] }));
}
