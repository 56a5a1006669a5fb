/** Which option a key of a configuration means, and what to say about one that means none. Pure. */

import type { Kind } from "./kinds.ts";
import { INPUT_OPTIONS } from "./options/environment.ts";
import { OPTIONS, type Option } from "./options.ts";
import { camelCase, PM2_NOTES, PM2_PARTS } from "./pm2.ts";
import { nearest } from "./suggest.ts";

export interface Meaning {
  /** What the value is kept under until the app is put together: a field of AppOptions, or a part of one. */
  readonly field: string;
  /** The option to propose to somebody who has almost written this key. */
  readonly proposal: string;
  readonly kind: Kind<unknown>;
  readonly flag: string | null;
}

export type KeyTable = ReadonlyMap<string, Meaning>;

/** Every key that means something: the options' names, PM2's names for them, and those in camelCase. */
export function keyTable(): KeyTable {
  const table = new Map<string, Meaning>();
  const options = { ...OPTIONS, ...INPUT_OPTIONS };
  for (const [field, option] of Object.entries<Option<unknown>>(options)) {
    const flag = option.cli !== null && "flag" in option.cli ? option.cli.flag : null;
    const meaning = { field, proposal: option.name, kind: option.kind, flag };
    for (const { name, kind } of option.pm2) {
      const alias = { ...meaning, kind: kind ?? option.kind };
      table.set(name, alias).set(camelCase(name), alias);
    }
    table.set(option.name, meaning);
  }
  for (const [name, { kind, option }] of PM2_PARTS) {
    const meaning = { field: name, proposal: option, kind, flag: null };
    table.set(name, meaning).set(camelCase(name), meaning);
  }
  return table;
}

/** What to tell about a key of PM2 that has no effect; null where it is none. */
export function keyNote(key: string): string | null {
  const found = [...PM2_NOTES].find(([name]) => key === name || key === camelCase(name));
  return found === undefined ? null : `is a PM2 option without effect here: ${found[1]}`;
}

/** The environment a key such as `env_production` stands for, null where it is another key. */
export function environmentOf(key: string): string | null {
  return key.startsWith("env_") && key !== "env_file" && /^\S{1,60}$/.test(key.slice(4))
    ? key.slice(4)
    : null;
}

/** Why `key` is refused: with the option it probably means. */
export function unknownKey(key: string, table: KeyTable): string {
  const near = nearest(key, table.keys());
  const meant = near === null ? undefined : table.get(near);
  return meant === undefined
    ? "is not an option"
    : `is not an option, did you mean ${meant.proposal}?`;
}
