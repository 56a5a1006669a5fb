import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Http1Parser, type Http1Response } from "../http1.ts";
import type { Target } from "../load.ts";
import { until } from "../until.ts";

/** A client's connection, byte by byte. */
export class Wire {
  readonly socket: Socket;
  readonly localPort: number;
  #pieces: Buffer[] = [];
  #length = 0;
  #end: "open" | "ended" | "reset" = "open";
  /** Where the next response begins. */
  #mark = 0;

  readonly #tcp: Socket;

  private constructor(socket: Socket, tcp: Socket) {
    this.socket = socket;
    this.#tcp = tcp;
    this.localPort = tcp.localPort ?? 0;
    socket.on("data", (bytes: Buffer) => {
      this.#pieces.push(bytes);
      this.#length += bytes.length;
    });
    socket.on("end", () => {
      if (this.#end === "open") this.#end = "ended";
    });
    socket.on("error", () => {
      this.#end = "reset";
    });
    socket.on("close", () => {
      if (this.#end === "open") this.#end = "ended";
    });
  }

  static async to(target: Target): Promise<Wire> {
    const { port, host = "127.0.0.1", tls = false } = target;
    const tcp = connect({ port, host }).setNoDelay(true);
    await once(tcp, "connect");
    if (!tls) return new Wire(tcp, tcp);
    const socket = connectTls({
      socket: tcp,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
    });
    await once(socket, "secureConnect");
    return new Wire(socket, tcp);
  }

  /** How it ended: by the other side's word, or without. */
  get end(): "open" | "ended" | "reset" {
    return this.#end;
  }

  get length(): number {
    return this.#length;
  }

  /** All that came since the last `forget`. */
  get received(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  forget(): void {
    this.#pieces = [];
    this.#length = 0;
    this.#mark = 0;
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Sends it in segments of that size, each on its own. */
  async sendPieces(bytes: string | Buffer, size: number): Promise<void> {
    const all = Buffer.from(bytes as string, "latin1");
    for (let at = 0; at < all.length; at += size) {
      const piece = all.subarray(at, at + size);
      await new Promise<void>((resolve) => this.socket.write(piece, () => setImmediate(resolve)));
    }
  }

  /** Sends as fast as it is taken; stops where the other side ends it. */
  async sendAll(pieces: Iterable<Buffer>): Promise<void> {
    for (const piece of pieces) {
      if (this.socket.destroyed) return;
      if (this.socket.write(piece)) continue;
      await Promise.race([once(this.socket, "drain"), once(this.socket, "close")]).catch(() => {});
    }
  }

  /** Waits for the next whole response (of a request that was not HEAD). */
  async response(timeoutMs = 10_000): Promise<Http1Response> {
    let found: Http1Response | undefined;
    await until(
      () => {
        const parser = new Http1Parser({ onResponse: (response) => (found ??= response) });
        parser.feed(this.received.subarray(this.#mark));
        if (this.#end !== "open") parser.finish();
        return found;
      },
      { what: `a response, after ${this.#shown()}`, timeoutMs, intervalMs: 5 },
    );
    this.#mark = this.#length;
    return found as unknown as Http1Response;
  }

  /** Waits until the text has come so often. */
  async text(text: string, times = 1, timeoutMs = 10_000): Promise<void> {
    await until(() => this.received.toString("latin1").split(text).length > times, {
      ...{ what: `${JSON.stringify(text)} after ${this.#shown()}`, timeoutMs, intervalMs: 5 },
    });
    this.#mark = this.#length;
  }

  async bytes(count: number, timeoutMs = 20_000): Promise<void> {
    await until(() => this.#length >= count, {
      ...{ what: `${count} bytes, ${this.#length} have come`, timeoutMs, intervalMs: 5 },
    });
    this.#mark = this.#length;
  }

  async over(timeoutMs = 10_000): Promise<void> {
    await until(() => this.#end !== "open", {
      ...{ what: `the connection's end, after ${this.#shown()}`, timeoutMs, intervalMs: 5 },
    });
  }

  close(): void {
    this.socket.destroy();
  }

  /** Ends it as a machine does that has forgotten it. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  #shown(): string {
    return JSON.stringify(this.received.toString("latin1", 0, 300));
  }
}
