/** Sticky routing in one worker: what it knows of its peers, and what they send and tell it. */

import {
  ownerOf,
  type Peer,
  type Rules,
  rulesOf,
  type Table,
  tableOf,
} from "../../core/affinity.ts";
import type { StickyStats } from "../../core/stats.ts";
import type { StickySettings } from "../../link/agent-messages.ts";
import type { Channel } from "../channel.ts";
import type { Gate } from "../gate.ts";
import type { ListenHook } from "../listen.ts";
import type { Handle } from "../node-internals.ts";
import { isHttp1, type Traffic } from "../traffic.ts";
import { arrive } from "./arrivals.ts";
import { EngineIo } from "./engine-io.ts";
import { HandOver } from "./hand-over.ts";
import { endStreams } from "./leaving.ts";
import { PeerLinks, type PeerMessage } from "./links.ts";
import { letGo } from "./peer-connections.ts";
import { PeerServer } from "./peer-server.ts";
import { Routes } from "./routes.ts";
import { peerOf } from "./visit.ts";

export interface StickyParts {
  readonly channel: Channel;
  readonly traffic: Traffic;
  readonly gate: Gate;
  listening(): ListenHook;
}

export class Sticky {
  readonly #tag: string;
  readonly #parts: StickyParts;
  /** For connections that are no HTTP/1.1: null where their address does not matter. */
  readonly #byAddress: Rules | null;
  readonly #peers: PeerServer;
  readonly #links: PeerLinks;
  readonly #handOver: HandOver;
  readonly #engine: EngineIo;
  readonly #routes: Routes;
  #table: Table;

  /** Listens for its peers, and routes from now on; until it hears of its peers all is its own. */
  constructor(settings: StickySettings, parts: StickyParts) {
    const { tag, path } = settings;
    const { channel, traffic } = parts;
    this.#tag = tag;
    this.#parts = parts;
    this.#byAddress = settings.by.includes("ip") ? rulesOf({ ...settings, by: ["ip"] }) : null;
    this.#table = tableOf(tag, []);
    this.#engine = new EngineIo(tag);
    this.#links = new PeerLinks(tag, (from, message) => this.#told(from, message));
    this.#handOver = new HandOver(tag, channel, this.#links, (handle, key, bytes) => {
      const server = parts.listening().serverAt(key);
      if (server) arrive(server, handle, bytes, "back");
      else handle.close();
    });
    this.#peers = new PeerServer(path, {
      serverAt: (key) => parts.listening().serverAt(key),
      control: (from, socket, rest) => this.#links.accept(from, socket, rest),
    });
    this.#routes = new Routes(settings, {
      ...{ traffic, engine: this.#engine, handOver: this.#handOver },
      table: () => this.#table,
      keyOf: (server) => parts.listening().keyOf(server),
    });
    traffic.router = this.#routes;
    traffic.visitors = this.#peers;
  }

  /** The workers of the app, from now on. */
  heard(peers: readonly Peer[]): void {
    // Handshakes by HTTP/2 are not seen here; that session's WebSocket comes by HTTP/1.1, and must name its worker.
    if (![...this.#parts.traffic.servers].every(isHttp1)) this.#engine.look();
    const before = this.#table;
    this.#table = tableOf(this.#tag, peers);
    const isLeaving = (tag: string): boolean => this.#table.byTag.get(tag)?.state !== "ready";
    const hasLeft = ({ tag, state }: Peer): boolean => state === "ready" && isLeaving(tag);
    if (![...before.byTag.values()].some(hasLeft)) return;
    // Idle connections to who leaves: it need not wait for them.
    for (const socket of this.#parts.traffic.sockets) letGo(socket, isLeaving);
  }

  /** True: the connection, unread, goes to the worker its address belongs to. Of what is not HTTP/1.1. */
  passes(key: string, client: Handle): boolean {
    if (this.#byAddress === null || isHttp1(this.#parts.listening().serverAt(key))) return false;
    const out: { address?: string } = {};
    client.getpeername?.(out);
    const asked = { url: "", headers: {}, address: out.address };
    const decision = ownerOf(asked, this.#table, this.#byAddress);
    if (decision.kind === "here") return false;
    return this.#parts.gate.passesTo(decision.peer.worker, key, client);
  }

  /** A client of this worker's, handed over by another: `head` is what was read of it. */
  handed(id: string, key: string, head: string, handle: Handle): void {
    const from = this.#table.byTag.get(id.slice(0, this.#tag.length));
    const server = this.#parts.listening().serverAt(key);
    if (!server || !this.#handOver.came(id, from)) return handle.close();
    arrive(server, handle, Buffer.from(head, "base64"), "here");
  }

  /** This worker drains: what streams through it from others is ended by them, its polling sessions here. */
  leave(withinMs: number): void {
    for (const peer of this.#table.byTag.values()) {
      if (peer.tag !== this.#tag) this.#links.send(peer, { t: "leaving", withinMs });
    }
    this.#engine.leave(withinMs);
  }

  /** The supervisor is gone. */
  lost(): void {
    this.#handOver.lost();
  }

  /** The process must stay: sockets are on their way, or clients that poll have a session here. */
  isAwaited(): boolean {
    return this.#handOver.underWay > 0 || this.#engine.isAwaited();
  }

  stats(): StickyStats {
    const sessions = this.#parts.traffic.upgraded + this.#engine.polling().length;
    return { results: { ...this.#routes.counts }, sessions };
  }

  #told(from: string, message: PeerMessage): void {
    switch (message.t) {
      case "took":
        return this.#handOver.took(message.id);
      case "void": {
        const peer = this.#table.byTag.get(from);
        const isTaken = this.#handOver.isTaken(message.id);
        if (peer) this.#links.send(peer, { t: "voided", id: message.id, isTaken });
        return;
      }
      case "voided":
        return this.#handOver.voided(message.id, message.isTaken);
      case "leaving": {
        const { traffic } = this.#parts;
        const its = () => [...traffic.sockets].filter((socket) => peerOf(socket) === from);
        return endStreams(its, traffic, message.withinMs);
      }
    }
  }
}
