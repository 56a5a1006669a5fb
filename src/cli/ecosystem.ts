/** Configuration files as commands meet them: found, read, checked, their paths made absolute. */

import { homedir } from "node:os";
import type { AppOptions } from "../config/app.ts";
import { type Note, parseSetup } from "../config/parse.ts";
import { HoldfastError } from "../errors.ts";
import { findConfigFile, readConfigFile, readVariablesFile } from "../system/config-file.ts";
import { packageNameOf } from "../system/places.ts";
import { workingDirectory } from "../system/working-directory.ts";
import type { WantedAdmin } from "./admin.ts";
import type { WantedHeir } from "./heir.ts";
import type { WantedBus } from "./remote.ts";

/** `ecosystem.config.js`, `holdfast.config.ts`, `apps.json`, `-`: never a script to run. */
const CONFIG_FILE = /(^-$|\.config\.(json|jsonc|js|cjs|mjs|ts|mts|cts|yml|yaml)$|\.(json|ya?ml)$)/;

export interface Ecosystem {
  readonly apps: readonly AppOptions[];
  readonly admin: WantedAdmin;
  readonly bus: WantedBus;
  readonly heir: WantedHeir;
  readonly file: string;
  readonly notes: readonly Note[];
}

export function isConfigFile(word: string): boolean {
  return CONFIG_FILE.test(word);
}

/**
 * Reads `word`, or what stands in the working directory. `--only` leaves apps out, `--env` chooses
 * variables. Throws HF_CONFIG_*.
 */
export async function readEcosystem(
  word: string | undefined,
  flags: Record<string, unknown>,
): Promise<Ecosystem> {
  const found = word ?? configFileHere();
  const { value, path, directory, pm2Defaults } = await readConfigFile(found);
  const envName = environmentName(flags);
  const parsed = parseSetup(value, {
    directory,
    packageNameOf,
    pm2Defaults,
    isWhole: true,
    ...homeDirectory(),
    readFile: readVariablesFile,
    ...(envName === undefined ? {} : { envName }),
  });
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  const { apps, ...beside } = parsed.value;
  return { apps: onlyAsked(apps, flags), ...beside, file: path, notes: parsed.notes };
}

function configFileHere(): string {
  const directory = workingDirectory();
  const found = findConfigFile(directory);
  if (found === null) throw new HoldfastError("HF_NO_CONFIG_FILE", { directory });
  return found;
}

/** For `~/` in paths; a user without a home directory has none. */
function homeDirectory(): { home?: string } {
  try {
    return { home: homedir() };
  } catch {
    return {};
  }
}

/** Names of the apps in a file, for commands that take apps. */
export async function namesIn(
  word: string,
  flags: Record<string, unknown>,
): Promise<readonly string[]> {
  return (await readEcosystem(word, flags)).apps.map(({ name }) => name);
}

function onlyAsked(
  apps: readonly AppOptions[],
  flags: Record<string, unknown>,
): readonly AppOptions[] {
  if (typeof flags.only !== "string") return apps;
  const names = flags.only.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !apps.some((app) => app.name === name));
  if (unknown.length > 0) {
    const known = apps.map(({ name }) => name);
    throw new HoldfastError("HF_NO_SUCH_APP", { app: unknown.join(", "), known });
  }
  return apps.filter(({ name }) => names.includes(name));
}

/** `--env production` names a set of variables; `--env KEY=VALUE` is one. */
function environmentName({ env }: Record<string, unknown>): string | undefined {
  const given = Array.isArray(env) ? env.map(String) : [];
  return given.findLast((value) => !value.includes("="));
}
