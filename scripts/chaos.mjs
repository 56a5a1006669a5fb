// Runs test/chaos/run.ts on any Node, also on one that reads no TypeScript: `npm run chaos -- --minutes 30 --seed 7`.
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = new URL("..", import.meta.url);
// As deep as test/chaos is: what looks for the project's files from where it lies finds them.
const folder = fileURLToPath(new URL(`node_modules/.holdfast-chaos-${process.pid}`, root));
mkdirSync(folder);
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const bundled = await rolldown({
  input: fileURLToPath(new URL("test/chaos/run.ts", root)),
  platform: "node",
  external: [/^[^./]/],
});
await bundled.write({ file: `${folder}/run.mjs`, format: "esm" });
await bundled.close();
await import(pathToFileURL(`${folder}/run.mjs`).href);
