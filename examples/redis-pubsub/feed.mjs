// What is posted to any worker of any supervisor reaches every client of all: POST /messages, and GET /events (an event stream).
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { createClient } from "redis";

const { HOST = "127.0.0.1", PORT = "3000", REDIS_URL = "redis://127.0.0.1:6379" } = process.env;
const { KEEP = "10000" } = process.env;
const FEED = "example:{feed}";
const NUMBER = `${FEED}:number`;
// One step in Redis: nobody hears two messages in another order, and none is published that is not kept.
const POST = `
  local number = redis.call("INCR", KEYS[2])
  redis.call("XADD", KEYS[1], "MAXLEN", ARGV[1], number .. "-0", "text", ARGV[2])
  redis.call("PUBLISH", KEYS[1], number .. " " .. ARGV[2])
  return number`;

const redis = createClient({ url: REDIS_URL }).on("error", (error) => console.error(error));
const subscriber = redis.duplicate().on("error", (error) => console.error(error));
await Promise.all([redis.connect(), subscriber.connect()]);

/** Each knows the number it was sent last: `{ response, at, isReading }`. */
const clients = new Set();
let newest = 0;

await subscriber.subscribe(FEED, (message) => {
  const space = message.indexOf(" ");
  const number = Number(message.slice(0, space));
  newest = Math.max(newest, number);
  for (const client of clients) {
    const isNext = number === client.at + 1 && !client.isReading;
    if (isNext) send(client, number, message.slice(space + 1));
    else if (number > client.at) catchUp(client);
  }
});
// What was published while the connection was lost is heard by nobody.
subscriber.on("ready", () => clients.forEach(catchUp));

/** Sends what Redis keeps from the client's number on. */
async function catchUp(client) {
  if (client.isReading) return;
  client.isReading = true;
  try {
    do {
      const heard = newest;
      const kept = await redis.xRange(FEED, `(${client.at}`, "+");
      for (const { id, message } of kept) send(client, Number.parseInt(id, 10), message.text);
      // What was heard before and is not there is there no more.
      client.at = Math.max(client.at, heard);
    } while (client.at < newest);
  } catch (error) {
    console.error(error);
    // It comes back with the number it has.
    client.response.destroy();
  }
  client.isReading = false;
}

function send(client, number, message) {
  const lost = number - client.at - 1;
  if (lost > 0) client.response.write(`event: lost\ndata: ${lost}\n\n`);
  client.response.write(`id: ${number}\ndata: ${JSON.stringify(message)}\n\n`);
  client.at = number;
}

async function join(request, response) {
  const type = { "content-type": "text/event-stream", "cache-control": "no-cache" };
  // The next stream comes by a connection of its own, and so to a worker that stays.
  response.writeHead(200, { ...type, connection: "close" });
  const last = request.headers["last-event-id"] ?? "";
  const at = Number(/^\d{1,15}$/.test(last) ? last : ((await redis.get(NUMBER)) ?? 0));
  if (response.closed) return;
  // Who is cut off before the first message needs a number to come back with, too.
  response.write(
    `retry: ${Math.round(50 + Math.random() * 100)}\nevent: joined\nid: ${at}\ndata:\n\n`,
  );
  const client = { response, at, isReading: false };
  clients.add(client);
  response.once("close", () => clients.delete(client));
  await catchUp(client);
}

async function post(request, response) {
  const values = [KEEP, await text(request)];
  const number = await redis.eval(POST, { keys: [FEED, NUMBER], arguments: values });
  response.writeHead(201, { "content-type": "application/json" });
  response.end(`${JSON.stringify({ number })}\n`);
}

const ROUTES = { "GET /events": join, "POST /messages": post };

const server = createServer((request, response) => {
  const route = ROUTES[`${request.method} ${request.url}`];
  if (!route) return response.writeHead(404).end("nothing here\n");
  route(request, response).catch((error) => {
    console.error(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(503).end("not now\n");
  });
});

// Only now: a client that is let in before the subscription stands would miss what comes in between.
server.listen(Number(PORT), HOST, () => {
  console.log(`feed: http://${HOST}:${server.address().port}/events`);
});
