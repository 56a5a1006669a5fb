/** Where `net` is met: the two ways in which a server in a cluster worker comes by its listening handle. */

import cluster from "node:cluster";
import net from "node:net";
import path from "node:path";
import { getSystemErrorName } from "node:util";
import type { ListenRequest } from "../link/agent-messages.ts";
import type { GetServer, InternalServer, ServerQuery } from "./node-internals.ts";

const IPV6_ONLY = 1;

/** Asks for a listening handle. `isExclusive`: the server wanted an address for itself. */
export type Ask = (
  server: InternalServer,
  query: ServerQuery,
  isExclusive: boolean,
  done: Parameters<GetServer>[2],
) => void;

/**
 * Everything the hook knows goes to `ask`; UDP and descriptors go on to Node's own cluster code, and
 * `hold` keeps the process until that has its answer.
 */
export function replaceGetServer(ask: Ask, hold: () => () => void): void {
  const internal = cluster as unknown as { _getServer: GetServer };
  const original = internal._getServer;
  internal._getServer = (server, query, done) => {
    if (!isStream(query)) {
      const release = hold();
      return original.call(cluster, server, query, (errno, handle) => {
        release();
        done(errno, handle);
      });
    }
    return ask(server, query, false, done);
  };
  replaceListen(ask);
}

/**
 * `exclusive` and `reusePort` servers bind by themselves, which would lose their accept queue with the
 * worker and collide with it during a reload. lib/net.js calls _listen2 without a handle then.
 */
function replaceListen(ask: Ask): void {
  const prototype = net.Server.prototype as unknown as InternalServer;
  const listen2 = prototype._listen2;
  if (!listen2) return;
  prototype._listen2 = function (this: InternalServer, ...args: unknown[]) {
    const [address, port, addressType, backlog, fd, flags] = args as [
      string | null,
      number,
      number,
      number,
      number?,
      number?,
    ];
    const query: ServerQuery = {
      address,
      port,
      addressType,
      backlog,
      flags: (flags ?? 0) & IPV6_ONLY,
    };
    if (this._handle || typeof fd === "number" || !isStream(query))
      return listen2.apply(this, args);
    const { _listeningId } = this;
    ask(this, query, true, (errno, facade) => {
      // Closed meanwhile, or told to listen elsewhere.
      if (this._listeningId !== _listeningId) return facade?.close();
      if (facade) this._handle = facade;
      if (facade) return listen2.apply(this, args);
      const code = getSystemErrorName(errno);
      const error = new Error(`listen ${code}: ${address ?? ""}:${port}`);
      this.emit("error", Object.assign(error, { code, errno, syscall: "listen", address, port }));
    });
  };
}

function isStream(query: ServerQuery): boolean {
  const isKnown = query.addressType === 4 || query.addressType === 6 || query.addressType === -1;
  return isKnown && !(typeof query.fd === "number" && query.fd >= 0);
}

/** What the supervisor is asked for. `suffix` sets addresses of one slot apart from its siblings'. */
export function requestOf(
  server: InternalServer,
  query: ServerQuery,
  suffix: string,
  ports0: Map<string, number>,
): ListenRequest {
  const addressType = Number(query.addressType);
  const address = addressType === -1 ? absolute(String(query.address)) : query.address;
  const flags = (query.flags ?? 0) & IPV6_ONLY;
  const base = `${addressType}:${address ?? ""}:${query.port}:${flags}`;
  // Port 0 means another port for each call: the n-th call of every worker shares one.
  const nth = ports0.get(base) ?? 0;
  if (query.port === 0) ports0.set(base, nth + 1);
  const key = query.port === 0 ? `${base}:${nth}${suffix}` : base;
  return {
    key,
    address,
    port: query.port,
    addressType,
    flags,
    data: server._getServerData?.() ?? null,
  };
}

/** A socket file as the supervisor would name it. Linux's abstract sockets begin with NUL and are no files. */
function absolute(file: string): string {
  return file.startsWith("\0") ? file : path.resolve(file);
}
