// Builds dist/: the type-checked ES modules by tsc, and the agent, the heir and the thread of the durable queues,
// each one CommonJS file without imports but Node's own, by rolldown. Built aside and then put in place, so that what runs from
// dist/ meanwhile finds every file.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = new URL("..", import.meta.url);
process.chdir(fileURLToPath(root));
const made = `dist.new-${process.pid}`;
const stale = `dist.old-${process.pid}`;
process.on("exit", () => {
  for (const folder of [made, stale]) rmSync(folder, { recursive: true, force: true });
});

const tsc = spawnSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json", "--outDir", made], {
  stdio: "inherit",
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const packages = Object.keys(dependencies);
const optional = Object.keys(peerDependencies);

/**
 * @param {Record<string, string>} input
 * @param {import("rolldown").ExternalOption} external
 */
async function bundle(input, external) {
  const bundled = await rolldown({ input, platform: "node", external });
  await bundled.write({
    dir: made,
    format: "cjs",
    entryFileNames: "[name].cjs",
    // As deep as the modules are: they find the agent and the like from where they lie.
    chunkFileNames: "src/bundle/[name].cjs",
    minify: false,
  });
  await bundled.close();
}

rmSync(`${made}/bin`, { recursive: true });
rmSync(`${made}/src/cli`, { recursive: true });
await bundle({ agent: "src/agent/main.ts" }, /^node:/);
await bundle({ heir: "src/supervisor/heir/main.ts" }, /^node:/);
await bundle({ "queue-thread": "src/supervisor/queue/thread-main.ts" }, [/^node:/, ...optional]);
// A command that only looks starts twice as fast from a few files as from many.
const commands = { "bin/holdfast": "bin/holdfast.ts", takeover: "src/cli/takeover.ts" };
await bundle(commands, [/^node:/, ...packages]);
chmodSync(`${made}/bin/holdfast.cjs`, 0o755);
if (existsSync("dist")) renameSync("dist", stale);
renameSync(made, "dist");
