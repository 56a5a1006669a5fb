/** What a reader of configurations knows beside the configuration itself. Types only. */

import type { NameSources } from "./name.ts";

export interface ParseContext extends NameSources {
  /** How faults name an option: `drainTimeout`, the default, or `--drain-timeout` for a command line. */
  readonly paths?: "keys" | "flags";
  /**
   * Left-out `instances` means 1 and 0 means every CPU, as in PM2. For files whose name starts with
   * `ecosystem.`. Default false.
   */
  readonly pm2Defaults?: boolean;
  /** There are no apps but these, so that `dependsOn` may name no other. Default false. */
  readonly isWhole?: boolean;
  /** Whose variables go over `env`: "production" takes those of `env_production`. Default: none. */
  readonly envName?: string | undefined;
  /** What "~/" stands for at the beginning of a path. Default: nothing, it stays. */
  readonly home?: string;
  /** The text of a file of variables, or why it cannot be read; must not throw. Default: none can. */
  readFile?(path: string): { readonly text: string } | { readonly reason: string };
}
