import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { describeError, type Entry, type FailureKind, kindOfError } from "../ledger.ts";
import { faultOf, type HttpLoadOptions, NUMBER_HEADER } from "./http.ts";
import { DEFAULT_TIMEOUT_MS, type Load, type Run, startClients, think } from "./run.ts";

/** What an HTTP/2 load counts beside its requests. */
export interface H2Counts {
  sessions: number;
  goaways: number;
  /** Streams the server said it never processed, sent once more as RFC 9113 section 8.7 allows. */
  retries: number;
}

export interface H2LoadOptions extends HttpLoadOptions {
  /** Sessions (TCP connections) the concurrent streams are spread over. */
  sessions?: number;
}

type Attempt =
  | { kind: "answered"; status: number; number: string | undefined; body: Buffer }
  | { kind: FailureKind; detail: string; unprocessed: boolean };

/** Concurrent streams (`clients`) on HTTP/2 sessions, h2c or TLS. A session told to go away gets no new stream. */
export function startH2Load(options: H2LoadOptions): Load<H2Counts> {
  const counts: H2Counts = { sessions: 0, goaways: 0, retries: 0 };
  const lanes = Array.from({ length: options.sessions ?? 2 }, () => new Lane(options, counts));
  const load = startClients(
    "HTTP/2 streams",
    { clients: 8, ...options },
    counts,
    async (run, index) => {
      const lane = lanes[index % lanes.length] as Lane;
      while (!run.stopping) {
        const ok = await request(run, lane, options, counts);
        await think(run, !ok, options);
      }
    },
  );
  return {
    ...load,
    stop: async () => {
      const summary = await load.stop();
      for (const lane of lanes) lane.close();
      return summary;
    },
  };
}

/** The session new streams go to; replaced when it ends or is told to go away. */
class Lane {
  readonly #options: H2LoadOptions;
  readonly #counts: H2Counts;
  #session: ClientHttp2Session | undefined;
  #known = new WeakMap<ClientHttp2Session, SessionNews>();

  constructor(options: H2LoadOptions, counts: H2Counts) {
    this.#options = options;
    this.#counts = counts;
  }

  current(): ClientHttp2Session {
    const session = this.#session;
    if (session && !session.closed && !session.destroyed && !this.news(session).goneAway)
      return session;
    const { host = "127.0.0.1", port, tls } = this.#options;
    const fresh = connect(`${tls ? "https" : "http"}://${host}:${port}`, {
      rejectUnauthorized: false,
    });
    const news: SessionNews = {
      goneAway: false,
      connected: false,
      lastStreamId: 2 ** 31 - 1,
      error: undefined,
    };
    this.#known.set(fresh, news);
    fresh.on("connect", () => {
      news.connected = true;
    });
    fresh.on("error", (error) => {
      news.error = error;
    });
    fresh.on("goaway", (_code, lastStreamId) => {
      if (!news.goneAway) this.#counts.goaways += 1;
      news.goneAway = true;
      news.lastStreamId = lastStreamId;
    });
    this.#counts.sessions += 1;
    this.#session = fresh;
    return fresh;
  }

  news(session: ClientHttp2Session): SessionNews {
    const news = this.#known.get(session);
    if (!news) throw new Error("a session of another lane");
    return news;
  }

  close(): void {
    const session = this.#session;
    if (!session || session.destroyed) return;
    session.close();
    // A server that does not answer the close must not keep the test alive.
    setTimeout(() => session.destroy(), 1_000).unref();
  }
}

interface SessionNews {
  goneAway: boolean;
  connected: boolean;
  lastStreamId: number;
  error: unknown;
}

async function request(
  run: Run,
  lane: Lane,
  options: H2LoadOptions,
  counts: H2Counts,
): Promise<boolean> {
  const n = run.next();
  const entry = run.ledger.begin();
  let attempt = await attemptOn(lane, n, options);
  if (attempt.kind !== "answered" && attempt.unprocessed) {
    counts.retries += 1;
    attempt = await attemptOn(lane, n, options);
  }
  return settle(entry, attempt, n, options);
}

function settle(entry: Entry, attempt: Attempt, n: number, options: H2LoadOptions): boolean {
  if (attempt.kind !== "answered") {
    entry.end(attempt.kind, attempt.unprocessed ? `${attempt.detail}, twice` : attempt.detail);
    return false;
  }
  const fault = faultOf(attempt.status, attempt.number, attempt.body, n, options);
  entry.end(fault === undefined ? "ok" : "wrong", fault);
  return fault === undefined;
}

function attemptOn(lane: Lane, n: number, options: H2LoadOptions): Promise<Attempt> {
  const session = lane.current();
  const { path = "/", method = "GET", headers, body, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  let stream: ClientHttp2Stream;
  try {
    stream = session.request({
      ...headers,
      ":path": typeof path === "string" ? path : path(n),
      ":method": method,
      [NUMBER_HEADER]: String(n),
    });
  } catch (error) {
    // The session closed between the look at it and the request: nothing was sent.
    return Promise.resolve({ kind: "error", detail: describeError(error), unprocessed: true });
  }
  stream.end(body);
  return follow(stream, lane.news(session), timeoutMs);
}

/** Collects the answer and, at the stream's close, judges how it ended. */
function follow(stream: ClientHttp2Stream, news: SessionNews, timeoutMs: number): Promise<Attempt> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const seen: StreamNews = {
      status: 0,
      timedOut: false,
      ended: false,
      error: undefined,
      timeoutMs,
    };
    let number: string | undefined;
    let length: number | undefined;
    const timer = setTimeout(() => {
      seen.timedOut = true;
      stream.destroy();
    }, timeoutMs);
    stream.on("response", (headers) => {
      seen.status = headers[":status"] ?? 0;
      const echoed = headers[NUMBER_HEADER];
      number = typeof echoed === "string" ? echoed : undefined;
      const declared = headers["content-length"];
      length = declared === undefined ? undefined : Number(declared);
    });
    stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
    stream.on("end", () => {
      seen.ended = true;
    });
    stream.on("error", (error) => {
      seen.error = error;
    });
    stream.on("close", () => {
      clearTimeout(timer);
      const fault = faultOfStream(stream, seen, news);
      if (fault) return resolve(fault);
      const body = Buffer.concat(chunks);
      if (length !== undefined && body.length !== length) {
        return resolve({
          kind: "truncated",
          detail: `${body.length} of ${length} bytes`,
          unprocessed: false,
        });
      }
      resolve({ kind: "answered", status: seen.status, number, body });
    });
  });
}

interface StreamNews {
  status: number;
  timedOut: boolean;
  ended: boolean;
  error: unknown;
  timeoutMs: number;
}

function faultOfStream(
  stream: ClientHttp2Stream,
  seen: StreamNews,
  news: SessionNews,
): Attempt | undefined {
  if (seen.timedOut) {
    return { kind: "timeout", detail: `no answer in ${seen.timeoutMs} ms`, unprocessed: false };
  }
  const reset = stream.rstCode;
  const clean = reset === constants.NGHTTP2_NO_ERROR && seen.ended && seen.status > 0;
  if (clean && !stream.aborted && seen.error === undefined) return undefined;

  const started = seen.status > 0;
  // Above the GOAWAY's last stream, or never numbered at all: the server promises it was not processed.
  const beyond = news.goneAway && (stream.id === undefined || stream.id > news.lastStreamId);
  const unprocessed =
    !started && news.connected && (reset === constants.NGHTTP2_REFUSED_STREAM || beyond);
  const error = seen.error ?? news.error;
  const detail = error ? describeError(error) : `stream closed with code ${reset ?? "none"}`;
  if (started) return { kind: "truncated", detail, unprocessed: false };
  if (unprocessed) return { kind: "refused", detail, unprocessed: true };
  const cut = kindOfError(error);
  // A stream or connection cut without an error of the socket is a reset; broken HTTP/2 is not.
  const broken = /^ERR_HTTP2_(SESSION_)?ERROR$/.test((error as NodeJS.ErrnoException)?.code ?? "");
  return { kind: cut === "error" && !broken ? "reset" : cut, detail, unprocessed: false };
}
