/** A drain waits for what is under way, and for nothing else. */

import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { describe, expect, it } from "vitest";
import { stage, stop } from "../promises/stage.ts";

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
    // An idle connection's grace is 5 s; the app would be ended without having drained after 10.8.
    expect(performance.now() - since).toBeLessThan(9000);
    const exit = run.logs.find((log) => log.reason !== undefined);
    expect(exit).toMatchObject({ reason: "stop", code: 0, signal: null });
  });
});
