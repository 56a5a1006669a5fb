import { formatRequest, type Http1Response } from "../http1.ts";
import type { Entry } from "../ledger.ts";
import { Http1Connection, type Reply } from "./connection.ts";
import {
  DEFAULT_TIMEOUT_MS,
  type Load,
  type LoadOptions,
  type Run,
  startClients,
  think,
} from "./run.ts";

/** What is asked and what must come back. `n` is the request's number within the load. */
export interface HttpLoadOptions extends LoadOptions {
  path?: string | ((n: number) => string);
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  expectStatus?: number;
  expectBody?: (body: string, n: number) => boolean;
}

/** What an HTTP/1.1 load counts beside its requests. */
export interface HttpCounts {
  connections: number;
  /** Connections the server ended with `Connection: close` on a response. */
  announcedCloses: number;
  /** Connections the server ended while idle, without a word but cleanly. */
  idleCloses: number;
}

/** Sent with each request; a server that returns it lets the load notice a swapped answer. */
export const NUMBER_HEADER = "x-request-n";

/** One connection per request, with `Connection: close`. */
export function startFreshLoad(options: HttpLoadOptions): Load<HttpCounts> {
  const counts = newCounts();
  return startClients("fresh connections", options, counts, async (run) => {
    while (!run.stopping) {
      const failed = await askOnce(run, options, counts);
      await think(run, failed, options);
    }
  });
}

async function askOnce(run: Run, options: HttpLoadOptions, counts: HttpCounts): Promise<boolean> {
  const connection = new Http1Connection(options);
  counts.connections += 1;
  const failed = await askBatch(run, connection, options, 1, { Connection: "close" });
  const fault = connection.idleFault;
  if (fault?.kind === "wrong") run.ledger.record(fault.kind, fault.detail);
  connection.close();
  return failed;
}

/**
 * Persistent connections. A `Connection: close` is honoured by a new connection for the next request;
 * a clean end of an idle connection likewise. Nothing is ever sent twice.
 */
export function startKeepAliveLoad(options: HttpLoadOptions): Load<HttpCounts> {
  return startPersistent("keep-alive connections", options, 1);
}

/** Batches of pipelined requests, each written at once; every response must come, in order. */
export function startPipelineLoad(options: HttpLoadOptions & { batch?: number }): Load<HttpCounts> {
  return startPersistent("pipelined requests", options, options.batch ?? 8);
}

/** Requests whose answer takes seconds, checked to the last byte. One connection each unless `keepAlive`. */
export function startSlowLoad(
  options: HttpLoadOptions & { path: string; keepAlive?: boolean },
): Load<HttpCounts> {
  const patient = { name: "slow responses", timeoutMs: 20_000, ...options };
  return options.keepAlive ? startKeepAliveLoad(patient) : startFreshLoad(patient);
}

/** Long polling: requests that hang 1 to 2 seconds each on persistent connections. */
export function startLongPoll(options: HttpLoadOptions): Load<HttpCounts> {
  const path = () => `/poll?ms=${1000 + Math.floor(Math.random() * 1000)}`;
  return startKeepAliveLoad({ name: "long polls", path, ...options });
}

function startPersistent(kind: string, options: HttpLoadOptions, batch: number): Load<HttpCounts> {
  const counts = newCounts();
  return startClients(kind, options, counts, async (run) => {
    let connection: Http1Connection | undefined;
    while (!run.stopping) {
      if (!connection?.usable) {
        noteEnd(run, connection, counts);
        connection = new Http1Connection(options);
        counts.connections += 1;
      }
      const failed = await askBatch(run, connection, options, batch, {});
      await think(run, failed, options);
    }
    noteEnd(run, connection, counts);
  });
}

/** Books how a persistent connection ended, when it ended outside a request. */
function noteEnd(run: Run, connection: Http1Connection | undefined, counts: HttpCounts): void {
  if (!connection) return;
  const fault = connection.idleFault;
  if (fault) run.ledger.record(fault.kind, fault.detail);
  else if (connection.serverCloses) counts.announcedCloses += 1;
  else if (!connection.usable && !connection.failed) counts.idleCloses += 1;
  connection.close();
}

/** Sends requests in one write and books each answer; `true` when any failed. */
async function askBatch(
  run: Run,
  connection: Http1Connection,
  options: HttpLoadOptions,
  size: number,
  extra: Record<string, string>,
): Promise<boolean> {
  const numbers = Array.from({ length: size }, () => run.next());
  const entries = numbers.map(() => run.ledger.begin());
  const requests = numbers.map((n) => formatNumbered(n, options, extra));
  const replies = connection.send(requests, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const results = await Promise.all(
    replies.map(async (reply, i) => settle(entries[i], await reply, numbers[i] ?? -1, options)),
  );
  return results.includes(false);
}

function formatNumbered(
  n: number,
  options: HttpLoadOptions,
  extra: Record<string, string>,
): string {
  const { path = "/", method, body } = options;
  return formatRequest({
    path: typeof path === "string" ? path : path(n),
    host: `${options.host ?? "127.0.0.1"}:${options.port}`,
    headers: { ...options.headers, ...extra, [NUMBER_HEADER]: String(n) },
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body }),
  });
}

function settle(
  entry: Entry | undefined,
  reply: Reply,
  n: number,
  options: HttpLoadOptions,
): boolean {
  if (reply.kind !== "ok") {
    entry?.end(reply.kind, reply.detail);
    return false;
  }
  const { status, headers, body } = reply.response as Http1Response;
  const fault = faultOf(status, headers.get(NUMBER_HEADER), body, n, options);
  entry?.end(fault === undefined ? "ok" : "wrong", fault);
  return fault === undefined;
}

/** What is wrong with a complete answer, if anything. Shared with the HTTP/2 load. */
export function faultOf(
  status: number,
  echoedNumber: string | undefined,
  body: Buffer,
  n: number,
  { expectStatus = 200, expectBody }: HttpLoadOptions,
): string | undefined {
  const text = body.toString("utf8");
  if (status !== expectStatus) return `status ${status}: ${text.slice(0, 80)}`;
  if (echoedNumber !== undefined && echoedNumber !== String(n))
    return "the answer to another request";
  if (expectBody && !expectBody(text, n)) return `body ${JSON.stringify(text.slice(0, 80))}`;
  return undefined;
}

function newCounts(): HttpCounts {
  return { connections: 0, announcedCloses: 0, idleCloses: 0 };
}
