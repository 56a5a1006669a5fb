// Jobs in a Redis stream: POST /jobs, to any worker. One worker does each, under the name of its slot.
import { createServer } from "node:http";
import { hostname } from "node:os";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { draining, onActivate, onDrain, slot } from "holdfast/worker";
import { createClient } from "redis";

const { HOST = "127.0.0.1", PORT = "3100", REDIS_URL = "redis://127.0.0.1:6379" } = process.env;
const JOBS = "example:{jobs}";
const GROUP = "workers";
/** The port tells the supervisors of one machine apart. */
const consumer = `${hostname()}:${PORT}:${slot}`;

const redis = createClient({ url: REDIS_URL }).on("error", (error) => console.error(error));
const reader = redis.duplicate().on("error", (error) => console.error(error));
await Promise.all([redis.connect(), reader.connect()]);
await redis.xGroupCreate(JOBS, GROUP, "0", { MKSTREAM: true }).catch((error) => {
  if (!error.message.startsWith("BUSYGROUP")) throw error;
});

/** First what this name was given and has not acknowledged, which its last worker has left; then what is new. */
async function consume() {
  let id = "0";
  while (!draining.aborted) {
    const terms = { COUNT: 10, BLOCK: 500 };
    const given = await reader.xReadGroup(GROUP, consumer, { key: JOBS, id }, terms);
    const jobs = given?.[0]?.messages ?? [];
    for (const job of jobs) {
      // The slot's next worker does what is left.
      if (draining.aborted) return;
      await work(job);
    }
    if (jobs.length === 0) id = ">";
  }
}

async function work({ id, message }) {
  await redis.incr(`${JOBS}:begun`);
  await sleep(20);
  // What is done and that it is done are one step: only where both are in Redis is nothing done twice.
  await redis.multi().rPush(`${JOBS}:done`, message.text).xAck(JOBS, GROUP, id).exec();
}

let running = Promise.resolve();

onActivate(() => {
  running = (async () => {
    while (!draining.aborted) {
      await consume().catch(async (error) => {
        console.error(error);
        await sleep(1000);
      });
    }
  })();
});
onDrain("consumers", () => running);

const server = createServer(async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405).end();
  try {
    const id = await redis.xAdd(JOBS, "*", { text: await text(request) });
    response.writeHead(202).end(`${id}\n`);
  } catch (error) {
    console.error(error);
    response.writeHead(503).end();
  }
});
server.listen(Number(PORT), HOST);
