/**
 * P1: a reload loses nothing: no refused, reset or truncated request, on new connections, on
 * keep-alive connections, HTTP/1.1 and HTTP/2; a WebSocket gets a close frame (1012) and an event
 * stream ends cleanly. The app needs no code for it.
 */

import { describe, expect, it } from "vitest";
import { expectClean } from "../support/ledger.ts";
import {
  startFreshLoad,
  startH2Load,
  startKeepAliveLoad,
  startLongPoll,
  startPipelineLoad,
  startRawLoad,
  startSlowLoad,
  startSseClients,
  startWsClients,
} from "../support/load.ts";
import { reload, stage, stop } from "./stage.ts";

describe("P1: a reload loses nothing", () => {
  it("over ten reloads of HTTP/1.1: fresh, keep-alive and pipelined", async () => {
    const { run, port } = await stage("puppet.mjs");
    const loads = [
      startFreshLoad({ port, clients: 8 }),
      startKeepAliveLoad({ port, clients: 8 }),
      startKeepAliveLoad({ port, clients: 16, thinkMs: 200, name: "thoughtful keep-alive" }),
      startPipelineLoad({ port, clients: 4, batch: 6, thinkMs: 20 }),
    ];
    for (let nth = 1; nth <= 10; nth++) expect(await reload(run, nth)).toBe("done");
    for (const load of loads) expectClean(await load.stop(), { minOk: 100 });
    await stop(run);
  }, 120_000);

  it("with WebSockets, event streams, long polls and five-second responses open", async () => {
    const { run, port } = await stage("puppet.mjs");
    const sockets = startWsClients({
      port,
      clients: 30,
      path: "/ws",
      intervalMs: 50,
      perMessageDeflate: true,
    });
    const streams = startSseClients({ port, clients: 10, path: "/sse" });
    const polls = startLongPoll({ port, clients: 6 });
    const slow = startSlowLoad({
      port,
      clients: 6,
      path: "/slow?ms=5000",
      expectBody: (body) => body.endsWith("done\n"),
    });
    for (let nth = 1; nth <= 2; nth++) expect(await reload(run, nth)).toBe("done");
    const closes = { ...sockets.counts.closeCodes };
    const ended = streams.counts.endedCleanly;
    for (const load of [sockets, polls]) expectClean(await load.stop(), { minOk: 20 });
    expectClean(await slow.stop(), { minOk: 6 });
    expectClean(await streams.stop(), { minOk: 10 });
    expect(Object.keys(closes)).toEqual(["1012"]);
    expect(closes[1012]).toBeGreaterThanOrEqual(30);
    expect(ended).toBeGreaterThanOrEqual(10);
    await stop(run);
  }, 90_000);

  it("of Express, Fastify and Koa apps as their documentation writes them", async () => {
    for (const app of ["apps/express.mjs", "apps/fastify.mjs", "apps/koa.mjs"]) {
      const { run, port } = await stage(app);
      const loads = [
        startFreshLoad({ port, clients: 6, name: `${app} fresh` }),
        startKeepAliveLoad({ port, clients: 8, thinkMs: 20, name: `${app} keep-alive` }),
      ];
      for (let nth = 1; nth <= 2; nth++) expect(await reload(run, nth)).toBe("done");
      for (const load of loads) expectClean(await load.stop(), { minOk: 50 });
      await stop(run);
    }
  }, 90_000);

  it("over TLS", async () => {
    const { run, port } = await stage("apps/tls.mjs");
    const loads = [
      startFreshLoad({ port, tls: true, clients: 4 }),
      startKeepAliveLoad({ port, tls: true, clients: 8, thinkMs: 50 }),
    ];
    for (let nth = 1; nth <= 3; nth++) expect(await reload(run, nth)).toBe("done");
    for (const load of loads) expectClean(await load.stop(), { minOk: 50 });
    await stop(run);
  }, 60_000);

  it("over HTTP/2, encrypted and in clear: GOAWAY first, and every stream finishes", async () => {
    for (const tls of [true, false]) {
      const { run, port } = await stage("apps/h2.mjs", { env: tls ? {} : { H2_CLEARTEXT: "1" } });
      const quick = startH2Load({ port, tls, clients: 8 });
      const slow = startH2Load({
        port,
        tls,
        clients: 4,
        path: "/slow?ms=2500",
        name: "slow streams",
      });
      for (let nth = 1; nth <= 2; nth++) expect(await reload(run, nth)).toBe("done");
      const { counts } = expectCounts(await quick.stop());
      expectClean(await slow.stop(), { minOk: 4 });
      expect(counts.goaways).toBeGreaterThan(0);
      await stop(run);
    }
  }, 90_000);

  it("of raw TCP servers", async () => {
    const { run, port } = await stage("apps/raw-net.mjs");
    const load = startRawLoad({ port, clients: 8 });
    for (let nth = 1; nth <= 3; nth++) expect(await reload(run, nth)).toBe("done");
    expectClean(await load.stop(), { minOk: 100 });
    await stop(run);
  }, 60_000);
});

function expectCounts<S extends Parameters<typeof expectClean>[0]>(summary: S): S {
  expectClean(summary, { minOk: 50 });
  return summary;
}
