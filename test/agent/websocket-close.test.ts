/** Nothing follows the close frame of a drain, whatever the app's WebSocket library goes on to write: RFC 6455, 5.5.1. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { expect, it } from "vitest";
import { reload, stage, stop } from "../promises/stage.ts";
import { closeFrame, frame, TEXT } from "../support/sticky/frames.ts";

const FLOOD_EVERY_MS = 1;
const WHILE_CLOSING = 20;

/** A server's, with code 1012. */
const CLOSE = Buffer.concat([Buffer.from([0x88, 17, 0x03, 0xf4]), Buffer.from("service restart")]);

async function connected(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const [head] = (await once(socket, "data")) as [Buffer];
  expect(head.toString("latin1")).toMatch(/^HTTP\/1.1 101 /);
  return socket;
}

it("is the last of what a client gets, under a flood of messages", async () => {
  const { run, port } = await stage("apps/ws-echo.mjs", { instances: 1 });
  const socket = await connected(port);
  let received: Buffer = Buffer.alloc(0);
  let left = WHILE_CLOSING;
  const flood = setInterval(() => {
    // As browsers do: messages that were on their way, then the answer.
    if (received.includes(CLOSE)) left -= 1;
    if (left > 0) socket.write(frame(TEXT, "echo"));
    else if (left === 0) socket.write(closeFrame(1012));
  }, FLOOD_EVERY_MS);
  socket.on("data", (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  const ended = once(socket, "end");
  expect(await reload(run, 1)).toBe("done");
  await ended;
  clearInterval(flood);
  socket.destroy();
  const at = received.indexOf(CLOSE);
  expect(at).toBeGreaterThan(0);
  expect(received.length - at - CLOSE.length).toBe(0);
  await stop(run);
});
