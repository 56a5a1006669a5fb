// GET /messages?after=<cursor> waits for what comes next; POST /messages {"key":"...","text":"..."} says something.
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { draining } from "holdfast/worker";
import { feed, say, since } from "./feed.mjs";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;
/** Less than the minute after which proxies give up. */
const WAIT_MS = 25_000;

/** What answers each poll that waits. */
const waiting = new Set();
const answerAll = () => {
  for (const answer of waiting) answer();
};
feed.on("more", answerAll);
// Otherwise they would hold the drain up. The cursor is good in any worker.
draining.addEventListener("abort", answerAll);

function poll(response, after) {
  const answer = () => {
    forget();
    send(response, 200, since(after));
  };
  const timer = setTimeout(answer, WAIT_MS);
  const forget = () => {
    waiting.delete(answer);
    clearTimeout(timer);
  };
  response.once("close", forget);
  waiting.add(answer);
  if (draining.aborted || since(after).messages.length > 0) answer();
}

async function post(request, response) {
  const isShort = Number(request.headers["content-length"] ?? Number.NaN) <= 10_000;
  if (!isShort) return send(response, 413, { error: "a message has at most 10,000 bytes" });
  const { key, text } = (await json(request).catch(() => null)) ?? {};
  if (typeof key !== "string" || typeof text !== "string")
    return send(response, 400, { error: "a message has a key and a text" });
  try {
    send(response, 201, { id: await say(key.slice(0, 100), text.slice(0, 1000)) });
  } catch (error) {
    // Whether it was said may not be known; with its key it can be said again.
    send(response, 503, { error: error.message });
  }
}

function send(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://longpoll");
  if (pathname !== "/messages") send(response, 404, { error: "there is only /messages" });
  else if (request.method === "POST") void post(request, response);
  else poll(response, Number.parseInt(searchParams.get("after") ?? "0", 10) || 0);
});

server.listen(Number(PORT), HOST, () => {
  console.log(`longpoll: http://${HOST}:${server.address().port}/messages`);
});
