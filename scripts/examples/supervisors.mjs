// `holdfast run` of an example's file, once or several times, until it has ended.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FILE, root } from "./catalogue.mjs";

const command = join(root, "dist/bin/holdfast.cjs");

/**
 * Resolves with the exit code when all have ended; the first to end stops the others, unless all are to end.
 * @param {ReturnType<typeof import("./catalogue.mjs").examples>[number]} example
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} stopping
 * @param {(forward: (signal: NodeJS.Signals) => void) => void} onSignals
 */
export async function runExample(example, env, stopping, onSignals) {
  const scratch = mkdtempSync(join(tmpdir(), "holdfast-example-"));
  try {
    const copies = Array.from({ length: example.supervisors }, (_, nth) =>
      start(example, env, join(scratch, `${nth}`), nth),
    );
    const running = new Set(copies);
    onSignals((signal) => {
      for (const child of running) child.kill(signal);
    });
    const codes = copies.map(async (child) => {
      const code = await codeOf(child);
      running.delete(child);
      // A second signal would hurry it.
      if (!stopping.aborted) for (const other of running) other.kill("SIGTERM");
      return code;
    });
    return (await Promise.all(codes)).find((code) => code !== 0) ?? 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function start(example, env, scratch, nth) {
  const queues = example.queues ? ["--queue-folder", join(scratch, "queues")] : [];
  const file = fileOf(example, env, scratch, nth);
  return spawn(process.execPath, [command, "run", file, ...queues], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** The example's own file, or one beside that differs in what the environment says and in the port. */
function fileOf({ folder }, env, scratch, nth) {
  const own = join(folder, FILE);
  const { apps } = JSON.parse(readFileSync(own, "utf8"));
  const first = Number(apps.find((app) => app.env?.PORT)?.env.PORT);
  const wanted = apps.map((app) => ({ ...app, env: envOf(app, env, { first, nth }) }));
  if (apps.every((app, index) => isDeepStrictEqual(app.env ?? {}, wanted[index].env))) return own;
  mkdirSync(scratch);
  const file = join(scratch, FILE);
  const moved = wanted.map((app) => ({ ...app, cwd: join(folder, app.cwd ?? ".") }));
  writeFileSync(file, JSON.stringify({ apps: moved }, null, 2));
  return file;
}

/** Variables of this environment go before the file's; HOST does not: some shells set it to the machine's name. */
function envOf({ env = {} }, given, place) {
  const named = Object.keys(env).filter((name) => name !== "HOST" && given[name] !== undefined);
  const changed = { ...env, ...Object.fromEntries(named.map((name) => [name, given[name]])) };
  return env.PORT ? { ...changed, PORT: portOf(Number(env.PORT), given.PORT, place) } : changed;
}

/** PORT is the first app's: the others keep their distance to it. The second supervisor has the next port; 0 is a free one. */
function portOf(own, given, { first, nth }) {
  const port = given === undefined ? own : Number(given) + own - first;
  return given === "0" || own === 0 ? "0" : String(port + nth);
}

async function codeOf(child) {
  const [code, signal] = await once(child, "exit");
  return code ?? 128 + constants.signals[signal];
}
