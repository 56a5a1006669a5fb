// The program every contender runs. It listens on PORT and says when: milliseconds since its process
// started, the CPU time it took, and the moment itself.
import { createServer } from "node:http";

const BODY = Buffer.from("hello\n");
const port = Number(process.env.PORT);
const reusePort = process.env.BENCH_REUSE_PORT === "1";

const server = createServer((request, response) => {
  // Which worker answers; asked only while a contender starts.
  if (request.url === "/pid") {
    response.end(String(process.pid));
    return;
  }
  response.writeHead(200, { "content-type": "text/plain", "content-length": BODY.length });
  response.end(BODY);
});

server.listen({ port, host: "127.0.0.1", reusePort }, () => {
  const sinceStartMs = performance.now();
  const at = performance.timeOrigin + sinceStartMs;
  const { user, system } = process.cpuUsage();
  const cpuMs = (user + system) / 1000;
  console.log(`listening ${JSON.stringify({ sinceStartMs, cpuMs, at })}`);
});
