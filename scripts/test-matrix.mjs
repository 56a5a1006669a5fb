// Runs the tests that meet real processes on every newer Node: `npm run test:matrix`.
//   --only 24     that Node alone (or several: --only 22,26)
//   --no-build    dist/ is there already
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const nodesFolder = join(root, "test/nodes");
// Without the crowd of P11, which has the machine to itself for minutes: `npm test` runs it, on one Node.
const project = ["--project", "tests"];
// Of the command line what talks to real supervisors; the rest of it does not depend on the Node.
const suites = [
  "test/promises",
  "test/supervisor",
  "test/agent",
  "test/sticky",
  "test/bus",
  "test/link",
  "test/socket-io",
  "test/cli/background.test.ts",
  "test/cli/heir.test.ts",
  "test/cli/step-down.test.ts",
  "test/cli/upgrade.test.ts",
];

const { values: options } = parseArgs({
  options: { only: { type: "string" }, "no-build": { type: "boolean", default: false } },
});

process.chdir(root);
const nodes = chosen(options.only);
if (nodes.some(({ binary }) => !existsSync(binary))) install();
if (!options["no-build"]) mustRun("npm", ["run", "build", "--silent"]);

const folders = suites.filter((folder) => existsSync(folder));
const reports = mkdtempSync(join(tmpdir(), "holdfast-matrix-"));
const results = nodes.map(runOn);
rmSync(reports, { recursive: true });
console.log(`\nThe matrix: ${folders.join(" ")}`);
for (const { version, passed, seconds, failures, leftOut } of results) {
  console.log(`  ${passed ? "passed" : "FAILED"}  node ${version}  ${seconds} s`);
  for (const failure of failures) console.log(`          ${failure}`);
  for (const name of leftOut) console.log(`          left out: ${name}`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

/** The Nodes of test/nodes/package.json, or those of them that `--only` names. */
function chosen(only) {
  const manifest = JSON.parse(readFileSync(join(nodesFolder, "package.json"), "utf8"));
  const known = Object.keys(manifest.dependencies).map((alias) => ({
    major: alias.replace("node", ""),
    binary: join(nodesFolder, "node_modules", alias, "bin/node"),
  }));
  if (only === undefined) return known;
  const wanted = only.split(",");
  const strange = wanted.filter((major) => !known.some((node) => node.major === major));
  if (strange.length > 0) {
    fail(`There is no Node ${strange.join(", ")} here; there are ${known.map((n) => n.major)}.`);
  }
  return known.filter((node) => wanted.includes(node.major));
}

function install() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    fail("The Node binaries of test/nodes are for Linux on x64: run the matrix there.");
  }
  mustRun("npm", ["ci", "--prefix", nodesFolder]);
}

function runOn({ binary }) {
  const version = spawnSync(binary, ["-p", "process.versions.node"], { encoding: "utf8" });
  if (version.status !== 0) fail(`${binary} does not run: ${version.error ?? version.stderr}`);
  console.log(`\n=== node ${version.stdout.trim()}`);
  const begin = performance.now();
  const report = join(reports, `${version.stdout.trim()}.json`);
  const { status } = spawnSync(
    binary,
    ["node_modules/vitest/vitest.mjs", "run", ...project, ...folders],
    {
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        PATH: [dirname(binary), process.env.PATH].join(delimiter),
        TEST_REPORT: report,
      },
    },
  );
  const seconds = Math.round((performance.now() - begin) / 1000);
  const passed = status === 0;
  const failures = passed ? [] : failuresOf(report);
  return { version: version.stdout.trim(), passed, seconds, failures, leftOut: leftOutOf(report) };
}

/** What failed, a line each, for the end of the output: what came before may be cut off by who keeps it. */
function failuresOf(report) {
  if (!existsSync(report)) return ["it ended without a report"];
  const lines = JSON.parse(readFileSync(report, "utf8")).testResults.flatMap((file) => {
    const failed = file.assertionResults.filter(({ status }) => status === "failed");
    const tests = failed.map((test) => `${test.fullName}: ${firstLine(test.failureMessages[0])}`);
    if (tests.length === 0 && file.status === "failed") tests.push(firstLine(file.message));
    return tests.map((test) => `${relative(root, file.name)}: ${test}`);
  });
  return lines.length > 0 ? lines : ["no test failed: an error outside of them, told above"];
}

/** What was left out; why is told at the end of that run. */
function leftOutOf(report) {
  if (!existsSync(report)) return [];
  return JSON.parse(readFileSync(report, "utf8")).testResults.flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status !== "passed" && status !== "failed")
      .map(({ fullName }) => `${fullName} (${relative(root, file.name)})`),
  );
}

function firstLine(text = "") {
  const [line] = text.split("\n");
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}

function mustRun(command, args) {
  const { status } = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) fail(`${command} ${args.join(" ")} failed with ${status}.`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
