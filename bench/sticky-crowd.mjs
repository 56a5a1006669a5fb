// Many WebSockets without a session, a process of its own: opens them from one source address, some at once, tells
// its parent which workers have them, and holds them until it is ended.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { parseArgs } from "node:util";

const OPEN_WITHIN_MS = 20_000;

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    count: { type: "string" },
    atOnce: { type: "string" },
    from: { type: "string" },
  },
});

/** @type {Record<string, number>} sessions by the worker's pid */
const workers = {};
/** @type {Record<string, number>} */
const errors = {};
let left = Number(values.count);
let open = 0;

/** One after the other. */
async function opener() {
  while (left > 0) {
    left--;
    try {
      const worker = await session();
      workers[worker] = (workers[worker] ?? 0) + 1;
      open++;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      errors[text] = (errors[text] ?? 0) + 1;
    }
  }
}

/** @returns {Promise<string>} the worker's pid */
function session() {
  return new Promise((resolve, reject) => {
    const host = "127.0.0.1";
    const socket = connect({ port: Number(values.port), host, localAddress: values.from });
    let text = "";
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed before the upgrade")));
    socket.setTimeout(OPEN_WITHIN_MS, () => socket.destroy(new Error("no upgrade in time")));
    socket.setEncoding("latin1").on("data", (/** @type {string} */ chunk) => {
      text += chunk;
      if (!text.includes("\r\n\r\n")) return;
      const worker = /^x-worker: (\d+)/im.exec(text)?.[1];
      if (!text.startsWith("HTTP/1.1 101 ") || !worker) {
        return socket.destroy(new Error(`not upgraded: ${text.slice(0, 80)}`));
      }
      socket.setTimeout(0);
      for (const event of ["error", "close", "timeout"]) socket.removeAllListeners(event);
      // One that closes while the others are opened is no session any more.
      socket.on("error", () => {}).on("close", () => open--);
      resolve(worker);
    });
    const key = randomBytes(16).toString("base64");
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
  });
}

process.once("disconnect", () => process.exit(0));
await Promise.all(Array.from({ length: Number(values.atOnce) }, opener));
process.send?.({ workers, errors, open });
