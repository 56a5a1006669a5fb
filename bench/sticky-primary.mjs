// @socket.io/sticky as its README sets it up: the primary accepts, reads the head, and hands the socket over.
// It listens once all workers take connections.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { setupPrimary } = createRequire(import.meta.url)(process.env.BENCH_SOCKETIO_STICKY ?? "");
const count = Number(process.env.BENCH_WORKERS);
const server = createServer();
setupPrimary(server, { loadBalancingMethod: process.env.BENCH_BALANCING });

const exec = fileURLToPath(new URL("sticky-app.mjs", import.meta.url));
cluster.setupPrimary({ exec, serialization: "advanced" });
for (let forked = 0; forked < count; forked++) cluster.fork();

let ready = 0;
cluster.on("message", (_worker, message) => {
  if (message === "ready" && ++ready === count)
    server.listen(Number(process.env.PORT), "127.0.0.1");
});
process.on("SIGTERM", () => {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  process.exit(0);
});
