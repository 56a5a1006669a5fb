// A shop's API in Fastify, with its own clean-up: close() on the signal, which runs the onClose hooks.
import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";

const { HOST = "127.0.0.1", PORT = "3000", LOG_LEVEL = "info" } = process.env;
/** Looking something up takes a little, as with a database. */
const LOOK_UP_MS = 10;

const fastify = Fastify({ logger: { level: LOG_LEVEL } });

fastify.get("/items/:id", async (request) => {
  await sleep(LOOK_UP_MS);
  const id = Number(request.params.id);
  return { id, price: 100 + (id % 40), pid: process.pid };
});

const line = {
  type: "object",
  required: ["price", "quantity"],
  properties: { price: { type: "number" }, quantity: { type: "integer" } },
};
const body = {
  type: "object",
  required: ["lines"],
  properties: { lines: { type: "array", items: line } },
};
fastify.post("/orders", { schema: { body } }, async (request, reply) => {
  await sleep(LOOK_UP_MS);
  const { lines } = request.body;
  const total = lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
  reply.code(201);
  return { lines: lines.length, total, pid: process.pid };
});

// Where a database's connections would be closed. At a reload this comes last: all requests have been answered.
fastify.addHook("onClose", async ({ log }) => log.warn("closed"));
process.once("SIGTERM", () => fastify.close());

try {
  await fastify.listen({ port: Number(PORT), host: HOST });
} catch (error) {
  fastify.log.error(error);
  process.exit(1);
}
