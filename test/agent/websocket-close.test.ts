/** Nothing follows the close frame of a drain, whatever the app's WebSocket library goes on to write: RFC 6455, 5.5.1. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { describe, expect, it } from "vitest";
import { reload, stage, stop } from "../promises/stage.ts";
import { closeFrame, frame, TEXT } from "../support/sticky/frames.ts";

const FLOOD_EVERY_MS = 1;
const WHILE_CLOSING = 20;

/** A server's, with code 1012. */
const CLOSE = Buffer.concat([Buffer.from([0x88, 17, 0x03, 0xf4]), Buffer.from("service restart")]);

/** Has asked to become a WebSocket. */
function asking(port: number, path: string): net.Socket {
  const socket = net.connect(port, "127.0.0.1");
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  return socket;
}

async function connected(port: number): Promise<net.Socket> {
  const socket = asking(port, "/");
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

/** All that a client gets whose upgrade is under way when the drain begins; it hangs up when the server does. */
async function heardInDrain(path: string): Promise<string> {
  const flags = ["--drain-timeout", "4s"];
  const { run, port } = await stage("apps/ws-late.mjs", { instances: 1, flags });
  const socket = asking(port, path);
  let heard = "";
  socket.setEncoding("latin1").on("data", (text) => {
    heard += text;
    // As a client answers a close frame; the app's library then ends the connection.
    if (heard.endsWith(CLOSE.toString("latin1"))) socket.end(closeFrame(1012));
  });
  const closed = once(socket, "close");
  await run.waitForLine(new RegExp(`late: ${path}$`));
  expect(await reload(run, 1)).toBe("done");
  await closed;
  const exit = run.logs.find(({ reason }) => reason !== undefined);
  expect(exit).toMatchObject({ reason: "reload", code: 0, signal: null });
  await stop(run);
  expect(run.stderr.join("\n")).not.toMatch(/Error/);
  return heard;
}

describe("an upgrade that the app answers after the drain has begun", () => {
  it("is answered first, and closed then", async () => {
    const [head, frames] = (await heardInDrain("/")).split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(frames).toBe(CLOSE.toString("latin1"));
  });

  it("never: its connection ends in time, without a frame", async () => {
    expect(await heardInDrain("/never")).toBe("");
  });
});
