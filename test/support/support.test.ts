import { afterEach, describe, expect, test } from "vitest";
import {
  type FaultyServer,
  HONEST_BODY,
  startFaultyEcho,
  startFaultyH2,
  startFaultyHttp,
  startFaultySse,
  startFaultyWs,
} from "./faulty-servers.ts";
import { freePort } from "./holdfast.ts";
import { expectClean, type FailureKind } from "./ledger.ts";
import {
  type Load,
  type LoadSummary,
  startFreshLoad,
  startH2Load,
  startKeepAliveLoad,
  startLongPoll,
  startPipelineLoad,
  startRawLoad,
  startSlowLoad,
  startSseClients,
  startWsClients,
} from "./load.ts";
import { until } from "./until.ts";

const servers: FaultyServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function open(starting: Promise<FaultyServer>): Promise<FaultyServer> {
  const server = await starting;
  servers.push(server);
  return server;
}

/** Runs a load until it has settled so many requests. */
async function runFor<C>(load: Load<C>, settled: number): Promise<LoadSummary<C>> {
  await until(() => load.ledger.settled >= settled, {
    what: `${settled} settled requests`,
    timeoutMs: 8_000,
  });
  return load.stop();
}

/** Only this kind of failure happened, and so often. */
function expectOnly(summary: LoadSummary<unknown>, kind: FailureKind, count: number): void {
  expect(count).toBeGreaterThan(0);
  expect(summary.failures.filter((failure) => failure.kind !== kind)).toEqual([]);
  expect(summary.tally[kind]).toBe(count);
  expect(() => expectClean(summary)).toThrow(`${count} ${kind}`);
}

const http = { clients: 3, timeoutMs: 300, expectBody: (body: string) => body === HONEST_BODY };

const HTTP_CASES = [
  ["reset", "reset"],
  ["silent-end", "reset"],
  ["truncate-length", "truncated"],
  ["truncate-chunked", "truncated"],
  ["hang", "timeout"],
  ["wrong-body", "wrong"],
  ["wrong-status", "wrong"],
  ["swapped", "wrong"],
  ["twice", "wrong"],
] as const;

describe.each(HTTP_CASES)("a server that does %s is booked as %s", (fault, kind) => {
  test("on fresh connections", async () => {
    const server = await open(startFaultyHttp(fault));
    const summary = await runFor(startFreshLoad({ ...http, port: server.port }), 40);
    expectOnly(summary, kind, server.faults);
  });

  test("on keep-alive connections", async () => {
    const server = await open(startFaultyHttp(fault));
    const summary = await runFor(startKeepAliveLoad({ ...http, port: server.port }), 40);
    // A second answer may reach the client with the next request under way, whose number it lacks.
    expectOnly(summary, kind, fault === "twice" ? summary.tally.wrong : server.faults);
  });

  test("on pipelined batches, where the rest of the batch is lost too", async () => {
    const server = await open(startFaultyHttp(fault));
    const summary = await runFor(startPipelineLoad({ ...http, port: server.port, batch: 4 }), 60);
    const lost = summary.failures.length;
    expect(lost).toBeGreaterThanOrEqual(server.faults);
    expect(summary.tally[kind]).toBeGreaterThanOrEqual(server.faults);
    if (kind !== "truncated") expectOnly(summary, kind, lost);
  });
});

describe("HTTP/1.1 loads against an honest server", () => {
  test("book no failure", async () => {
    const { port } = await open(startFaultyHttp("none"));
    const loads = [
      startFreshLoad({ ...http, port }),
      startKeepAliveLoad({ ...http, port, thinkMs: 5 }),
      startPipelineLoad({ ...http, port }),
      startSlowLoad({ ...http, port, path: "/" }),
      startLongPoll({ ...http, port }),
    ];
    for (const load of loads) expectClean(await runFor(load, 100), { minOk: 100 });
  });

  test("reconnect after Connection: close without a failure", async () => {
    const server = await open(startFaultyHttp("announced-close"));
    const summary = await runFor(startKeepAliveLoad({ ...http, port: server.port }), 60);
    expectClean(summary);
    expect(summary.counts.announcedCloses).toBe(server.faults);
  });

  test("count the pipelined requests behind a Connection: close as lost", async () => {
    const { port } = await open(startFaultyHttp("announced-close"));
    const summary = await runFor(startPipelineLoad({ ...http, port, batch: 4 }), 60);
    expect(() => expectClean(summary)).toThrow("closed after Connection: close");
  });

  test("tell the reset of an idle connection from its clean end", async () => {
    const resetting = await open(startFaultyHttp("idle-reset"));
    const idle = { ...http, clients: 1, thinkMs: 100 };
    const reset = await runFor(startKeepAliveLoad({ ...idle, port: resetting.port }), 22);
    expectOnly(reset, "reset", reset.tally.reset);
    const ending = await open(startFaultyHttp("idle-end"));
    const ended = await runFor(startKeepAliveLoad({ ...idle, port: ending.port }), 22);
    expect(ended.counts.idleCloses + ended.failures.length).toBe(2);
  });

  test("book a closed port as refused", async () => {
    const summary = await runFor(startFreshLoad({ ...http, port: await freePort() }), 5);
    expectOnly(summary, "refused", summary.failures.length);
    expect(() => expectClean(summary)).toThrow("only 0 ok");
  });
});

describe("the HTTP/2 load", () => {
  const h2 = { ...http, clients: 4 };

  test.each([
    ["rst", "reset"],
    ["truncate", "truncated"],
    ["short-body", "truncated"],
    ["hang", "timeout"],
    ["wrong-body", "wrong"],
  ] as const)("books a server that does %s as %s", async (fault, kind) => {
    const server = await open(startFaultyH2(fault));
    expectOnly(await runFor(startH2Load({ ...h2, port: server.port }), 40), kind, server.faults);
  });

  test.each([
    ["drop-session", "reset"],
    ["cut-body", "truncated"],
  ] as const)("books every stream of a session that ends by %s", async (fault, kind) => {
    const server = await open(startFaultyH2(fault));
    const summary = await runFor(startH2Load({ ...h2, port: server.port }), 40);
    expect(summary.tally[kind]).toBeGreaterThanOrEqual(server.faults);
    expectClean(summary, {
      allow: { reset: summary.tally.reset, truncated: summary.tally.truncated },
    });
  });

  test("books a closed port as refused", async () => {
    const summary = await runFor(startH2Load({ ...h2, port: await freePort() }), 5);
    expectOnly(summary, "refused", summary.failures.length);
  });

  test("sends a refused stream once more", async () => {
    const server = await open(startFaultyH2("refused-stream"));
    const summary = await runFor(startH2Load({ ...h2, port: server.port }), 60);
    expectClean(summary);
    expect(summary.counts.retries).toBe(server.faults);
  });

  test("leaves a session that is told to go away, without a failure", async () => {
    const server = await open(startFaultyH2("goaway"));
    const summary = await runFor(startH2Load({ ...h2, port: server.port }), 100);
    expectClean(summary);
    expect(summary.counts.goaways).toBeGreaterThan(0);
    expect(summary.counts.sessions).toBeGreaterThan(2);
  });

  test("books no failure against an honest server", async () => {
    const { port } = await open(startFaultyH2("none"));
    expectClean(await runFor(startH2Load({ ...h2, port }), 100), { minOk: 100 });
  });
});

describe("the WebSocket clients", () => {
  const ws = { clients: 3, intervalMs: 5, timeoutMs: 300, reconnectMs: 5 };
  const run = async (fault: Parameters<typeof startFaultyWs>[0], settled = 40) => {
    const server = await open(startFaultyWs(fault));
    return { server, summary: await runFor(startWsClients({ ...ws, port: server.port }), settled) };
  };

  test("book a cut connection", async () => {
    const { server, summary } = await run("terminate");
    expect(summary.counts.closeCodes).toEqual({ 1006: server.faults });
    expectOnly(summary, "reset", summary.counts.lost);
  });

  test("book a wrong echo", async () => {
    const { server, summary } = await run("wrong");
    expectOnly(summary, "wrong", server.faults);
  });

  test("book an echo that never comes as a hang", async () => {
    // Later echoes would be taken for the missing one: one message at a time.
    const server = await open(startFaultyWs("hang"));
    const load = startWsClients({ ...ws, intervalMs: 1_000, clients: 20, port: server.port });
    const summary = await runFor(load, 20);
    expectOnly(summary, "timeout", server.faults);
  });

  test("count what a restart leaves unanswered apart", async () => {
    const { server, summary } = await run("restart");
    expectClean(summary);
    expect(summary.counts.closeCodes).toEqual({ 1012: server.faults });
    expect(summary.counts.unanswered).toBeGreaterThanOrEqual(server.faults);
  });

  test("book what any other close leaves unanswered", async () => {
    const { summary } = await run("goodbye");
    expectOnly(summary, "truncated", summary.counts.lost);
  });

  test("book no failure against an honest server", async () => {
    const { summary } = await run("none", 100);
    expectClean(summary, { minOk: 100 });
    expect(summary.counts).toMatchObject({ open: 0, opened: 3, closeCodes: {} });
  });
});

describe("the event-stream readers", () => {
  test.each([
    ["reset", "truncated"],
    ["no-terminator", "truncated"],
    ["within-event", "truncated"],
    ["silent", "timeout"],
  ] as const)("book a stream that ends by %s as %s", async (fault, kind) => {
    const server = await open(startFaultySse(fault));
    const load = startSseClients({ port: server.port, clients: 2, timeoutMs: 200 });
    const summary = await runFor(load, 8);
    expect(summary.counts.cut).toBeGreaterThan(2);
    expectOnly(summary, kind, summary.counts.cut);
  });

  test("book streams that end properly as ok", async () => {
    const { port } = await open(startFaultySse("none"));
    const summary = await runFor(startSseClients({ port, clients: 2 }), 10);
    expectClean(summary, { minOk: 10 });
    expect(summary.counts.events).toBeGreaterThanOrEqual(3 * summary.ok);
  });
});

describe("the raw conversations", () => {
  test.each([
    ["reset", "reset"],
    ["partial", "truncated"],
    ["wrong", "wrong"],
    ["hang", "timeout"],
  ] as const)("book a server that does %s as %s", async (fault, kind) => {
    const server = await open(startFaultyEcho(fault));
    const load = startRawLoad({ port: server.port, clients: 3, timeoutMs: 300 });
    expectOnly(await runFor(load, 40), kind, server.faults);
  });

  test("book no failure against an honest server", async () => {
    const { port } = await open(startFaultyEcho("none"));
    expectClean(await runFor(startRawLoad({ port, lines: 3 }), 100), { minOk: 100 });
  });
});
