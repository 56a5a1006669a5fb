// POST /jobs?ms=50 puts a job into the queue: 202 once the broker has it on disk, and answers for it.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { JOBS, open } from "./broker.mjs";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;
const { channel } = await open();

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://front");
  if (request.method !== "POST" || pathname !== "/jobs") return send(response, 404, {});
  const id = randomUUID();
  const job = Buffer.from(JSON.stringify({ id, ms: Number(searchParams.get("ms") ?? 50) }));
  channel.sendToQueue(JOBS, job, { persistent: true, messageId: id }, (error) =>
    // Without the broker's word it is not known whether it has the job.
    error ? send(response, 503, { error: error.message }) : send(response, 202, { id }),
  );
});

function send(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

server.listen(Number(PORT), HOST, () => {
  console.log(`curl -X POST "http://${HOST}:${server.address().port}/jobs?ms=500"`);
});
