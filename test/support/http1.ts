/** A response as it stood on the wire, complete. */
export interface Http1Response extends Http1Head {
  body: Buffer;
}

/** Status line and header fields. Names are lower-case; repeated fields are joined with ", ". */
export interface Http1Head {
  status: number;
  headers: Map<string, string>;
  /** The server will not answer another request on this connection. */
  close: boolean;
}

/** What the parser tells as it goes. */
export interface Http1Listener {
  onHead?(head: Http1Head): void;
  onBody?(chunk: Buffer): void;
  onResponse(response: Http1Response): void;
}

/** The bytes are not an HTTP/1.1 response. */
export class Http1SyntaxError extends Error {}

type State =
  | "head"
  | "fixed"
  | "until-close"
  | "chunk-size"
  | "chunk-data"
  | "chunk-end"
  | "trailers";

const MAX_LINES = 64 * 1024;

/**
 * Reads HTTP/1.1 responses off a connection, one after the other, and knows at every moment whether
 * one is incomplete. Own code rather than node:http, which retries, pools and forgives on its own.
 */
export class Http1Parser {
  readonly #listener: Http1Listener;
  #state: State = "head";
  #pending: Buffer = Buffer.alloc(0);
  #head: Http1Head | undefined;
  #body: Buffer[] = [];
  #left = 0;

  constructor(listener: Http1Listener) {
    this.#listener = listener;
  }

  /** Some bytes of a response have arrived but not all. */
  get midMessage(): boolean {
    return this.#head !== undefined || this.#pending.length > 0;
  }

  /** Takes what the socket delivered; throws `Http1SyntaxError` when it makes no sense. */
  feed(chunk: Buffer): void {
    let rest = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    this.#pending = Buffer.alloc(0);
    while (rest.length > 0) {
      const used = this.#consume(rest);
      if (used === 0) {
        if (rest.length > MAX_LINES) throw new Http1SyntaxError("a line without end");
        this.#pending = rest;
        return;
      }
      rest = rest.subarray(used);
    }
  }

  /** The peer ended the connection: `true` when that cut no response short. */
  finish(): boolean {
    if (this.#state === "until-close") this.#complete();
    return !this.midMessage;
  }

  /** Handles one element and returns its length, 0 when more bytes are needed. */
  #consume(bytes: Buffer): number {
    switch (this.#state) {
      case "head":
        return this.#consumeHead(bytes);
      case "fixed":
      case "chunk-data":
      case "until-close":
        return this.#consumeBody(bytes);
      default:
        return this.#consumeLine(bytes);
    }
  }

  #consumeHead(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) {
      if (!"HTTP/1.1 ".startsWith(bytes.toString("latin1", 0, 9))) {
        if (!/^HTTP\/1\.[01] /.test(bytes.toString("latin1", 0, 9))) throw notHttp(bytes);
      }
      return 0;
    }
    const head = parseHead(bytes.toString("latin1", 0, end));
    const interim = head.status >= 100 && head.status < 200 && head.status !== 101;
    if (!interim) this.#beginBody(head);
    return end + 4;
  }

  #beginBody(head: Http1Head): void {
    this.#head = head;
    this.#body = [];
    this.#listener.onHead?.(head);
    const length = head.headers.get("content-length");
    if (head.status === 101 || head.status === 204 || head.status === 304) return this.#complete();
    if (head.headers.get("transfer-encoding")?.toLowerCase().endsWith("chunked")) {
      this.#state = "chunk-size";
      return;
    }
    if (length === undefined) {
      head.close = true;
      this.#state = "until-close";
      return;
    }
    if (!/^\d+$/.test(length)) throw new Http1SyntaxError(`content-length: ${length}`);
    this.#left = Number(length);
    if (this.#left === 0) return this.#complete();
    this.#state = "fixed";
  }

  #consumeBody(bytes: Buffer): number {
    const chunk = this.#state === "until-close" ? bytes : bytes.subarray(0, this.#left);
    this.#body.push(chunk);
    this.#listener.onBody?.(chunk);
    if (this.#state === "until-close") return chunk.length;
    this.#left -= chunk.length;
    if (this.#left === 0) {
      if (this.#state === "fixed") this.#complete();
      else this.#state = "chunk-end";
    }
    return chunk.length;
  }

  #consumeLine(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n");
    if (end < 0) return 0;
    const line = bytes.toString("latin1", 0, end);
    if (this.#state === "chunk-end") {
      if (line !== "") throw new Http1SyntaxError(`after a chunk: ${line}`);
      this.#state = "chunk-size";
    } else if (this.#state === "trailers") {
      if (line === "") this.#complete();
    } else {
      const size = /^([0-9a-f]+)[ \t]*(;.*)?$/i.exec(line)?.[1];
      if (size === undefined) throw new Http1SyntaxError(`chunk size: ${line}`);
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailers" : "chunk-data";
    }
    return end + 2;
  }

  #complete(): void {
    const head = this.#head;
    if (!head) return;
    const body = this.#body.length === 1 ? this.#body[0] : undefined;
    const response = { ...head, body: body ?? Buffer.concat(this.#body) };
    this.#state = "head";
    this.#head = undefined;
    this.#body = [];
    this.#listener.onResponse(response);
  }
}

function notHttp(bytes: Buffer): Http1SyntaxError {
  return new Http1SyntaxError(
    `not an HTTP response: ${JSON.stringify(bytes.toString("latin1", 0, 40))}`,
  );
}

function parseHead(text: string): Http1Head {
  const [first = "", ...lines] = text.split("\r\n");
  const [, version, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first) ?? [];
  if (version === undefined || status === undefined) throw notHttp(Buffer.from(text, "latin1"));
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new Http1SyntaxError(`header field: ${line}`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  const connection =
    headers
      .get("connection")
      ?.toLowerCase()
      .split(/\s*,\s*/) ?? [];
  const close =
    connection.includes("close") || (version === "0" && !connection.includes("keep-alive"));
  return { status: Number(status), headers, close };
}

/** What to ask for. */
export interface Http1Request {
  path: string;
  host: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** The bytes of a request. */
export function formatRequest({
  path,
  host,
  method = "GET",
  headers = {},
  body,
}: Http1Request): string {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`;
}
