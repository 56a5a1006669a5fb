// Builds dist/: the type-checked ES modules by tsc, and the agent, one CommonJS file without
// imports but Node's own, by rolldown. Built aside and then put in place, so that what runs from
// dist/ meanwhile finds every file.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, renameSync, rmSync } from "node:fs";
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

const bundle = await rolldown({
  input: "src/agent/main.ts",
  platform: "node",
  external: /^node:/,
});
await bundle.write({ file: `${made}/agent.cjs`, format: "cjs", minify: false });
await bundle.close();
chmodSync(`${made}/bin/holdfast.js`, 0o755);
if (existsSync("dist")) renameSync("dist", stale);
renameSync(made, "dist");
