/** For configuration files in JavaScript and TypeScript. Pure. */

import type { ConfigInput } from "./app.ts";

/** A configuration, or what makes one when the file is read. */
export type ConfigExport = ConfigInput | (() => ConfigInput | Promise<ConfigInput>);

/**
 * Gives back what it gets: an editor completes and checks it by its type.
 * `export default defineConfig({ apps: [{ script: "server.js" }] })`
 */
export function defineConfig<const Config extends ConfigExport>(config: Config): Config {
  return config;
}
