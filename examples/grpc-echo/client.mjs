// A client that survives its server's workers: `node client.mjs 127.0.0.1:50051`.
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const file = fileURLToPath(new URL("echo.proto", import.meta.url));
const { echo } = grpc.loadPackageDefinition(protoLoader.loadSync(file));

/** Only for methods that may be done twice: who was killed may have done its work. */
export const RETRIES = {
  methodConfig: [
    {
      name: [{ service: "echo.Echo", method: "Say" }],
      retryPolicy: {
        ...{ maxAttempts: 5, initialBackoff: "0.05s", maxBackoff: "1s", backoffMultiplier: 2 },
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
};

export function connect(address, options = {}) {
  return new echo.Echo(address, grpc.credentials.createInsecure(), options);
}

/** Resolves with the answer. It waits for a connection, and for the answer no longer than `withinMs`. */
export function say(client, text, withinMs = 10_000) {
  const metadata = new grpc.Metadata({ waitForReady: true });
  const terms = { deadline: Date.now() + withinMs };
  return new Promise((resolve, reject) => {
    client.say({ text }, metadata, terms, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

/** All numbers from `from` on. A stream that ends, or whose worker is lost, goes on with the next number. */
export async function* count(client, from, { signal, onEnd = () => {} } = {}) {
  let next = from;
  while (!signal?.aborted) {
    const metadata = new grpc.Metadata({ waitForReady: true });
    const stream = client.count({ number: next }, metadata);
    const cancel = () => stream.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      for await (const { number, slot } of stream) {
        next = number + 1;
        yield { number, slot };
      }
      onEnd(grpc.status.OK);
    } catch (error) {
      if (signal?.aborted) return;
      if (error.code !== grpc.status.UNAVAILABLE) throw error;
      onEnd(error.code);
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const client = connect(process.argv[2] ?? "127.0.0.1:50051", {
    "grpc.service_config": JSON.stringify(RETRIES),
  });
  console.log(await say(client, "hello"));
  for await (const { number, slot } of count(client, 1)) console.log(`${number} from slot ${slot}`);
}
