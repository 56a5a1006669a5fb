/**
 * THE table of an app's options, by subject. Parser, command-line help, schema.json and the pages of
 * docs are made from it, so that what is written about an option and what it does cannot differ.
 */

import type { AppOptions } from "./app.ts";
import { ENVIRONMENT_OPTIONS, INPUT_OPTIONS } from "./options/environment.ts";
import { HEALTH_OPTIONS } from "./options/health.ts";
import { LOGS_OPTIONS } from "./options/logs.ts";
import { OBSERVE_OPTIONS } from "./options/observe.ts";
import type { Option, Options } from "./options/option.ts";
import { PROCESS_OPTIONS } from "./options/process.ts";
import { RESTART_OPTIONS } from "./options/restart.ts";
import { STICKY_OPTIONS } from "./options/sticky.ts";
import { WORKERS_OPTIONS } from "./options/workers.ts";

export type { Option } from "./options/option.ts";

export const OPTIONS: Options<keyof AppOptions> = {
  ...PROCESS_OPTIONS,
  ...ENVIRONMENT_OPTIONS,
  ...WORKERS_OPTIONS,
  ...RESTART_OPTIONS,
  ...HEALTH_OPTIONS,
  ...OBSERVE_OPTIONS,
  ...STICKY_OPTIONS,
  ...LOGS_OPTIONS,
};

/** Every option a person may write: those of an app, and those that become part of another one. */
export function written(): readonly Option<unknown>[] {
  return [...Object.values<Option<unknown>>(OPTIONS), ...Object.values(INPUT_OPTIONS)];
}
