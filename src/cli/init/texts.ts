/** Configuration files to begin with. Pure. */

import type { Guess } from "./guess.ts";

export type Format = "mjs" | "json" | "ecosystem";

export const FILES: Readonly<Record<Format, string>> = {
  mjs: "holdfast.config.mjs",
  json: "holdfast.config.json",
  ecosystem: "ecosystem.config.cjs",
};

export function configText(format: Format, guess: Guess): string {
  return { mjs: moduleText, json: jsonText, ecosystem: ecosystemText }[format](guess);
}

/** Only what was found; what is left out has its default. */
function found({
  name,
  script,
  args,
  nodeArgs,
  env,
}: Guess): readonly (readonly [string, unknown])[] {
  const all = [
    ["name", name, true],
    ["script", script, true],
    ["args", args, args.length > 0],
    ["nodeArgs", nodeArgs, nodeArgs.length > 0],
    ["env", { NODE_ENV: "production", ...env }, true],
  ] as const;
  return all.filter(([, , isShown]) => isShown).map(([key, value]) => [key, value]);
}

function moduleText(guess: Guess): string {
  return `// What Holdfast runs: holdfast start. Check with: holdfast validate.
// Change it at any time and say: holdfast reload. No request is lost.

/** @type {import("holdfast").ConfigInput} */
const config = {
  apps: [
    {
${lines(guess)}

      // How many workers: a number, "max" (one for each CPU; the default), or "-1" for all but one.
      // instances: 4,

      // Ready is a worker that listens ("listen", the default), has said process.send("ready")
      // ("message"), or answers a probe.
      // ready: "message",
      // readyTimeout: "1m",

      // How long requests under way may take when a worker is replaced or stopped.
      // drainTimeout: "30s",

      // A worker that grows beyond it is replaced.
      // maxMemory: "512M",

      // Variables for holdfast start --env staging
      // env_staging: { NODE_ENV: "staging" },
    },
  ],
};

export default config;
`;
}

function lines(guess: Guess): string {
  return found(guess)
    .map(([key, value]) => `      ${key}: ${JSON.stringify(value)},`)
    .join("\n");
}

function jsonText(guess: Guess): string {
  const app = { ...Object.fromEntries(found(guess)), instances: "max" };
  return `${JSON.stringify({ apps: [app] }, null, 2)}\n`;
}

/** PM2's names for the same, so that either of the two can run it. */
function ecosystemText({ nodeArgs, ...rest }: Guess): string {
  const pm2 = nodeArgs.length > 0 ? `      node_args: ${JSON.stringify(nodeArgs)},\n` : "";
  return `// PM2 and Holdfast read this file: holdfast start.
module.exports = {
  apps: [
    {
${lines({ ...rest, nodeArgs: [] })}
${pm2}      instances: "max",
      exec_mode: "cluster",
      // How long requests under way may take when a worker is replaced or stopped, in milliseconds.
      kill_timeout: 30000,
      // Variables for holdfast start --env staging
      // env_staging: { NODE_ENV: "staging" },
    },
  ],
};
`;
}
