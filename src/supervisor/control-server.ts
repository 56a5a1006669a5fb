/** The answering side of the control protocol, on a UNIX socket that only its owner can reach. */

import net from "node:net";
import { explained, HoldfastError } from "../errors.ts";
import { GOODBYE_ID, type Hello, PROTOCOL } from "../link/control.ts";
import { encodeFrame, type Frame, FrameReader, KIND } from "../link/frames.ts";
import { withUnixPath } from "../system/unix-path.ts";
import { freeStalePath, listenForOwner, removePath } from "./socket-path.ts";

/** While a request is served its client is told this often that somebody is there. */
const ALIVE_EVERY_MS = 2000;
/** A client that does not read this much is stopped: it is left rather than waited for or remembered for. */
const UNREAD_MAX_BYTES = 4 * 1024 * 1024;
/** How long clients may take to read what was said last. */
const GOODBYE_MS = 500;

export interface Request {
  readonly verb: string;
  readonly takes: unknown;
  /** Ends when the client goes or no longer wants the answer. */
  readonly signal: AbortSignal;
  /** Tells the client of something meanwhile. */
  event(name: string, data: unknown): void;
}

export type Answer = (request: Request) => Promise<unknown>;

export interface ControlServer {
  /** Listens again where the socket's file was deleted; clients that are there stay. Rejects with what the system says. */
  renew(): Promise<void>;
  /** Takes no more clients, tells those that are there why they are let go, and removes the socket. Default: HF_SHUTTING_DOWN. */
  close(why?: HoldfastError): Promise<void>;
}

/** Listens on `path`; a stale socket file there is removed first. Throws what the system says. */
export async function serveControl(
  path: string,
  version: string,
  answer: Answer,
): Promise<ControlServer> {
  await freeStalePath(path);
  const clients = new Set<net.Socket>();
  const hello: Hello = { protocol: PROTOCOL, version, pid: process.pid };
  const server = net.createServer((socket) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    serve(socket, hello, answer);
  });
  await withUnixPath(path, (short) => listenForOwner(server, short));
  return {
    async renew() {
      // The old one first: libuv deletes the file of a socket that it closes.
      server.close();
      await withUnixPath(path, (short) => listenForOwner(server, short));
    },
    close: async (why = new HoldfastError("HF_SHUTTING_DOWN", { pid: process.pid })) => {
      // Answers that are there already go out first.
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const client of clients) client.end(goodbye(why));
        // One that says nothing and does not go must not keep the process.
        setTimeout(() => {
          for (const client of clients) client.destroy();
        }, GOODBYE_MS);
        removePath(path);
      });
    },
  };
}

/** To nobody's question: there is no answer any more to what is asked from now on, or was asked before. */
function goodbye(why: HoldfastError): Buffer {
  return encodeFrame(KIND.failure, { id: GOODBYE_ID, error: explained(why) });
}

function serve(socket: net.Socket, hello: Hello, answer: Answer): void {
  const reader = new FrameReader();
  const running = new Map<number, AbortController>();
  const send = (kind: number, header: Record<string, unknown>): void => {
    if (socket.writableLength > UNREAD_MAX_BYTES) socket.destroy();
    else if (!socket.destroyed) socket.write(encodeFrame(kind, header));
  };
  const begin = ({ id, verb, takes }: Frame["header"]): void => {
    const gone = new AbortController();
    const number = Number(id);
    running.set(number, gone);
    const alive = setInterval(() => send(KIND.alive, { id: number }), ALIVE_EVERY_MS);
    answer({
      verb: String(verb),
      takes,
      signal: gone.signal,
      event: (name, data) => send(KIND.event, { id: number, name, data }),
    })
      .then(
        (value) => send(KIND.reply, { id: number, value }),
        (error: unknown) => send(KIND.failure, { id: number, error: explained(error) }),
      )
      .finally(() => {
        clearInterval(alive);
        running.delete(number);
      });
  };
  send(KIND.hello, { ...hello });
  socket.on("error", () => {});
  socket.on("close", () => {
    for (const gone of running.values()) gone.abort();
  });
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const { kind, header } of reader.push(chunk)) {
        if (kind === KIND.request) begin(header);
        else if (kind === KIND.cancel) running.get(Number(header.id))?.abort();
      }
    } catch {
      // It speaks something else: there is nothing it would understand.
      socket.destroy();
    }
  });
}
