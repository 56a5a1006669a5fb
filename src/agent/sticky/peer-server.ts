/**
 * Where peers reach this worker: a UNIX socket in a folder that is closed to other users. What comes here has
 * been routed already, and is never forwarded again.
 */

import net, { type Server, type Socket } from "node:net";
import type { InternalServer, InternalSocket } from "../node-internals.ts";
import { buffered } from "./hand-over.ts";
import { limitToRequests } from "./peer-timeouts.ts";
import { disguise, PREAMBLE_MAX_BYTES, type Preamble, readPreamble } from "./preamble.ts";
import { type Visit, visitOf } from "./visit.ts";

/** A peer says at once what it is. Milliseconds. */
const PREAMBLE_WITHIN_MS = 5000;
/** Connections that have not said it yet; more than these are refused. */
const SILENT_MAX = 256;

/** Instead of an answer: no server listens there, nothing has been looked at. No answer begins like that. */
export const REFUSAL = "\0";

type AdmittedSocket = InternalSocket & { _server?: InternalServer };

export interface PeerListener {
  /** The server that listens at the key; undefined: none does. */
  serverAt(key: string): InternalServer | undefined;
  control(from: string, socket: Socket, rest: Buffer): void;
}

export class PeerServer {
  readonly #server: Server;
  readonly #listener: PeerListener;
  #silent = 0;
  #size = 0;

  /** Listens at `path`. Keeps no process alive. */
  constructor(path: string, listener: PeerListener) {
    this.#listener = listener;
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => this.#greet(socket));
    this.#server.on("error", (error) => {
      process.emitWarning(`other workers cannot send sessions here: ${error.message}`);
    });
    // Its own, not the cluster's; before the agent's hook sees what listens.
    this.#server.listen({ path, exclusive: true });
    this.#server.unref();
  }

  /** Open connections of clients that are connected to other workers. */
  get size(): number {
    return this.#size;
  }

  #greet(socket: Socket): void {
    if (this.#silent >= SILENT_MAX) return void socket.destroy();
    this.#silent += 1;
    let collected: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), PREAMBLE_WITHIN_MS).unref();
    const onError = (): void => {};
    const done = (): void => {
      clearTimeout(timer);
      this.#silent -= 1;
      socket.removeListener("readable", read);
      socket.removeListener("end", hangUp);
      socket.removeListener("close", done);
    };
    const hangUp = (): void => void socket.destroy();
    const read = (): void => {
      collected = Buffer.concat([collected, ...buffered(socket)]);
      const found = preambleIn(collected);
      if (found === "nonsense") return hangUp();
      if (!found) return;
      done();
      // Once the stream has noticed that nobody waits for "readable": it must be as fresh for its server.
      process.nextTick(() => {
        socket.removeListener("error", onError);
        this.#enter(socket as InternalSocket, found.preamble, found.rest);
      });
    };
    socket.on("error", onError).on("readable", read).on("end", hangUp).on("close", done);
  }

  #enter(socket: InternalSocket, preamble: Preamble, rest: Buffer): void {
    if (socket.destroyed) return;
    if (preamble.kind === "control") return this.#listener.control(preamble.from, socket, rest);
    const server = this.#listener.serverAt(preamble.key);
    if (!server) return refuse(socket);
    try {
      disguise(socket, preamble.facts);
    } catch {
      return void socket.destroy();
    }
    limitToRequests(socket);
    this.#size += 1;
    socket.once("close", () => {
      this.#size -= 1;
    });
    admit(server, socket, rest, { from: preamble.from });
  }
}

/** To whoever waits for it still. */
function refuse(socket: Socket): void {
  socket.on("error", () => {});
  socket.resume();
  socket.end(REFUSAL, () => socket.destroy());
}

/** Gives a connection to a server as if it had accepted it; `bytes` were read of it before. */
export function admit(
  server: InternalServer,
  socket: AdmittedSocket,
  bytes: Buffer,
  known: Partial<Visit>,
): void {
  // In net's order, so that V8 takes it for one of net's.
  socket.server = server;
  socket._server = server;
  Object.assign(visitOf(socket), known);
  server._connections += 1;
  // Nobody listens to a kind of connection the server does not have.
  if (!server.emit(socket.encrypted ? "secureConnection" : "connection", socket)) socket.destroy();
  if (bytes.length === 0) return;
  // Once it flows, as the server has asked for: a pause before that would be undone by it, and what the app
  // does not read would pile up.
  process.nextTick(() => {
    if (!socket.destroyed) socket.unshift(bytes);
  });
}

/** Null: not all of it is there. */
function preambleIn(bytes: Buffer): ReturnType<typeof readPreamble> | "nonsense" {
  try {
    const found = readPreamble(bytes);
    if (!found) return bytes.length > PREAMBLE_MAX_BYTES + 4 ? "nonsense" : null;
    const { kind, from } = found.preamble;
    const isKnown = (kind === "http" || kind === "control") && typeof from === "string";
    return isKnown ? found : "nonsense";
  } catch {
    return "nonsense";
  }
}
