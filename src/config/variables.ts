/** Puts an app's environment together: files, then `env`, then `env_<name>`, then `port`. Pure. */

import type { Fault } from "../errors.ts";
import type { ParseContext } from "./context.ts";
import { parseDotenv } from "./dotenv.ts";
import { variables } from "./environment.ts";
import { expandHome, join } from "./paths.ts";
import { quote } from "./received.ts";

type Variables = Readonly<Record<string, string>>;

export interface Layers {
  readonly files: readonly string[];
  /** Where faults about the files belong. */
  readonly filesAt: string;
  readonly env: Variables;
  /** By name, those of `env_<name>`. */
  readonly named: ReadonlyMap<string, Variables>;
  readonly port: number | null;
}

export interface Environment {
  readonly env: Variables;
  readonly faults: readonly Fault[];
  readonly notes: readonly Fault[];
}

/** Later layers win; what no layer names is inherited, which is the supervisor's part. */
export function environmentIn(layers: Layers, context: ParseContext): Environment {
  const files = layers.files.map((file) => fileVariables(file, layers.filesAt, context));
  const named = context.envName === undefined ? undefined : layers.named.get(context.envName);
  const all = [...files.map(({ env }) => env), layers.env, named ?? {}];
  if (layers.port !== null) all.push({ PORT: String(layers.port) });
  return {
    env: Object.fromEntries(all.flatMap((each) => Object.entries(each))),
    faults: files.flatMap(({ faults }) => faults),
    notes: files.flatMap(({ notes }) => notes),
  };
}

function fileVariables(file: string, at: string, context: ParseContext): Environment {
  const path = join(context.directory ?? "", expandHome(file, context.home));
  const found = context.readFile?.(path) ?? { reason: "no files can be read here" };
  if ("reason" in found) {
    const message = `${quote(file)} cannot be read: ${found.reason}`;
    return { env: {}, faults: [{ path: at, message }], notes: [] };
  }
  const { variables: assigned, strange } = parseDotenv(found.text);
  const reading = variables().read(Object.fromEntries(assigned));
  const notes = strange.slice(0, 5).map((line) => ({
    path: at,
    message: `line ${line} of ${quote(file)} is no assignment and was left out`,
  }));
  if (reading.ok) return { env: reading.value, faults: [], notes };
  const faults = reading.faults.map((each) => ({
    path: `${at}${each.path}`,
    message: `${each.message} (in ${quote(file)})`,
  }));
  return { env: {}, faults, notes };
}

/** A name asked for that no app has variables for: a slip that must not start an app with the wrong ones. */
export function environmentFaults(
  envName: string | undefined,
  known: readonly string[],
): readonly Fault[] {
  if (envName === undefined || known.includes(envName)) return [];
  const names = [...new Set(known)].sort().join(", ");
  const rest = names === "" ? 'none has such a key, as "env_production"' : `known: ${names}`;
  return [{ path: "--env", message: `received ${quote(envName)}, which no app has; ${rest}` }];
}
