/**
 * The listen hook. `net` asks `cluster._getServer` for a listening handle when a server listens in a
 * cluster worker (lib/net.js listenInCluster, Node 20 to 26). The hook answers with a facade whose
 * connections come from the shards the supervisor has attached: sockets it holds open for the life of
 * the app, so that none is ever closed with connections waiting in it.
 */

import cluster from "node:cluster";
import { chmodSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { getSystemErrorName } from "node:util";
import type { ListenRequest } from "../link/agent-messages.ts";
import type { Channel } from "./channel.ts";
import type { Facade, GetServer, Handle, InternalServer, ServerQuery } from "./node-internals.ts";

/** UV_EADDRINUSE on Linux and macOS, as libuv spells it. */
const EADDRINUSE = process.platform === "darwin" ? -48 : -98;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const IPV6_ONLY = 1;

interface Listener {
  readonly request: ListenRequest;
  readonly server: InternalServer;
  readonly shards: Map<number, Handle>;
  facade: Facade | null;
  /** Set once the server has called listen(). */
  backlog: number | null;
}

export interface ListenHook {
  /** Gives a connection to the server that listens on the key; false when none does. */
  deliver(key: string, client: Handle): boolean;
  attach(key: string, shard: number, handle: Handle): void;
  detach(key: string, shard: number): void;
  /** Answers a listen request. */
  answer(
    seq: number,
    errno: number,
    sockname: Readonly<Record<string, unknown>>,
    data: unknown,
  ): void;
  /** Closes every shard here; siblings go on accepting from them. New ones may be attached later. */
  vacate(): void;
  /** The same for good. */
  leave(): void;
}

export interface ListenEvents {
  /** A server is about to listen: time to watch it. */
  listening(server: InternalServer): void;
  /** A fresh connection, unread. True when somebody else has taken it. */
  accepted(key: string, client: Handle): boolean;
}

export function hookListen(channel: Channel, events: ListenEvents, slot: number): ListenHook {
  const listeners = new Map<string, Listener>();
  const asked = new Map<
    number,
    { listener: Listener; done: (errno: number, facade: Facade | null) => void }
  >();
  const ports0 = new Map<string, number>();
  let seq = 0;
  let hasLeft = false;

  const accept = (listener: Listener, error: number, client: Handle | undefined): void => {
    if (!listener.facade?.onconnection) client?.close();
    else if (error || !client) listener.facade.onconnection(error, client);
    else if (!events.accepted(listener.request.key, client))
      listener.facade.onconnection(0, client);
  };

  const open = (listener: Listener, handle: Handle): void => {
    handle.onconnection = (error, client) => accept(listener, error, client);
    if (listener.backlog !== null) handle.listen(listener.backlog);
  };

  const ask = (
    server: InternalServer,
    query: ServerQuery,
    isExclusive: boolean,
    done: Parameters<GetServer>[2],
  ): void => {
    const request = requestOf(server, query, isExclusive ? `:slot${slot}` : "", ports0);
    // Later, as Node does it: handlers may be attached after listen().
    if (listeners.has(request.key)) return process.nextTick(done, EADDRINUSE, null);
    const listener: Listener = { request, server, shards: new Map(), facade: null, backlog: null };
    listeners.set(request.key, listener);
    events.listening(server);
    seq += 1;
    asked.set(seq, { listener, done });
    channel.send({ t: "listen", seq, request });
  };

  const close = (listener: Listener): void => {
    for (const handle of listener.shards.values()) handle.close();
    listener.shards.clear();
    if (listeners.get(listener.request.key) !== listener) return;
    listeners.delete(listener.request.key);
    channel.send({ t: "close", key: listener.request.key });
  };

  const vacate = (): void => {
    for (const { shards } of listeners.values()) {
      for (const handle of shards.values()) handle.close();
      shards.clear();
    }
  };

  replaceGetServer(ask);

  return {
    deliver(key, client) {
      const facade = listeners.get(key)?.facade;
      if (!facade?.onconnection) return false;
      facade.onconnection(0, client);
      return true;
    },
    attach(key, shard, handle) {
      const listener = listeners.get(key);
      if (hasLeft || !listener || listener.shards.has(shard)) return handle.close();
      listener.shards.set(shard, handle);
      return open(listener, handle);
    },
    detach(key, shard) {
      const shards = listeners.get(key)?.shards;
      shards?.get(shard)?.close();
      shards?.delete(shard);
    },
    answer(answered, errno, sockname, data) {
      const found = asked.get(answered);
      asked.delete(answered);
      if (!found) return;
      const { listener, done } = found;
      if (errno !== 0) {
        listeners.delete(listener.request.key);
        return done(errno, null);
      }
      if (data !== null) listener.server._setServerData?.(data);
      listener.facade = createFacade(listener, sockname, {
        listening: () => channel.send({ t: "listening", key: listener.request.key }),
        closed: () => close(listener),
      });
      done(0, listener.facade);
      announce(listener.server);
    },
    vacate,
    leave() {
      hasLeft = true;
      vacate();
    },
  };
}

/** Everything the hook knows comes here; UDP and descriptors go on to Node's own cluster code. */
function replaceGetServer(
  ask: (
    server: InternalServer,
    query: ServerQuery,
    isExclusive: boolean,
    done: Parameters<GetServer>[2],
  ) => void,
): void {
  const internal = cluster as unknown as { _getServer: GetServer };
  const original = internal._getServer;
  internal._getServer = (server, query, done) => {
    if (!isStream(query)) return original.call(cluster, server, query, done);
    return ask(server, query, false, done);
  };

  // `exclusive` and `reusePort` servers bind by themselves, which would lose their accept queue with
  // the worker and collide with it during a reload. lib/net.js calls _listen2 without a handle then.
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

function requestOf(
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

/** The handle `net` works with. A timer stands for it in the event loop, as in Node's own round robin. */
function createFacade(
  listener: Listener,
  sockname: Readonly<Record<string, unknown>>,
  tell: { listening(): void; closed(): void },
): Facade {
  let timer: NodeJS.Timeout | null = null;
  const facade: Facade = {
    onconnection: null,
    listen(backlog) {
      listener.backlog = backlog;
      for (const handle of listener.shards.values()) handle.listen(backlog);
      tell.listening();
      return 0;
    },
    close(callback) {
      facade.unref();
      tell.closed();
      if (callback) setImmediate(callback);
    },
    ref() {
      timer ??= setInterval(() => {}, LONGEST_TIMER_MS);
    },
    unref() {
      if (timer) clearInterval(timer);
      timer = null;
    },
  };
  if (listener.request.addressType !== -1) {
    facade.getsockname = (out) => {
      Object.assign(out, sockname);
      return 0;
    };
  } else {
    // readableAll and writableAll: libuv adds the same rights to user, group and others.
    facade.fchmod = (mode) => {
      chmodSync(
        String(listener.request.address),
        0o700 | (mode & 1 ? 0o444 : 0) | (mode & 2 ? 0o222 : 0),
      );
      return 0;
    };
  }
  facade.ref();
  return facade;
}

/** `cluster.on("listening")` listeners and code that reads `cluster.worker.state` see what they expect. */
function announce(server: InternalServer): void {
  server.once("listening", () => {
    const worker = cluster.worker as unknown as { state?: string } | undefined;
    if (worker) worker.state = "listening";
  });
}
