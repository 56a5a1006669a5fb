/** Which option a key of a configuration means, and what to say about one that means none. Pure. */

import type { Kind } from "./kinds.ts";
import { OPTIONS, type Option } from "./options.ts";
import { nearest } from "./suggest.ts";

export interface Meaning {
  readonly field: string;
  readonly option: Option<unknown>;
  readonly kind: Kind<unknown>;
}

export type KeyTable = ReadonlyMap<string, Meaning>;

/** PM2 options without a counterpart, and what a person who moves here does instead. */
const GONE: ReadonlyMap<string, string> = new Map([
  ["exec_mode", "every app runs as cluster workers; remove it"],
  ["interpreter", "every app runs on the Node that runs holdfast; remove it"],
  ["exec_interpreter", "every app runs on the Node that runs holdfast; remove it"],
  ["exp_backoff_restart_delay", "every app restarts with backoff; use backoffBase"],
  ["restart_delay", "every app restarts with backoff; use backoffBase"],
  ["port", 'use env: { "PORT": ... }'],
]);

/** Every key that means an option: its name, PM2's names for it, and those in camelCase. */
export function keyTable(): KeyTable {
  const table = new Map<string, Meaning>();
  for (const [field, option] of Object.entries<Option<unknown>>(OPTIONS)) {
    for (const alias of option.pm2) {
      const meaning = { field, option, kind: alias.kind ?? option.kind };
      table.set(alias.name, meaning).set(camelCase(alias.name), meaning);
    }
    table.set(option.name, { field, option, kind: option.kind });
  }
  return table;
}

/** Why `key` is refused: what replaces it, or the Holdfast option it probably means. */
export function unknownKey(key: string, table: KeyTable): string {
  const gone = [...GONE].find(([name]) => key === name || key === camelCase(name));
  if (gone !== undefined) return `is a PM2 option Holdfast does not have: ${gone[1]}`;
  if (key.startsWith("env_")) return "is a PM2 option Holdfast does not have: use env";
  const near = nearest(key, table.keys());
  const meant = near === null ? undefined : table.get(near);
  return meant === undefined
    ? "is not an option"
    : `is not an option, did you mean ${meant.option.name}?`;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
