/**
 * What a worker says first on a connection to a peer: whose client it is for. Four bytes of length, then
 * JSON. Only peers can say it: their sockets lie in a folder that is closed to other users.
 */

import type { TLSSocket } from "node:tls";
import type { InternalSocket } from "../node-internals.ts";
import { type TlsFacts, tlsFactsOf, tlsMembers } from "./tls-facts.ts";

const LENGTH_BYTES = 4;
/** A certificate of a client takes some kilobytes, a chain of them several times as much. */
export const PREAMBLE_MAX_BYTES = 64 * 1024;

/** The client's connection, as the app would see it. */
export interface ClientFacts {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly remoteFamily?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly localFamily?: string | undefined;
  readonly tls: TlsFacts | null;
}

const ADDRESSES = [
  ...(["remoteAddress", "remotePort", "remoteFamily"] as const),
  ...(["localAddress", "localPort", "localFamily"] as const),
];

export type Preamble =
  /** HTTP follows, of one client's connection to the server at this key. */
  | {
      readonly kind: "http";
      readonly from: string;
      readonly key: string;
      readonly facts: ClientFacts;
    }
  /** Lines of JSON follow. */
  | { readonly kind: "control"; readonly from: string };

export function writePreamble(preamble: Preamble): Buffer {
  const text = Buffer.from(JSON.stringify(preamble));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}

/** The preamble at the beginning of `bytes` and what follows; null: not all of it is there. Throws on nonsense. */
export function readPreamble(bytes: Buffer): { preamble: Preamble; rest: Buffer } | null {
  if (bytes.length < LENGTH_BYTES) return null;
  const length = bytes.readUInt32BE(0);
  if (length > PREAMBLE_MAX_BYTES) throw new Error(`a preamble of ${length} bytes`);
  const end = LENGTH_BYTES + length;
  if (bytes.length < end) return null;
  const preamble = JSON.parse(bytes.toString("utf8", LENGTH_BYTES, end)) as Preamble;
  return { preamble, rest: bytes.subarray(end) };
}

export function factsOf(socket: InternalSocket): ClientFacts {
  const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = socket;
  return {
    ...{ remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily },
    tls: socket.encrypted ? tlsFactsOf(socket as unknown as TLSSocket) : null,
  };
}

/**
 * From now on the socket looks like the client's. Its own address is a nameless UNIX socket. Throws where the facts
 * are none: no peer has said that.
 */
export function disguise(socket: InternalSocket, facts: ClientFacts): void {
  const { tls, localAddress, localPort, localFamily } = facts;
  if (typeof tls !== "object") throw new TypeError("no facts of a client");
  for (const name of ADDRESSES) define(socket, name, facts[name]);
  define(socket, "address", () =>
    localAddress === undefined
      ? {}
      : { address: localAddress, family: localFamily, port: localPort },
  );
  if (!tls) return;
  const members = tlsMembers(tls);
  for (const name of Reflect.ownKeys(members)) define(socket, name, members[name]);
}

function define(target: object, name: string | symbol, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}
