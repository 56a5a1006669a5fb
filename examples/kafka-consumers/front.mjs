// POST /messages?value=7 sends a message: 202 once the broker, and all its replicas that are in sync, have it.
import { createServer } from "node:http";
import { Kafka, logLevel } from "kafkajs";
import { BROKERS, fail, IDENTITY, TOPIC } from "./kafka.mjs";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;
const ALL_IN_SYNC = -1;

const kafka = new Kafka({ clientId: IDENTITY, brokers: BROKERS, logLevel: logLevel.ERROR });
const producer = kafka.producer();
await producer.connect().catch(fail);

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://front");
  if (request.method !== "POST" || pathname !== "/messages") return send(response, 404, {});
  const value = searchParams.get("value") ?? "0";
  try {
    await producer.send({ topic: TOPIC, acks: ALL_IN_SYNC, messages: [{ value }] });
    send(response, 202, { value });
  } catch (error) {
    // Whether the broker has it is not known.
    send(response, 503, { error: error.message });
  }
});

function send(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

server.listen(Number(PORT), HOST, () => {
  console.log(`curl -X POST "http://${HOST}:${server.address().port}/messages?value=7"`);
});
