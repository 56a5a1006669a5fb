import { once } from "node:events";
import {
  createServer as createH2Server,
  constants as h2,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** A server that misbehaves on every tenth request, to prove that the loads notice. */
export interface FaultyServer {
  port: number;
  /** Faults done so far. */
  readonly faults: number;
  close(): Promise<void>;
}

/** What to do instead of an honest answer. */
export type HttpFault =
  | "none"
  | "reset"
  | "silent-end"
  | "truncate-length"
  | "truncate-chunked"
  | "hang"
  | "wrong-body"
  | "wrong-status"
  | "swapped"
  | "twice"
  | "announced-close"
  | "idle-reset"
  | "idle-end";

/** The body of every honest answer. */
export const HONEST_BODY = "honest";

const EVERY = 10;

function answer(n: string, body = HONEST_BODY, status = "200 OK", extra = ""): string {
  return `HTTP/1.1 ${status}\r\n${extra}x-request-n: ${n}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

const HTTP_FAULTS: Record<HttpFault, (socket: Socket, n: string) => void> = {
  none: (socket, n) => socket.write(answer(n)),
  reset: (socket) => socket.resetAndDestroy(),
  "silent-end": (socket) => socket.end(),
  "truncate-length": (socket, n) => socket.end(answer(n).slice(0, -2)),
  "truncate-chunked": (socket) =>
    socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhonest\r\n"),
  hang: () => undefined,
  "wrong-body": (socket, n) => socket.write(answer(n, "wrong")),
  "wrong-status": (socket, n) => socket.write(answer(n, HONEST_BODY, "503 Service Unavailable")),
  swapped: (socket) => socket.write(answer("-1")),
  twice: (socket, n) => socket.write(answer(n) + answer(n)),
  "announced-close": (socket, n) =>
    socket.end(answer(n, HONEST_BODY, "200 OK", "Connection: close\r\n")),
  "idle-reset": (socket, n) => {
    socket.write(answer(n));
    setTimeout(() => socket.resetAndDestroy(), 20);
  },
  "idle-end": (socket, n) => {
    socket.write(answer(n));
    setTimeout(() => socket.end(), 20);
  },
};

/** An HTTP/1.1 server on a bare socket, so that every byte is under control. */
export async function startFaultyHttp(fault: HttpFault): Promise<FaultyServer> {
  let requests = 0;
  const state = { faults: 0 };
  const server = createServer((socket) => {
    let pending = "";
    let silent = false;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      const parts = (pending + chunk.toString("latin1")).split("\r\n\r\n");
      pending = parts.pop() ?? "";
      for (const head of parts) {
        const n = /x-request-n: (\d+)/.exec(head)?.[1] ?? "";
        // After a fault that ends or stalls the connection nothing else is answered on it.
        if (silent || socket.destroyed || socket.writableEnded) continue;
        const bad = fault !== "none" && ++requests % EVERY === 0;
        if (bad) state.faults += 1;
        if (bad && fault === "hang") silent = true;
        HTTP_FAULTS[bad ? fault : "none"](socket, n);
        if (/connection: close/i.test(head) && !silent && !socket.destroyed) socket.end();
      }
    });
  });
  return serve(server, state);
}

export type RawFault = "none" | "reset" | "partial" | "wrong" | "hang";

/** A line echo. */
export async function startFaultyEcho(fault: RawFault): Promise<FaultyServer> {
  let lines = 0;
  const state = { faults: 0 };
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (line) => {
      if (fault === "none" || ++lines % EVERY !== 0) return void socket.write(line);
      state.faults += 1;
      if (fault === "reset") socket.resetAndDestroy();
      if (fault === "partial") socket.end("li");
      if (fault === "wrong") socket.write("wrong\n");
    });
  });
  return serve(server, state);
}

export type StreamFault = "none" | "reset" | "no-terminator" | "within-event" | "silent";

/** An event stream of three events; each second stream ends as told. */
export async function startFaultySse(fault: StreamFault): Promise<FaultyServer> {
  let streams = 0;
  const state = { faults: 0 };
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      const bad = fault !== "none" && ++streams % 2 === 0;
      if (bad) state.faults += 1;
      socket.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
      for (let i = 0; i < 3; i++) socket.write(chunk(`data: ${i}\n\n`));
      setTimeout(() => {
        if (!bad) socket.end("0\r\n\r\n");
        else if (fault === "reset") socket.resetAndDestroy();
        else if (fault === "no-terminator") socket.end();
        else if (fault === "within-event") socket.end(`${chunk("data: 3\n")}0\r\n\r\n`);
      }, 10);
    });
  });
  return serve(server, state);
}

export type H2Fault =
  | "none"
  | "refused-stream"
  | "rst"
  | "truncate"
  | "short-body"
  | "cut-body"
  | "hang"
  | "wrong-body"
  | "goaway"
  | "drop-session";

function h2Fault(fault: H2Fault, stream: ServerHttp2Stream, socket: Socket | undefined): void {
  switch (fault) {
    case "refused-stream":
      return stream.close(h2.NGHTTP2_REFUSED_STREAM);
    case "rst":
      return stream.close(h2.NGHTTP2_INTERNAL_ERROR);
    case "truncate":
      stream.respond({ ":status": 200 });
      stream.write("hon");
      return void setTimeout(() => stream.destroy(new Error("cut")), 5);
    case "short-body":
      stream.respond({ ":status": 200, "content-length": HONEST_BODY.length });
      return void stream.end("hon");
    case "cut-body":
      stream.respond({ ":status": 200 });
      stream.write("hon");
      return void setTimeout(() => socket?.destroy(), 5);
    case "hang":
      return;
    case "wrong-body":
      stream.respond({ ":status": 200 });
      return void stream.end("wrong");
    case "goaway":
      // As a graceful server does: the streams it has are served, newer ones refused.
      stream.session?.goaway(h2.NGHTTP2_NO_ERROR, stream.id ?? 0);
      return h2Fault("none", stream, socket);
    case "drop-session":
      return void socket?.resetAndDestroy();
    case "none":
      setTimeout(() => {
        if (stream.destroyed) return;
        stream.respond({ ":status": 200, "content-length": HONEST_BODY.length });
        stream.end(HONEST_BODY);
      }, 2);
  }
}

/** An h2c server. */
export async function startFaultyH2(fault: H2Fault): Promise<FaultyServer> {
  let streams = 0;
  const state = { faults: 0 };
  const server = createH2Server();
  // The socket a session shows is a guarded proxy; to cut it takes the real one.
  const sockets = new Map<number | undefined, Socket>();
  server.on("connection", (socket: Socket) => sockets.set(socket.remotePort, socket));
  server.on("sessionError", () => undefined);
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    const bad = fault !== "none" && ++streams % EVERY === 0;
    if (bad) state.faults += 1;
    h2Fault(bad ? fault : "none", stream, sockets.get(stream.session?.socket.remotePort));
  });
  return serve(server as unknown as Server, state);
}

export type WsFault = "none" | "terminate" | "wrong" | "hang" | "restart" | "goodbye";

const WS_FAULTS: Record<WsFault, (socket: WebSocket, data: Buffer) => void> = {
  none: (socket, data) => socket.send(data, { binary: false }),
  terminate: (socket) => socket.terminate(),
  wrong: (socket) => socket.send("wrong"),
  hang: () => undefined,
  restart: (socket) => socket.close(1012, "Service Restart"),
  goodbye: (socket) => socket.close(1001),
};

/** A WebSocket echo at /ws. */
export async function startFaultyWs(fault: WsFault): Promise<FaultyServer> {
  let messages = 0;
  const state = { faults: 0 };
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", path: "/ws" });
  await once(sockets, "listening");
  sockets.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => {
      const bad = fault !== "none" && ++messages % EVERY === 0;
      if (bad) state.faults += 1;
      WS_FAULTS[bad ? fault : "none"](socket, data);
    });
  });
  return {
    port: (sockets.address() as { port: number }).port,
    get faults() {
      return state.faults;
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      await new Promise((resolve) => sockets.close(resolve));
    },
  };
}

async function serve(server: Server, state: { faults: number }): Promise<FaultyServer> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    get faults() {
      return state.faults;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
