/** The admin HTTP server: metrics for Prometheus, probes for orchestrators. Never in the way of an app's requests. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { addressText, type Listen } from "../config/admin.ts";
import type { SupervisorReadiness } from "../core/readiness.ts";
import { HoldfastError } from "../errors.ts";
import { holderOfPort, programOf } from "../system/proc.ts";
import { type Guard, judge, type Route } from "./judge.ts";

export interface AdminContext {
  metrics(accept: string | undefined): Promise<{ contentType: string; body: string }>;
  readiness(): SupervisorReadiness;
  /** Something has failed that is a fault of ours; the client got status 500. */
  fault(error: unknown): void;
}

export interface AdminServer {
  /** With the port that was found for port 0. */
  readonly address: string;
  /** Another token from the next request on. */
  setToken(token: string | null): void;
  /** Takes no more clients; answers that are under way have half a second. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A client that has not sent its few lines by then never will. */
const REQUEST_WITHIN_MS = 5000;
/** A client that takes nothing of its answer for so long is let go. */
const UNREAD_WITHIN_MS = 10_000;
/** Longer than usual scrape intervals, so that each need not connect anew. */
const KEEP_ALIVE_MS = 75_000;
const MOST_CONNECTIONS = 100;
const LONGEST_HEADERS_BYTES = 8 * 1024;
const CLOSE_WITHIN_MS = 500;
/** What is shorter fits into one packet as it is. */
const GZIP_FROM_BYTES = 1400;
const TEXT = "text/plain; charset=utf-8";
/** For browsers, which have no business here. */
const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const gzipped = promisify(gzip);

/**
 * Listens, and answers /metrics, /healthz and /readyz. Rejects with HF_ADMIN_PORT_IN_USE, which names who has it,
 * or HF_ADMIN_NOT_LISTENING.
 */
export async function serveAdmin(
  listen: Listen,
  token: string | null,
  context: AdminContext,
): Promise<AdminServer> {
  const guard: { host: string; token: string | null } = { host: listen.host, token };
  const server = createServer(
    {
      headersTimeout: REQUEST_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: LONGEST_HEADERS_BYTES,
    },
    (request, response) => void respond(request, response, guard, context),
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.timeout = UNREAD_WITHIN_MS;
  const port = await bound(server, listen);
  return {
    address: addressText({ host: listen.host, port }),
    setToken: (next) => {
      guard.token = next;
    },
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

function bound(server: Server, listen: Listen): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explain(listen, error)));
    // Of this process alone, even where that is itself a worker of some cluster.
    server.listen({ ...listen, exclusive: true }, () => {
      server.removeAllListeners("error");
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function explain(listen: Listen, error: NodeJS.ErrnoException): HoldfastError {
  const address = addressText(listen);
  const cause = { cause: error };
  if (error.code !== "EADDRINUSE") {
    const reason = error.code ?? error.message;
    return new HoldfastError("HF_ADMIN_NOT_LISTENING", { address, reason }, cause);
  }
  const found = holderOfPort(listen.host, listen.port);
  const holder = found && `process ${found.pid} (${programOf(found.command)})`;
  return new HoldfastError("HF_ADMIN_PORT_IN_USE", { address, holder }, cause);
}

/** Never rejects. */
async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  guard: Guard,
  context: AdminContext,
): Promise<void> {
  // Whoever breaks off has no answer to wait for.
  response.on("error", () => {});
  const answer = await answerTo(request, guard, context).catch((error: unknown): Answer => {
    context.fault(error);
    return plain(500, "A fault of Holdfast itself; its log says which.");
  });
  const { status, headers, body } = answer;
  const length = { "Content-Length": String(Buffer.byteLength(body)) };
  // A request that is refused may have a body, which nobody reads.
  const last = status === 200 || status === 503 ? {} : { Connection: "close" };
  response.writeHead(status, { ...HEADERS, ...headers, ...length, ...last });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function answerTo(
  request: IncomingMessage,
  guard: Guard,
  context: AdminContext,
): Promise<Answer> {
  const { method = "", url = "", httpVersion, headers } = request;
  const { host, authorization } = headers;
  const verdict = judge({ method, url, httpVersion, host, authorization }, guard);
  if (typeof verdict === "string") return served(verdict, request, context);
  const { status, why } = verdict;
  const refused = plain(status, why);
  return { ...refused, headers: { ...refused.headers, ...verdict.headers } };
}

async function served(
  route: Route,
  { headers }: IncomingMessage,
  context: AdminContext,
): Promise<Answer> {
  if (route === "healthz") return plain(200, "ok");
  if (route === "readyz") {
    const found = context.readiness();
    const type = { "Content-Type": "application/json" };
    return { status: found.ready ? 200 : 503, headers: type, body: `${JSON.stringify(found)}\n` };
  }
  const { contentType, body } = await context.metrics(headers.accept);
  const type = { "Content-Type": contentType, Vary: "Accept, Accept-Encoding" };
  if (body.length < GZIP_FROM_BYTES || !takesGzip(headers["accept-encoding"])) {
    return { status: 200, headers: type, body };
  }
  // Above all it is to be quick: level 1.
  const small = await gzipped(body, { level: 1 });
  return { status: 200, headers: { ...type, "Content-Encoding": "gzip" }, body: small };
}

/** RFC 9110, 12.5.3: `gzip;q=0` refuses it. */
function takesGzip(accepted: string | string[] | undefined): boolean {
  return String(accepted ?? "")
    .split(",")
    .some((each) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/i.test(each));
}

function plain(status: number, text: string): Answer {
  return { status, headers: { "Content-Type": TEXT }, body: `${text}\n` };
}
