/**
 * The listen hook. `net` asks `cluster._getServer` for a listening handle when a server listens in a
 * cluster worker (lib/net.js listenInCluster, Node 20 to 26). The hook answers with a facade whose
 * connections come from the shards the supervisor has attached: sockets it holds open for the life of
 * the app, so that none is ever closed with connections waiting in it.
 */

import cluster from "node:cluster";
import type { ListeningAt } from "../link/adoption.ts";
import type { SupervisorMessage } from "../link/agent-messages.ts";
import type { Channel } from "./channel.ts";
import { catchModes, createFacade, type Listening } from "./facade.ts";
import { type Ask, replaceGetServer, requestOf } from "./get-server.ts";
import type { Facade, GetServer, Handle, InternalServer } from "./node-internals.ts";

/** UV_EADDRINUSE on Linux and macOS, as libuv spells it. */
const EADDRINUSE = process.platform === "darwin" ? -48 : -98;

/** A server that listens, or has asked to. */
interface Listener extends Listening {
  readonly server: InternalServer;
  readonly shards: Map<number, Handle>;
  facade: Facade | null;
  /** What a socket file is to be for everybody: UV_READABLE, UV_WRITABLE. */
  modes: number;
}

/** A server that waits for the supervisor's answer; the process stays until it is released. */
interface Asked {
  readonly listener: Listener;
  readonly done: Parameters<GetServer>[2];
  readonly release: () => void;
}

export interface ListenEvents {
  /** A server is about to listen: time to watch it. */
  listening(server: InternalServer): void;
  /** A fresh connection, unread. True when somebody else has taken it. */
  accepted(key: string, client: Handle): boolean;
}

/** All servers of this worker that listen, and the shards they accept from. */
export class ListenHook {
  readonly #channel: Channel;
  readonly #events: ListenEvents;
  readonly #slot: number;
  readonly #listeners = new Map<string, Listener>();
  readonly #asked = new Map<number, Asked>();
  readonly #ports0 = new Map<string, number>();
  /** Shards on their way back to the supervisor, and whether they are to be closed afterwards. */
  readonly #lent = new Map<Handle, boolean>();
  #seq = 0;
  #hasLeft = false;

  constructor(channel: Channel, events: ListenEvents, slot: number) {
    this.#channel = channel;
    this.#events = events;
    this.#slot = slot;
    replaceGetServer((...asked) => this.#ask(...asked), channel.hold);
  }

  /** Gives a connection to the server that listens on the key; false when none does. */
  deliver(key: string, client: Handle): boolean {
    const facade = this.#listeners.get(key)?.facade;
    if (!facade?.onconnection) return false;
    facade.onconnection(0, client);
    return true;
  }

  /** The address a server listens at. */
  keyOf(server: InternalServer): string | undefined {
    for (const [key, listener] of this.#listeners) if (listener.server === server) return key;
    return undefined;
  }

  /** The server that listens at an address. */
  serverAt(key: string): InternalServer | undefined {
    return this.#listeners.get(key)?.server;
  }

  attach(key: string, shard: number, handle: Handle): void {
    const listener = this.#listeners.get(key);
    if (this.#hasLeft || !listener) return handle.close();
    if (listener.shards.has(shard)) handle.close();
    else this.#enter(listener, shard, handle);
    if (listener.backlog !== null) this.#channel.send({ t: "attached", key, shard });
  }

  detach(key: string, shard: number): void {
    const shards = this.#listeners.get(key)?.shards;
    const handle = shards?.get(shard);
    if (handle) this.#closeShard(handle);
    shards?.delete(shard);
  }

  /** The supervisor wants a duplicate of a shard: it is a new one, and this worker may have the only ones. */
  giveBack(key: string, shard: number): void {
    const handle = this.#listeners.get(key)?.shards.get(shard);
    if (!handle) return this.#channel.send({ t: "kept", key, shard });
    // The answer is under way.
    if (this.#lent.has(handle)) return;
    this.#lent.set(handle, false);
    this.#channel.send({ t: "shard", key, shard }, handle, () => {
      if (this.#lent.get(handle)) handle.close();
      this.#lent.delete(handle);
    });
  }

  /** The addresses servers listen at or are about to, and what they have of them. */
  listening(): readonly ListeningAt[] {
    return [...this.#listeners.values()].flatMap(({ request, shards, backlog, facade }) =>
      facade ? [{ request, shards: [...shards.keys()], isListening: backlog !== null }] : [],
    );
  }

  /** Asks a new supervisor what the one before has not answered. */
  askAgain(): void {
    for (const [seq, { listener }] of this.#asked) {
      this.#channel.send({ t: "listen", seq, request: listener.request });
    }
  }

  /** The supervisor's answer to a listen request. */
  answer({ seq, errno, sockname, data }: Extract<SupervisorMessage, { t: "bound" }>): void {
    const found = this.#asked.get(seq);
    this.#asked.delete(seq);
    if (!found) return;
    const { listener, done, release } = found;
    const { key } = listener.request;
    release();
    if (errno !== 0) {
      this.#listeners.delete(key);
      return done(errno, null);
    }
    if (data !== null) listener.server._setServerData?.(data);
    listener.facade = createFacade(listener, sockname, {
      listening: () => this.#listening(listener),
      closed: () => this.#close(listener),
    });
    const refused = listener.modes === 0 ? 0 : (listener.facade.fchmod?.(listener.modes) ?? 0);
    if (refused !== 0) {
      listener.facade.close();
      return done(refused, null);
    }
    done(0, listener.facade);
    announce(listener.server);
  }

  /** Closes every shard here; siblings go on accepting from them. New ones may be attached later. */
  vacate(): void {
    for (const { shards } of this.#listeners.values()) this.#closeAll(shards);
  }

  /** The same for good. */
  leave(): void {
    this.#hasLeft = true;
    this.vacate();
  }

  #ask(...[server, query, isExclusive, done]: Parameters<Ask>): void {
    const suffix = isExclusive ? `:slot${this.#slot}` : "";
    const request = requestOf(server, query, suffix, this.#ports0);
    // Later, as Node does it: handlers may be attached after listen().
    if (this.#listeners.has(request.key)) return process.nextTick(done, EADDRINUSE, null);
    const listener: Listener = {
      ...{ request, server, shards: new Map() },
      ...{ facade: null, backlog: null, modes: 0 },
    };
    this.#listeners.set(request.key, listener);
    if (request.addressType === -1) {
      catchModes(server, (mode) => {
        listener.modes |= mode;
      });
    }
    this.#events.listening(server);
    this.#seq += 1;
    this.#asked.set(this.#seq, { listener, done, release: this.#channel.hold() });
    this.#channel.send({ t: "listen", seq: this.#seq, request });
  }

  #enter(listener: Listener, shard: number, handle: Handle): void {
    listener.shards.set(shard, handle);
    // The facade stands for it, so that server.unref() means what it says.
    handle.unref?.();
    handle.onconnection = (error, client) => this.#accept(listener, error, client);
    if (listener.backlog !== null) handle.listen(listener.backlog);
  }

  #listening({ request: { key }, shards }: Listener): void {
    for (const shard of shards.keys()) this.#channel.send({ t: "attached", key, shard });
    this.#channel.send({ t: "listening", key });
  }

  #accept(listener: Listener, error: number, client: Handle | undefined): void {
    const { facade } = listener;
    if (!facade?.onconnection) client?.close();
    else if (error || !client) facade.onconnection(error, client);
    else if (!this.#events.accepted(listener.request.key, client)) facade.onconnection(0, client);
  }

  #close(listener: Listener): void {
    this.#closeAll(listener.shards);
    const { key } = listener.request;
    if (this.#listeners.get(key) !== listener) return;
    this.#listeners.delete(key);
    this.#channel.send({ t: "close", key });
  }

  #closeAll(shards: Map<number, Handle>): void {
    for (const handle of shards.values()) this.#closeShard(handle);
    shards.clear();
  }

  /** Not while it is being sent: libuv ends the process on that. */
  #closeShard(handle: Handle): void {
    if (this.#lent.has(handle)) this.#lent.set(handle, true);
    else handle.close();
  }
}

/** `cluster.on("listening")` listeners and code that reads `cluster.worker.state` see what they expect. */
function announce(server: InternalServer): void {
  server.once("listening", () => {
    const worker = cluster.worker as unknown as { state?: string } | undefined;
    if (worker) worker.state = "listening";
  });
}
