/** A drain waits for what is under way, and for nothing else, as long as it may; and tells clients to come by other connections. */

import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { describe, expect, it } from "vitest";
import { stage, stop } from "../promises/stage.ts";
import type { HoldfastRun } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { Alone } from "./alone.ts";

const host = "127.0.0.1";

describe("a drain is not held up", () => {
  it("by a client that has connected to an HTTP/2 server with TLS and says nothing", async () => {
    const flags = ["--drain-timeout", "12s"];
    const { run, port } = await stage("apps/h2.mjs", { instances: 1, flags });
    const silent = net.connect(port, host);
    await once(silent, "connect");
    // Accepted in this order: once this one is answered, the worker has the silent one as well.
    const session = http2.connect(`https://${host}:${port}`, { rejectUnauthorized: false });
    const [headers] = (await once(session.request({ ":path": "/" }).resume(), "response")) as [
      http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader,
    ];
    expect(headers[":status"]).toBe(200);
    session.close();
    const closed = once(silent.resume(), "close");
    const since = performance.now();
    await stop(run);
    await closed;
    // An idle connection's grace is 5 s; the worker would be killed after 12.
    expect(performance.now() - since).toBeLessThan(9000);
    const exit = run.logs.find((log) => log.reason !== undefined);
    expect(exit).toMatchObject({ reason: "stop", code: 0, signal: null });
  });
});

describe("a drain that is not over in time", () => {
  /** How the worker ends whose request never does, and when. */
  async function endOf(atStop: string): Promise<{ run: HoldfastRun; seconds: number }> {
    const flags = ["--drain-timeout", "3s"];
    const env = { AT_STOP: atStop };
    const { run, port } = await stage("apps/under-way.mjs", { instances: 1, flags, env });
    const [response] = (await once(
      http.get({ host, port, path: "/never", agent: false }),
      "response",
    )) as [http.IncomingMessage];
    response.on("error", () => {}).resume();
    const since = performance.now();
    run.signal("SIGTERM");
    await run.exited;
    return { run, seconds: (performance.now() - since) / 1000 };
  }

  const exitOf = (run: HoldfastRun) => run.logs.find(({ reason }) => reason !== undefined);

  it.each(["nothing", "hook"])(
    "ends at drainTimeout, and is told so, where the app has no handler to be given time (AT_STOP=%s)",
    async (atStop) => {
      const { run, seconds } = await endOf(atStop);
      expect(exitOf(run)).toMatchObject({ reason: "drain_timeout", code: null, signal: "SIGKILL" });
      expect(seconds).toBeGreaterThan(3);
    },
  );

  it("ends by itself a moment after that where nobody is there to kill it", async () => {
    await using worker = await Alone.serving("apps/under-way.mjs");
    const socket = net.connect(worker.port, host);
    socket.write("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(socket, "data");
    const since = performance.now();
    worker.send({ t: "drain", timeoutMs: 1000, reason: "reload" });
    expect(await worker.exited).toEqual([0, null]);
    expect(performance.now() - since).toBeGreaterThan(1000);
    socket.destroy();
  });

  it("leaves the last tenth of it to the app's own handler", async () => {
    const { run } = await endOf("handler");
    expect(exitOf(run)).toMatchObject({ reason: "stop", code: 0, signal: null });
    expect(run.stdout).toContain("under way: SIGTERM");
  });
});

describe("a response that is under way when a drain begins", () => {
  /** Asks in one piece, by paths or in full, drains, and resolves with all that comes, once it ends or says that it is whole. */
  async function answers(
    asked: readonly string[],
    isWhole: (text: string) => boolean = () => false,
    during?: (socket: net.Socket, worker: Alone) => Promise<void>,
  ): Promise<readonly string[]> {
    await using worker = await Alone.serving("apps/under-way.mjs");
    const socket = net.connect(worker.port, host);
    socket.write(asked.map(requestFor).join(""));
    let text = "";
    const over = new Promise<void>((resolve) => {
      socket.on("end", resolve);
      socket.setEncoding("latin1").on("data", (piece) => {
        text += piece;
        if (isWhole(text)) resolve();
      });
    });
    const underWay = (): number => worker.stdout.split("under way: /").length - 1;
    await until(() => underWay() === asked.length, { what: "all to be under way" });
    worker.send({ t: "drain", timeoutMs: 20_000, reason: "reload" });
    await until(() => worker.stdout.includes("draining"), { what: "the drain" });
    await during?.(socket, worker);
    await over;
    socket.destroy();
    return text.split(/(?=HTTP\/1\.1 )/);
  }

  const requestFor = (asked: string): string =>
    asked.startsWith("/") ? `GET ${asked} HTTP/1.1\r\nHost: a\r\n\r\n` : asked;
  const closes = (answer: string | undefined): boolean =>
    /^connection: close\r$/im.test(answer ?? "");

  it("says that it is the last of its connection, and is", async () => {
    const [answer, more] = await answers(["/waits"]);
    expect(answer).toMatch(/waited$/);
    expect(closes(answer)).toBe(true);
    expect(more).toBeUndefined();
  });

  it("says what the app has it say of its connection", async () => {
    const [answer] = await answers(["/keeps"], (text) => text.endsWith("kept"));
    expect(answer).toMatch(/^connection: keep-alive\r$/im);
    expect(closes(answer)).toBe(false);
  });

  it("comes to its end where its head has been sent, and its connection is closed when it is idle", async () => {
    const [answer] = await answers(["/begun"]);
    expect(answer).toMatch(/begun, [\s\S]*ended\r\n0\r\n\r\n$/);
    expect(closes(answer)).toBe(false);
  });

  it("leaves open a connection by which its request is still being sent: the end would be a reset", async () => {
    const upload = "POST /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab";
    const [answer] = await answers([upload], (text) => text.endsWith("waited"));
    expect(closes(answer)).toBe(false);
  });

  it("is the last one only behind all others of the connection", async () => {
    const found = await answers(["/waits", "/later"]);
    expect(found.map((answer) => answer.split("\r\n\r\n")[1])).toEqual(["waited", "later"]);
    expect(found.map(closes)).toEqual([false, true]);
  });

  it("is not the last one once another request has come behind it", async () => {
    const found = await answers(["/held"], undefined, async (socket) => {
      socket.write(requestFor("/now"));
    });
    expect(found.map((answer) => answer.split("\r\n\r\n")[1])).toEqual(["held", "now"]);
    expect(found.map(closes)).toEqual([false, true]);
  });
});
