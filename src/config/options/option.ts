/** What the tables of options are made of. Types only. */

import type { AppOptions } from "../app.ts";
import type { Kind } from "../kinds.ts";

export interface Option<T> {
  /** The key in a configuration file; the long flag is its kebab-case, with `--no-` where true is the default. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** The value where none is given. Absent: the option is required, or `derived` says where it comes from. */
  readonly default?: T;
  readonly derived?: string;
  /** Why that default; completes "because". Empty where there is nothing to explain. */
  readonly why: string;
  readonly cli: Cli;
  readonly pm2: readonly Alias<T>[];
  /** One sentence. */
  readonly description: string;
  /** How a change reaches an app that runs: by new workers, by their number, or at once. */
  readonly change: "reload" | "scale" | "update";
}

/**
 * How the command line takes it: as a flag (no placeholder: a switch), as words of the command, or
 * not at all (null). `optional`: the value may be left out, which is true; the next word is one where
 * this matches.
 */
export type Cli =
  | {
      readonly flag: string;
      readonly short?: string;
      readonly placeholder?: string;
      readonly optional?: RegExp;
      readonly repeatable?: boolean;
    }
  | { readonly words: string }
  | null;

/** A name PM2 uses for it, also accepted in camelCase; `kind` where PM2's values are others. */
export interface Alias<T> {
  readonly name: string;
  readonly kind?: Kind<T>;
}

/** A table of some of the options, by the fields of AppOptions. */
export type Options<Field extends keyof AppOptions> = {
  readonly [Each in Field]: Option<AppOptions[Each]>;
};
