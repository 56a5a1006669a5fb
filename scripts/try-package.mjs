// Tries the package as its users get it: packs it, installs the tarball into an empty folder, and
// uses everything it offers, on this Node and on those of test/nodes. `npm run package:try`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "holdfast-try-"));
const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;

try {
  if (!existsSync(join(root, "dist/bin/holdfast.cjs"))) {
    throw new Error("There is no dist/: run npm run build first.");
  }
  const tarball = pack();
  for (const node of nodes()) await tryOn(node, tarball);
  console.log("The package works.");
} catch (fault) {
  console.error(`The package does not work: ${fault.message}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

function nodes() {
  const matrix = ["node22", "node24", "node26"]
    .map((alias) => join(root, "test/nodes/node_modules", alias, "bin/node"))
    .filter((binary) => existsSync(binary));
  return [process.execPath, ...matrix];
}

/** Packs the package and looks at what went in; returns the tarball's path. */
function pack() {
  const [packed] = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work], { cwd: root }),
  );
  const files = packed.files.map(({ path }) => path);
  const wanted = ["dist/src/index.js", "dist/src/index.d.ts", "dist/agent.cjs", "schema.json"];
  const programs = ["dist/queue-thread.cjs", "dist/heir.cjs", "dist/takeover.cjs"];
  const missing = [...wanted, ...programs, "README.md", "LICENSE"].filter(
    (file) => !files.includes(file),
  );
  if (missing.length > 0) throw new Error(`the tarball lacks ${missing.join(", ")}`);
  const may = /^(?:dist\/|[^/]+\.md$|LICENSE$|package\.json$|(?:ecosystem\.example|schema)\.json$)/;
  const mayNot =
    /(?:^|\/)(?:test|bench|node_modules|\.[^/]*)(?:\/|$)|\.test\.|(?<!\.d)\.ts$|\.pem$|\.key$/;
  const strays = files.filter((file) => !may.test(file) || mayNot.test(file));
  if (strays.length > 0) throw new Error(`the tarball has no business with ${strays.join(", ")}`);
  const size = (packed.size / 1024).toFixed(0);
  const unpacked = (packed.unpackedSize / 1024).toFixed(0);
  console.log(`${packed.filename}: ${size} kB, ${unpacked} kB unpacked, ${files.length} files`);
  return join(work, packed.filename);
}

async function tryOn(node, tarball) {
  const folder = mkdtempSync(join(work, "consumer-"));
  const env = {
    ...process.env,
    PATH: [dirname(node), process.env.PATH].join(delimiter),
    // npx runs what is installed, and fetches nothing in its place.
    npm_config_yes: "false",
  };
  const at = { cwd: folder, env };
  const begin = performance.now();
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  run("npm", ["install", tarball, "--engine-strict", "--ignore-scripts", "--no-audit"], at);
  const packages = hasNoInstallScripts(folder);
  canBeLoaded(node, at);
  hasTypes(node, at);
  hasSocketIo(node, at);
  hasCommand(at);
  await serves(at);
  inTheBackground(at);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const name = run(node, ["-p", "process.versions.node"], at).trim();
  console.log(`node ${name}: works, ${packages} packages, ${seconds} s`);
}

function hasNoInstallScripts(folder) {
  const lock = JSON.parse(readFileSync(join(folder, "node_modules/.package-lock.json"), "utf8"));
  const scripted = Object.entries(lock.packages).filter(([path, entry]) => {
    const manifest = JSON.parse(readFileSync(join(folder, path, "package.json"), "utf8"));
    const hooks = ["preinstall", "install", "postinstall"];
    const builds = existsSync(join(folder, path, "binding.gyp"));
    return entry.hasInstallScript || builds || hooks.some((hook) => manifest.scripts?.[hook]);
  });
  if (scripted.length > 0) {
    throw new Error(`install scripts in ${scripted.map(([path]) => path).join(", ")}`);
  }
  return Object.keys(lock.packages).length;
}

function canBeLoaded(node, at) {
  const check = `
    if (typeof main.createSupervisor !== "function") throw new Error("no createSupervisor");
    if (typeof worker.onDrain !== "function" || worker.slot !== 0) throw new Error("no worker API");`;
  const asModule = `const main = await import("holdfast"); const worker = await import("holdfast/worker");`;
  const asCommonJs = `const main = require("holdfast"); const worker = require("holdfast/worker");`;
  run(node, ["--input-type=module", "-e", asModule + check], at);
  run(node, ["--input-type=commonjs", "-e", asCommonJs + check], at);
}

/** A consumer in TypeScript, checked by the repository's own compiler and Node types. */
function hasTypes(node, at) {
  const consumer = `
import { createSupervisor, HoldfastError } from "holdfast";
import { draining, onActivate, onDrain, slot } from "holdfast/worker";

export async function main(): Promise<number> {
  await using supervisor = createSupervisor({ apps: [{ script: "server.js", instances: 2 }] });
  try {
    await supervisor.start();
    await supervisor.reload();
  } catch (error) {
    if (error instanceof HoldfastError) return error.exitStatus;
    throw error;
  }
  onDrain(() => {});
  onActivate(async () => {});
  // @ts-expect-error: a wrong type must be noticed
  const wrong: string = slot;
  return draining.aborted ? Number(wrong) : slot;
}
`;
  const compilerOptions = {
    ...{ module: "nodenext", target: "es2023", strict: true, noEmit: true },
    // "esnext.disposable" is what "await using" needs.
    ...{ lib: ["es2023", "esnext.disposable"], types: ["node"] },
    typeRoots: [join(root, "node_modules/@types")],
  };
  writeFileSync(join(at.cwd, "consumer.ts"), consumer);
  const settings = JSON.stringify({ compilerOptions, files: ["consumer.ts"] });
  writeFileSync(join(at.cwd, "tsconfig.json"), settings);
  run(node, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], at);
}

/** The adapter needs a package that only its users have. */
function hasSocketIo(node, at) {
  run("npm", ["install", "socket.io@^4.8.0", "--no-save", "--ignore-scripts", "--no-audit"], at);
  const check = `
    import { createAdapter } from "holdfast/socket.io";
    import { Server } from "socket.io";
    const io = new Server({ adapter: createAdapter(), connectionStateRecovery: {} });
    if ((await io.of("/").adapter.serverCount()) !== 1) throw new Error("no adapter");`;
  run(node, ["--input-type=module", "-e", check], at);
}

function hasCommand(at) {
  const said = run("npx", ["holdfast", "--version"], at).trim();
  if (said !== version) throw new Error(`holdfast --version says "${said}", not "${version}"`);
  const help = run("npx", ["holdfast", "--help"], at);
  if (!/\brun\b/.test(help)) throw new Error(`holdfast --help does not name "run":\n${help}`);
}

/** The same server under a background supervisor, from start to shutdown. */
function inTheBackground(at) {
  const home = { cwd: at.cwd, env: { ...at.env, HOLDFAST_HOME: join(at.cwd, "home") } };
  const holdfast = (...args) => run("node_modules/.bin/holdfast", args, home);
  try {
    holdfast("start", "app/hello.mjs", "-i", "2", "--min-uptime", "100ms");
    const { apps } = JSON.parse(holdfast("list", "-o", "json")).data;
    if (apps[0]?.ready !== 2) throw new Error(`start did not: ${JSON.stringify(apps)}`);
    holdfast("reload", "hello");
  } finally {
    holdfast("shutdown");
  }
}

/** Runs a server with two workers, asks it once, and stops it. */
async function serves(at) {
  const port = await freePort();
  const hello = `import http from "node:http";
http.createServer((_, response) => response.end("hello")).listen(${port}, "127.0.0.1");\n`;
  mkdirSync(join(at.cwd, "app"));
  writeFileSync(join(at.cwd, "app/hello.mjs"), hello);
  const command = join(at.cwd, "node_modules/.bin/holdfast");
  const child = spawn(command, ["run", "app/hello.mjs", "-i", "2"], {
    ...at,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? code));
  });
  try {
    const body = await asked(`http://127.0.0.1:${port}/`, ended);
    if (body !== "hello") throw new Error(`the server answered "${body}"`);
    child.kill("SIGTERM");
    const result = await within(20_000, ended);
    if (result !== 0) throw new Error(`after SIGTERM holdfast ended with ${result}`);
  } catch (error) {
    throw new Error(`holdfast run: ${error.message}\n${output}`);
  } finally {
    child.kill("SIGKILL");
  }
}

async function asked(url, ended) {
  const deadline = performance.now() + 20_000;
  let last = "";
  while (performance.now() < deadline) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();
    } catch (error) {
      last = error.cause?.code ?? error.message;
    }
    const result = await Promise.race([ended, pause(100)]);
    if (result !== undefined) throw new Error(`it ended with ${result} before it answered`);
  }
  throw new Error(`no answer within 20 s, the last was ${last}`);
}

function within(ms, promise) {
  return Promise.race([promise, pause(ms).then(() => `nothing within ${ms} ms`)]);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function run(command, args, options) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  if (status === 0) return stdout;
  const why = error?.message ?? `ended with ${signal ?? status}`;
  throw new Error(`${command} ${args.join(" ")}: ${why}\n${stdout}\n${stderr}`);
}
