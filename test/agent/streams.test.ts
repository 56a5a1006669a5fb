/** An event stream that is ended by a drain is whole for its client, however long the app goes on to write to it. */

import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { expect, it } from "vitest";
import { reload, stage, stop } from "../promises/stage.ts";
import type { HoldfastRun } from "../support/holdfast.ts";

const app = "apps/streams.mjs";
const host = "127.0.0.1";
const flags = ["--drain-timeout", "20s"];

async function overHttp1(port: number): Promise<Readable> {
  const [response] = (await once(http.get({ port, host, agent: false }), "response")) as [
    IncomingMessage,
  ];
  return response;
}

async function overHttp2(port: number): Promise<Readable> {
  const session = http2.connect(`http://${host}:${port}`);
  const stream = session.request({ ":path": "/" });
  stream.once("close", () => session.close());
  await once(stream, "response");
  return stream;
}

/** Reads to the end, which is an error where the stream was cut. */
async function rest(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text = (text + chunk).slice(-100_000);
  return text;
}

/** Has one client that reads and one that does not begin to before the drain has ended its stream. */
async function drained(run: HoldfastRun, open: () => Promise<Readable>): Promise<void> {
  const read = rest(await open());
  const slow = await open();
  await once(slow, "readable");
  const reloaded = reload(run, 1);
  const whole = /^data: x{20000}\n\n$/;
  const last = (text: string): string => text.slice(text.lastIndexOf("data:"));
  expect(last(await read)).toMatch(whole);
  expect(last(await rest(slow))).toMatch(whole);
  expect(await reloaded).toBe("done");
  const exits = run.logs.filter(({ reason }) => reason !== undefined);
  expect(exits).toMatchObject([{ reason: "reload", code: 0, signal: null }]);
  expect(run.logs.filter(({ level }) => level === "error")).toEqual([]);
  expect(run.stderr.join("\n")).not.toContain("ERR_STREAM_WRITE_AFTER_END");
  await stop(run);
}

it("over HTTP/1.1", async () => {
  const { run, port } = await stage(app, { instances: 1, flags });
  await drained(run, () => overHttp1(port));
});

it("over HTTP/2", async () => {
  const { run, port } = await stage(app, { instances: 1, flags, env: { H2_CLEARTEXT: "1" } });
  await drained(run, () => overHttp2(port));
});
