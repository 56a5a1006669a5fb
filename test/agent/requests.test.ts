/** Requests are counted and timed whatever an app and its clients do to them. */

import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { describe, expect, it } from "vitest";
import { METHODS, type WorkerStats } from "../../src/core/stats.ts";
import { until } from "../support/until.ts";
import { Alone, type AloneOptions } from "./alone.ts";

const app = "apps/asked.mjs";
const HEAD = "Host: x\r\n";
const LAST = `${HEAD}Connection: close\r\n`;

/** Everything answered, by method and class, such as { "GET 2xx": 3 }. */
function answered({ requests }: WorkerStats): Record<string, number> {
  const all = Object.entries(requests).map(([key, { buckets }]) => {
    const [method = "", kind] = key.split(":");
    return [`${METHODS[Number(method)]} ${kind}xx`, buckets.reduce((sum, n) => sum + n)];
  });
  return Object.fromEntries(all);
}

/** Waits until so many are handled and aborted, none is left, and no more has come in the next beat. */
async function counted(worker: Alone, handled: number, aborted: number): Promise<WorkerStats> {
  const what = `${handled} handled, ${aborted} aborted`;
  const fits = (stats: WorkerStats): boolean =>
    stats.handled === handled && stats.aborted === aborted && stats.inFlight === 0;
  await worker.beat(what, fits);
  const beats = worker.told("beat").length;
  return worker.beat(what, (stats) => worker.told("beat").length > beats && fits(stats));
}

/** Speaks by hand; resolves with what came when the connection is over. */
function speak(port: number, text: string, then?: (socket: net.Socket) => void): Promise<string> {
  const socket = net.connect(port, "127.0.0.1");
  let heard = "";
  socket.on("error", () => {});
  socket.on("connect", () => then?.(socket));
  if (!then) socket.setEncoding("utf8").on("data", (piece) => (heard += piece));
  socket.write(text);
  return new Promise((resolve) => socket.on("close", () => resolve(heard)));
}

/** It beats four times a second. */
const serving = ({ settings, ...options }: AloneOptions = {}): Promise<Alone> =>
  Alone.serving(app, { settings: { hangTimeoutMs: 1000, ...settings }, ...options });

describe("HTTP/1.1: what is answered", () => {
  it("is counted once, by method and class of status", async () => {
    await using worker = await serving();
    const { port } = worker;
    await speak(port, `GET / HTTP/1.1\r\n${LAST}\r\n`);
    await speak(port, `PROPFIND / HTTP/1.1\r\n${LAST}\r\n`);
    await speak(port, `GET /again HTTP/1.1\r\n${LAST}\r\n`);
    const continued = `POST / HTTP/1.1\r\n${LAST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab`;
    expect(await speak(port, continued)).toContain("100 Continue");
    const three = ["/", "/slow", "/500"].map((path) => `GET ${path} HTTP/1.1\r\n${HEAD}\r\n`);
    await speak(port, `${three.join("")}HEAD / HTTP/1.1\r\n${LAST}\r\n`);
    const upgrade = `GET / HTTP/1.1\r\n${HEAD}Upgrade: test\r\nConnection: Upgrade\r\n\r\n`;
    expect(await speak(port, upgrade)).toContain("101 Switching");
    const stats = await counted(worker, 8, 0);
    const all = { "GET 2xx": 4, "GET 5xx": 1, "POST 2xx": 1, "HEAD 2xx": 1, "OTHER 2xx": 1 };
    expect(answered(stats)).toEqual(all);
  });

  it("is timed: 300 ms fall into the bucket up to 500 ms, or above", async () => {
    await using worker = await serving();
    await speak(worker.port, `GET /slow HTTP/1.1\r\n${LAST}\r\n`);
    const { requests } = await counted(worker, 1, 0);
    const { sum, buckets } = requests["0:2"] ?? { sum: 0, buckets: [] };
    expect(sum).toBeGreaterThan(0.29);
    expect(buckets.slice(0, 6)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("is in flight meanwhile", async () => {
    await using worker = await serving();
    const closed = speak(worker.port, `GET /never HTTP/1.1\r\n${HEAD}\r\n`, (socket) => {
      void worker
        .beat("one in flight", ({ inFlight, connections }) => inFlight === 1 && connections === 1)
        .finally(() => socket.destroy());
    });
    await closed;
    expect((await counted(worker, 0, 1)).connections).toBe(0);
  });

  it("leaves the agent's own questions out", async () => {
    await using worker = await serving({ settings: { probe: "/" } });
    const { port } = worker;
    await until(() => worker.told("ready").length > 0, { what: "the probe to be answered" });
    await speak(port, `GET / HTTP/1.1\r\n${LAST}\r\n`);
    expect(answered(await counted(worker, 1, 0))).toEqual({ "GET 2xx": 1 });
  });
});

describe("HTTP/1.1: what is broken off is aborted, and not counted as answered", () => {
  const soon = (socket: net.Socket): void => void setTimeout(() => socket.destroy(), 200);
  const reset = (socket: net.Socket): void => void setTimeout(() => socket.resetAndDestroy(), 200);

  it.each<[string, string, number, ((socket: net.Socket) => void) | undefined]>([
    ["before the answer", "/never", 1, soon],
    ["and answered all the same", "/late", 1, soon],
    ["with two requests on its way", "/never HTTP/1.1\r\nHost: x\r\n\r\nGET /never", 2, soon],
    ["in the middle of the answer", "/big", 1, soon],
    ["in the middle of the answer, by a reset", "/big", 1, reset],
    ["by the app", "/destroys", 1, undefined],
    ["by the app, in the middle of its answer", "/ends-and-destroys", 1, undefined],
  ])("%s", async (_what, path, aborted, then) => {
    await using worker = await serving();
    await speak(worker.port, `GET ${path} HTTP/1.1\r\n${HEAD}\r\n`, then);
    expect(answered(await counted(worker, 0, aborted))).toEqual({});
  });
});

interface Asked {
  readonly method?: string;
  /** Cancelled as soon as it is in flight. */
  readonly isCancelled?: boolean;
  readonly isSecure?: boolean;
}

async function ask(worker: Alone, path: string, asked: Asked = {}): Promise<void> {
  const scheme = asked.isSecure ? "https" : "http";
  const session = http2.connect(`${scheme}://127.0.0.1:${worker.port}`, {
    rejectUnauthorized: false,
  });
  session.on("error", () => {});
  const stream = session.request({ ":path": path, ":method": asked.method ?? "GET" });
  stream.on("error", () => {});
  const closed = new Promise((resolve) => stream.on("close", resolve));
  if (asked.isCancelled) {
    await worker.beat("one in flight", ({ inFlight }) => inFlight === 1);
    stream.close(http2.constants.NGHTTP2_CANCEL);
  } else stream.resume().end();
  await closed;
  await new Promise((resolve) => session.close(() => resolve(null)));
}

describe("HTTP/2", () => {
  it("by streams: counted at their end, once", async () => {
    await using worker = await serving({ env: { PROTOCOL: "h2c" } });
    for (const path of ["/", "/file", "/nothing"]) await ask(worker, path);
    await ask(worker, "/", { method: "PUT" });
    expect(answered(await counted(worker, 4, 0))).toEqual({ "GET 2xx": 3, "PUT 2xx": 1 });
    await ask(worker, "/refused");
    await ask(worker, "/never", { isCancelled: true });
    await ask(worker, "/big", { isCancelled: true });
    await ask(worker, "/big-file", { isCancelled: true });
    expect(answered(await counted(worker, 4, 4))).toEqual({ "GET 2xx": 3, "PUT 2xx": 1 });
  });

  it("by requests that look like HTTP/1.1: not twice", async () => {
    await using worker = await serving({ env: { PROTOCOL: "h2c", COMPAT: "1" } });
    await ask(worker, "/");
    await ask(worker, "/500");
    await ask(worker, "/never", { isCancelled: true });
    expect(answered(await counted(worker, 2, 1))).toEqual({ "GET 2xx": 1, "GET 5xx": 1 });
  });

  it.each(["", "1"])("over TLS with HTTP/1.1 beside it (COMPAT=%s)", async (compat) => {
    await using worker = await serving({ env: { PROTOCOL: "h2", COMPAT: compat } });
    await ask(worker, "/", { isSecure: true });
    const { port } = worker;
    const options = { port, host: "127.0.0.1", rejectUnauthorized: false, agent: false };
    await new Promise<void>((resolve, reject) => {
      const request = https.get(options as https.RequestOptions, (response) => {
        response.resume().on("close", () => resolve());
      });
      request.on("error", reject);
    });
    expect(answered(await counted(worker, 2, 0))).toEqual({ "GET 2xx": 2 });
  });
});

describe("the last word", () => {
  it("of an app that calls process.exit() counts all it has answered", async () => {
    await using worker = await serving();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const get = (path: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const options = { port: worker.port, host: "127.0.0.1", path, agent };
        http.get(options, (got) => got.resume().on("close", resolve)).on("error", reject);
      });
    await Promise.all(Array.from({ length: 100 }, () => get("/")));
    await get("/exits").catch(() => {});
    expect(await worker.exited).toEqual([3, null]);
    agent.destroy();
    expect(worker.stats?.handled).toBe(101);
    expect(worker.stderr).toBe("");
  });
});
