// Builds dist/: the type-checked ES modules by tsc, and the agent, one CommonJS file without
// imports but Node's own, by rolldown. Stale output is removed first.
import { spawnSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = new URL("..", import.meta.url);
process.chdir(fileURLToPath(root));
rmSync("dist", { recursive: true, force: true });

const tsc = spawnSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

const bundle = await rolldown({
  input: "src/agent/main.ts",
  platform: "node",
  external: /^node:/,
});
await bundle.write({ file: "dist/agent.cjs", format: "cjs", minify: false });
await bundle.close();
chmodSync("dist/bin/holdfast.js", 0o755);
