// GET /ticks: an event stream which any worker can go on with where another has left off.
import { createServer } from "node:http";
import { feed, since } from "./feed.mjs";

const { HOST = "127.0.0.1", PORT = "3000", RETRY_MS = "1000" } = process.env;
/** Who reads so slowly is cut off, and comes back with its Last-Event-ID: no client makes a worker grow. */
const UNREAD_BYTES = 1_000_000;

/** Who listens, and the number each has been sent last. */
const clients = new Map();
feed.on("more", () => {
  for (const response of clients.keys()) send(response);
});

function send(response) {
  const { ticks, missed } = since(clients.get(response));
  if (ticks.length === 0) return;
  if (response.writableLength > UNREAD_BYTES) return response.destroy();
  const gap = missed ? "event: missed\ndata: ticks that are not kept any more\n\n" : "";
  const events = ticks.map(({ id, ...tick }) => `id: ${id}\ndata: ${JSON.stringify(tick)}\n\n`);
  response.write(gap + events.join(""));
  clients.set(response, ticks.at(-1).id);
}

const server = createServer((request, response) => {
  if (request.url !== "/ticks") return response.writeHead(404).end("There is only /ticks.\n");
  const type = { "content-type": "text/event-stream", "cache-control": "no-store" };
  // The next stream comes by a connection of its own, and so to a worker that stays.
  response.writeHead(200, { ...type, connection: "close" });
  // Those whose worker goes do not all come back in the same instant.
  response.write(`retry: ${Math.round(Number(RETRY_MS) * (0.5 + Math.random()))}\n\n`);
  const last = Number.parseInt(request.headers["last-event-id"] ?? "", 10);
  clients.set(response, Number.isNaN(last) ? null : last);
  response.once("close", () => clients.delete(response));
  send(response);
});

server.listen(Number(PORT), HOST, () => {
  console.log(`ticker: http://${HOST}:${server.address().port}/ticks`);
});
