/** From what is configured to what is run: paths are followed anew for each generation. */

import { TOKEN_VARIABLE } from "../config/admin.ts";
import type { AppOptions } from "../config/app.ts";
import type { AppPolicy } from "../core/app.ts";
import { accountOf, groupIdOf, isNumber } from "../system/accounts.ts";
import { resolveScript } from "../system/script.ts";
import type { Launch } from "./processes.ts";

/** Not handed down: they belong to the supervisor itself or to a cluster around it. */
const OWN_VARIABLES = [
  TOKEN_VARIABLE,
  "NODE_UNIQUE_ID",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
];

const LOADER_FLAGS = /^(--import|--loader|--experimental-loader|--require|-r)\b/;

/** Resolves script and links as they are now. Throws HF_SCRIPT_*. */
export function resolveLaunch(
  options: AppOptions,
  environment: Readonly<Record<string, string>> | null = null,
): Launch {
  // A loader of the user's own may understand TypeScript where this Node does not.
  const hasLoader = options.nodeArgs.some((argument) => LOADER_FLAGS.test(argument));
  const runtime = hasLoader ? { typescript: true } : undefined;
  const found = resolveScript(options.script, options.args, options.cwd, runtime);
  const identity = identityOf(options);
  return {
    script: found.script,
    args: found.args,
    nodeArgs: options.nodeArgs,
    cwd: found.cwd,
    env: { ...inherited(environment ?? process.env), ...identity.env, ...options.env },
    node: options.interpreter ?? process.execPath,
    isClusterWorker: options.execMode === "cluster",
    instanceVar: options.instanceVar,
    incrementVar: options.incrementVar,
    uid: identity.uid,
    gid: identity.gid,
  };
}

function inherited(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !OWN_VARIABLES.includes(entry[0]) &&
      !entry[0].startsWith("HOLDFAST_AGENT"),
  );
  return Object.fromEntries(entries);
}

/** As a service manager does: the user's own group and home come with the user (systemd.exec(5), User=). */
function identityOf({ uid, gid }: AppOptions): {
  uid: number | null;
  gid: number | null;
  env: Readonly<Record<string, string>>;
} {
  const group = gid === null ? null : groupIdOf(gid);
  if (uid === null) return { uid: null, gid: group, env: {} };
  if (isNumber(uid)) return { uid: Number(uid), gid: group, env: {} };
  const { uid: user, gid: own, name, home } = accountOf(uid);
  return { uid: user, gid: group ?? own, env: { HOME: home, USER: name, LOGNAME: name } };
}

/** The old code can be started again: it lies at another path than the new one. */
export function canGoBack(from: Launch | undefined, to: Launch): boolean {
  return from !== undefined && from.script !== to.script;
}

export function policyOf(options: AppOptions): AppPolicy {
  return { ...options, ready: options.ready === "listen" ? "listen" : "told" };
}

/** The path of an HTTP probe, null for other ways to be ready. */
export function probePath(options: AppOptions): string | null {
  return options.ready.startsWith("http:") ? options.ready.slice("http:".length) : null;
}
