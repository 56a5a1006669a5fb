/**
 * Finds the end of an HTTP/1.1 response in the bytes of a peer, which go to the client as they are. The
 * peer is a Node server like this one, so what cannot be understood was written by its app and is handed on
 * until the connection ends.
 */

const HEAD_END = "\r\n\r\n";
/** A head of a response may be as long as the app likes; this is a bound, not a rule. */
const HEAD_MAX_BYTES = 4 * 1024 * 1024;
const CONTINUE = /^HTTP\/1\.\d 100\b/;
const STATUS = /^HTTP\/1\.\d (\d{3})/;
const LENGTH = /\r\ncontent-length:[ \t]*(\d+)[ \t]*(?=\r)/i;
const CHUNKED = /\r\ntransfer-encoding:[^\r]*\bchunked[ \t]*(?=\r)/i;
const CLOSE = /\r\nconnection:[^\r]*\bclose\b/i;
const KEEP_ALIVE = /\r\nconnection:[^\r]*\bkeep-alive\b/i;

const LF = 10;
/** Of a chunk's size with its extensions, or of a trailer, in characters. */
const LINE_MAX = 64 * 1024;

export interface ResponseHead {
  /** With its empty line, latin1. */
  readonly text: string;
  readonly status: number;
  /** The connection ends with it. */
  readonly isLast: boolean;
}

export interface ResponseListener {
  /** Bytes before the head: informational responses. */
  interim(text: string): void;
  head(head: ResponseHead): void;
  body(bytes: Buffer): void;
  /** All of it has come. */
  end(): void;
}

/** Where the body ends: after so many bytes, by its chunks, or with the connection. */
type Framing = "length" | "chunked" | "close";

export class ResponseReader {
  readonly #listener: ResponseListener;
  readonly #isHead: boolean;
  readonly #isOld: boolean;
  #collected: Buffer | null = null;
  #framing: Framing | null = null;
  /** Bytes of the body or of the chunk that are still to come. */
  #left = 0;
  /** Of chunked: the line that is being read; null within the bytes of a chunk. */
  #line: string | null = "";
  #isInTrailers = false;
  #haveChunksEnded = false;
  #isComplete = false;

  /** The answer to a request: by method HEAD it has no body; of HTTP/1.0 it ends with the connection unless it says otherwise. */
  constructor(request: { isHead: boolean; isOld: boolean }, listener: ResponseListener) {
    this.#isHead = request.isHead;
    this.#isOld = request.isOld;
    this.#listener = listener;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The next bytes. What comes after the end is nobody's, and dropped. */
  read(piece: Buffer): void {
    let rest = piece;
    while (this.#framing === null) {
      const found = this.#readHead(rest);
      if (!found) return;
      rest = found;
    }
    if (!this.#isComplete && rest.length > 0) this.#readBody(rest);
  }

  /** The connection has ended. True: that was the end of the response. */
  ended(): boolean {
    if (this.#isComplete) return true;
    if (this.#framing !== "close") return false;
    this.#complete();
    return true;
  }

  /** What follows the head; null: it is not there yet. */
  #readHead(piece: Buffer): Buffer | null {
    const bytes = this.#collected ? Buffer.concat([this.#collected, piece]) : piece;
    this.#collected = null;
    const at = bytes.indexOf(HEAD_END, 0, "latin1");
    if (at < 0 && bytes.length < HEAD_MAX_BYTES) {
      if (bytes.length > 0) this.#collected = bytes;
      return null;
    }
    const end = at < 0 ? 0 : at + HEAD_END.length;
    const text = bytes.toString("latin1", 0, end);
    const status = Number(STATUS.exec(text)?.[1] ?? 0);
    if (status >= 100 && status < 200 && status !== 101) this.#listener.interim(text);
    else this.#begin(text, status);
    return bytes.subarray(end);
  }

  #begin(text: string, status: number): void {
    const length = LENGTH.exec(text)?.[1];
    const isBare = this.#isHead || status === 204 || status === 304;
    if (isBare) this.#framing = "length";
    else if (CHUNKED.test(text)) this.#framing = "chunked";
    else if (length !== undefined && status >= 200) this.#framing = "length";
    else this.#framing = "close";
    this.#left = isBare ? 0 : Number(length ?? 0);
    const isLast =
      this.#framing === "close" || CLOSE.test(text) || (this.#isOld && !KEEP_ALIVE.test(text));
    this.#listener.head({ text, status, isLast });
    if (this.#framing === "length" && this.#left === 0) this.#complete();
  }

  #readBody(bytes: Buffer): void {
    if (this.#framing === "close") return this.#listener.body(bytes);
    const end = this.#framing === "length" ? this.#count(bytes) : this.#followChunks(bytes);
    this.#listener.body(end === bytes.length ? bytes : bytes.subarray(0, end));
    const isOver = this.#framing === "length" ? this.#left === 0 : this.#haveChunksEnded;
    if (isOver) this.#complete();
  }

  /** How many of these bytes belong to the body. */
  #count(bytes: Buffer): number {
    const own = Math.min(bytes.length, this.#left);
    this.#left -= own;
    return own;
  }

  /** The same for chunks (RFC 9112, 7.1): size lines, their bytes and CRLF, and trailers up to an empty line. */
  #followChunks(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#framing === "chunked" && !this.#haveChunksEnded) {
      if (this.#line === null) {
        const own = Math.min(bytes.length - at, this.#left);
        this.#left -= own;
        at += own;
        if (this.#left === 0) this.#line = "";
        continue;
      }
      const lineEnd = bytes.indexOf(LF, at);
      const stop = lineEnd < 0 ? bytes.length : lineEnd + 1;
      this.#line += bytes.toString("latin1", at, stop);
      at = stop;
      if (lineEnd >= 0) this.#lineRead(this.#line.trim());
      else if (this.#line.length > LINE_MAX) this.#framing = "close";
    }
    return this.#framing === "close" ? bytes.length : at;
  }

  #lineRead(line: string): void {
    this.#line = "";
    if (this.#isInTrailers) {
      this.#haveChunksEnded = line === "";
      return;
    }
    const size = Number.parseInt(line, 16);
    // Not a chunk: the app has written by itself. It goes on as it comes.
    if (!(size >= 0)) this.#framing = "close";
    else if (size === 0) this.#isInTrailers = true;
    else {
      // The CRLF behind the bytes is part of what is skipped.
      this.#left = size + 2;
      this.#line = null;
    }
  }

  #complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    this.#listener.end();
  }
}

/** The interim response that answers `Expect: 100-continue`. */
export function isContinue(text: string): boolean {
  return CONTINUE.test(text);
}

/** The same head, saying that the connection ends with it. */
export function closing(text: string): string {
  const kept = text.replace(/\r\n(connection|keep-alive):[^\r]*/gi, "");
  return `${kept.slice(0, -2)}Connection: close\r\n\r\n`;
}

/** The same head with one more line. */
export function withLine(text: string, line: string): string {
  return `${text.slice(0, -2)}${line}\r\n\r\n`;
}
