// Bare node:cluster: a primary that forks the program and hands it connections in turn.
import cluster from "node:cluster";
import { fileURLToPath } from "node:url";

cluster.setupPrimary({ exec: fileURLToPath(new URL("app.mjs", import.meta.url)) });
for (let count = 0; count < Number(process.env.BENCH_WORKERS); count++) cluster.fork();

process.on("SIGTERM", () => {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  process.exit(0);
});
