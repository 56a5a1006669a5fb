// Bare node:cluster: a primary that forks the program and hands it connections in turn.
import cluster from "node:cluster";
import { fileURLToPath } from "node:url";

const app = process.env.BENCH_APP ?? fileURLToPath(new URL("app.mjs", import.meta.url));
cluster.setupPrimary({ exec: app });
for (let count = 0; count < Number(process.env.BENCH_WORKERS); count++) cluster.fork();

process.on("SIGTERM", () => {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  process.exit(0);
});
