// The program every contender of the sticky benchmark runs: a count for each session, in memory, Socket.IO
// beside it, and an echo of WebSockets at /ws. Each answer names the worker that gave it, all have one length.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";

/** Sessions that nobody polls are to last as long as the benchmark. */
const HOUR_MS = 3_600_000;
const WIDTH = 8;
const worker = String(process.pid).padStart(WIDTH);

/** @type {Map<string, number>} */
const counts = new Map();

const server = createServer((request, response) => {
  // Asked only while a contender starts.
  if (request.url === "/pid") {
    response.end(String(process.pid));
    return;
  }
  const session = sessionOf(request);
  const count = (counts.get(session) ?? 0) + 1;
  if (session !== "") counts.set(session, count);
  const body = `hello ${String(count).padStart(WIDTH)} ${worker}`;
  response.writeHead(200, { "content-type": "text/plain", "content-length": body.length });
  response.end(body);
});

const io = new Server(server, {
  serveClient: false,
  destroyUpgrade: false,
  pingInterval: HOUR_MS,
  connectTimeout: HOUR_MS,
});
io.engine.on("initial_headers", (headers) => {
  headers["X-Worker"] = process.pid;
});

const echo = new WebSocketServer({ noServer: true });
echo.on("headers", (headers) => headers.push(`X-Worker: ${process.pid}`));
echo.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on("error", (error) => console.error(String(error)));
});
server.on("upgrade", (request, socket, head) => {
  if (request.url !== "/ws") return;
  echo.handleUpgrade(request, socket, head, (client) => echo.emit("connection", client, request));
});

// Behind @socket.io/sticky its primary listens.
const sticky = process.env.BENCH_SOCKETIO_STICKY;
const reusePort = process.env.BENCH_REUSE_PORT === "1";
if (sticky === undefined) {
  server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", reusePort });
} else {
  createRequire(import.meta.url)(sticky).setupWorker(io);
  process.send?.("ready");
}

/** @param {import("node:http").IncomingMessage} request */
function sessionOf({ url = "", headers }) {
  const found = /[?&]sid=([\w-]+)/.exec(url) ?? /\bsession=([\w-]+)/.exec(headers.cookie ?? "");
  return found?.[1] ?? "";
}
