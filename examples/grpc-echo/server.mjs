// A gRPC server: Say answers, Count is a stream without an end.
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { draining, slot } from "holdfast/worker";

const { HOST = "127.0.0.1", PORT = "50051", MAX_CONNECTION_AGE_MS = "300000" } = process.env;
const ANSWER_MS = 10;
const COUNT_EVERY_MS = 20;

function say({ request }, callback) {
  setTimeout(() => callback(null, { text: request.text, slot }), ANSWER_MS);
}

function count(call) {
  let { number } = call.request;
  const timer = setInterval(() => call.write({ number: number++, slot }), COUNT_EVERY_MS);
  const stop = () => {
    clearInterval(timer);
    draining.removeEventListener("abort", end);
  };
  const end = () => {
    stop();
    call.end();
  };
  call.once("cancelled", stop);
  // Nobody but the program knows where a stream may end; one that does not end holds up the drain until `drainTimeout`.
  draining.addEventListener("abort", end);
  if (draining.aborted) end();
}

const file = fileURLToPath(new URL("echo.proto", import.meta.url));
const { echo } = grpc.loadPackageDefinition(protoLoader.loadSync(file));
// A channel stays with one worker for as long as its connection lives.
const server = new grpc.Server({ "grpc.max_connection_age_ms": Number(MAX_CONNECTION_AGE_MS) });
server.addService(echo.Echo.service, { say, count });

const bind = promisify(server.bindAsync.bind(server));
const port = await bind(`${HOST}:${PORT}`, grpc.ServerCredentials.createInsecure());
console.log(`echo: ${HOST}:${port}`);
