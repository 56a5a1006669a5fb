/** Options as a person would write them: what travels between processes and versions, and is kept on disk. Pure. */

import type { AppOptions } from "./app.ts";
import { OPTIONS, type Option } from "./options.ts";

/**
 * The options by their names in a configuration file, without those that have their default: an older
 * or newer Holdfast that reads them back knows or refuses each by name. `parseApp` undoes it.
 */
export function inputOf(options: AppOptions): Readonly<Record<string, unknown>> {
  const input: Record<string, unknown> = {};
  for (const [field, option] of Object.entries<Option<unknown>>(OPTIONS)) {
    const value = options[field as keyof AppOptions];
    if (JSON.stringify(value) === JSON.stringify(option.default)) continue;
    input[option.name] = option.kind.write?.(value) ?? value;
  }
  return input;
}
