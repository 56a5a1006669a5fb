// Lists the examples, or runs one: `npm run examples`, `npm run examples chat-ws`.
//   PORT=4000 npm run examples chat-ws   variables that the example's file names, with another value
//   --no-build                           dist/ is as it should be
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { examples, root } from "./examples/catalogue.mjs";
import { startServers, statesOf } from "./examples/servers.mjs";
import { runExample } from "./examples/supervisors.mjs";

const STOPS = ["SIGINT", "SIGTERM", "SIGQUIT"];

const { names, options } = asked();
const known = examples();
const [example] = known.filter(({ name }) => name === names[0]);

if (names.length === 0) {
  console.log(list());
} else if (names.length > 1 || example === undefined) {
  const what = names.length > 1 ? "One at a time." : `There is no example "${names[0]}".`;
  console.error(`${what}\n\n${list()}`);
  process.exitCode = 2;
} else {
  process.exitCode = await run(example).catch((error) => {
    console.error(`${example.name}: ${error.message}`);
    return 1;
  });
}

function asked() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { "no-build": { type: "boolean", default: false } },
    });
    return { names: positionals, options: values };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

function list() {
  const states = statesOf([...new Set(known.flatMap(({ servers }) => servers))]);
  const width = Math.max(...known.map(({ name }) => name.length));
  const lines = known.map(({ name, title, servers }) => {
    const needs = servers.map((server) => `${server}: ${isHere(states[server])}`);
    return `  ${name.padEnd(width)}  ${title}${needs.length > 0 ? ` (needs ${needs.join(", ")})` : ""}`;
  });
  return ["npm run examples <name> starts one:", "", ...lines].join("\n");
}

function isHere(state) {
  if (state === "missing") return "not installed here";
  return state === "given" ? "named by the environment" : "is here";
}

/** Resolves with the exit code of `holdfast run`. Ctrl-C stops it, and then the servers that were started for it. */
async function run(chosen) {
  const stopping = new AbortController();
  let forward = (_signal) => {};
  const hadTerminal = hasTerminal();
  for (const signal of [...STOPS, "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGHUP") stopping.abort();
      if (!isTheTerminals(signal, hadTerminal)) forward(signal);
    });
  }
  if (!options["no-build"] && isStale()) build();
  const { env, stop } = await startServers(chosen.servers);
  try {
    if (stopping.signal.aborted) return 0;
    return await runExample(chosen, { ...process.env, ...env }, stopping.signal, (send) => {
      forward = send;
    });
  } finally {
    await stop();
  }
}

/** What a terminal sends goes to all that run in it, and must not come a second time from here. */
function isTheTerminals(signal, hadTerminal) {
  if (signal === "SIGHUP") return hadTerminal && !hasTerminal();
  return signal !== "SIGTERM" && hadTerminal;
}

function hasTerminal() {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** Whether there is a source that is younger than what was built. */
function isStale() {
  const built = statSync(join(root, "dist/bin/holdfast.cjs"), { throwIfNoEntry: false });
  if (built === undefined) return true;
  const sources = ["bin", "src"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)),
  );
  return sources.some((file) => statSync(file).mtimeMs > built.mtimeMs);
}

function build() {
  const { status } = spawnSync(process.execPath, [join(root, "scripts/build.mjs")], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`the build failed with ${status}`);
}
