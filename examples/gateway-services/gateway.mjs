// GET /quotes/<number>: the gateway asks the service `quotes`, and that one the service `stock`.
import { createServer } from "node:http";
import { ask } from "./ask.mjs";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;
const WITHIN_MS = 10_000;
/** What is wrong with the question, and not with those who answer. */
const FAULTS = { E_NO_SUCH_ITEM: 404 };

const server = createServer(async (request, response) => {
  const [, number] = /^\/quotes\/(\d{1,9})$/.exec(request.url ?? "") ?? [];
  if (request.method !== "GET" || number === undefined) return send(response, 404, "nothing here");
  // Nobody goes on working for a client that has gone.
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const terms = { deadline: Date.now() + WITHIN_MS, signal: gone.signal };
  try {
    send(response, 200, await ask("quotes.get", { item: Number(number) }, terms));
  } catch (error) {
    if (gone.signal.aborted) return;
    const status = FAULTS[error.code] ?? (error.code === "HF_BUS_TIMEOUT" ? 504 : 502);
    send(response, status, { error: error.message });
  }
});

function send(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

server.listen(Number(PORT), HOST, () => {
  console.log(`gateway: http://${HOST}:${server.address().port}/quotes/7`);
});
