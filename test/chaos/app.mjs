// The program whose workers are killed: HTTP, WebSocket, and both sides of the bus. Each handler of a durable message
// writes its begin and end to the file LEDGER, "what pid at name", and so it does with what should not happen ("wrong").
// MISBEHAVE makes it break what it promises, for the test of the test: "reset" a request now and then, "lose" messages.

import { appendFileSync } from "node:fs";
import http from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { bus } from "holdfast/bus";
import { WebSocketServer } from "ws";

const { LEDGER, PORT, MISBEHAVE } = process.env;
const slot = Number(process.env.HOLDFAST_SLOT);
let requests = 0;
let published = 0;

const note = (what, name) =>
  appendFileSync(LEDGER, `${what} ${process.pid} ${Date.now()} ${name.replaceAll(/\s/g, "_")}\n`);

bus.on("error", (error) => {
  if (!error.code?.startsWith("HF_BUS_")) note("wrong", `bus:${error.stack}`);
});

const routes = {
  "/": async () => ({ pid: process.pid, slot }),
  "/ask": async (query) => {
    const n = query.get("n");
    const answer = await bus.request("echo", { n }, { timeout: "10s" });
    if (answer.n !== n) note("wrong", `answer ${answer.n} to ${n}`);
    return answer;
  },
  "/publish": async () => {
    published += 1;
    await bus.publish("news", { pid: process.pid, n: published });
    return {};
  },
  "/enqueue": async (_query, { name, waitMs }) => {
    const { id } = await bus.enqueue("work", { name, waitMs }, { attempts: 1000, dedupe: name });
    return { id };
  },
};

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://chaos");
  const number = request.headers["x-request-n"];
  if (number !== undefined) response.setHeader("x-request-n", number);
  response.setHeader("x-worker", String(process.pid));
  requests += 1;
  if (MISBEHAVE === "reset" && requests % 100 === 0) return request.socket.resetAndDestroy();
  if (url.pathname === "/slow") return slow(response, Number(url.searchParams.get("ms")));
  if (url.pathname === "/crash") return crash(response, Number(url.searchParams.get("pid")));
  try {
    const body = request.method === "POST" ? await json(request) : null;
    const answer = await routes[url.pathname](url.searchParams, body);
    response.end(JSON.stringify(answer));
  } catch (error) {
    response.statusCode = 503;
    response.end(error.code ?? String(error.stack));
  }
});

/** In pieces, so that one that is cut short shows. */
async function slow(response, ms) {
  for (let n = 0; n < 5; n += 1) {
    response.write(`${n}\n`);
    await sleep(ms / 5);
  }
  response.end("done\n");
}

/** Stands still first, so that the test can see what is lost with it. */
function crash(response, pid) {
  if (pid !== process.pid) return response.end("not me");
  setImmediate(() => {
    process.kill(process.pid, "SIGSTOP");
    throw new Error("told to crash");
  });
}

const sockets = new WebSocketServer({ server, path: "/ws" });
sockets.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on("error", () => {});
});

/** A worker may start while nobody is in charge. */
async function lasting(action) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!error.code?.startsWith("HF_BUS_")) throw error;
      await sleep(20);
    }
  }
}

const heard = new Map();
const hear = ({ pid, n }) => {
  if (n <= (heard.get(pid) ?? 0)) note("wrong", `news ${n} of ${pid} after ${heard.get(pid)}`);
  heard.set(pid, n);
};
const work = async ({ name, waitMs }) => {
  if (MISBEHAVE === "lose" && name.endsWith("7")) return;
  note("begin", name);
  if (waitMs > 0) await sleep(waitMs);
  note("end", name);
};
const patience = { concurrency: 4, timeout: "30s", backoff: { base: 50, max: 500 } };
await lasting(() => bus.subscribe("news", hear));
await lasting(() => bus.reply("echo", ({ n }) => ({ n, pid: process.pid })));
await lasting(() => bus.consume("work", work, patience));

server.listen(Number(PORT), "127.0.0.1");
