/** What becomes of each request and upgrade: the app here gets it, or the worker it belongs to. */

import {
  type Decision,
  ownerOf,
  type Peer,
  place,
  type Rules,
  rulesOf,
  type Table,
} from "../../core/affinity.ts";
import { isForwardedTls } from "../../core/client-address.ts";
import { STICKY_RESULTS, type StickyResult } from "../../core/stats.ts";
import type { StickyBy } from "../../core/sticky.ts";
import { asksForSid } from "../../core/tokens.ts";
import type { StickySettings } from "../../link/agent-messages.ts";
import { type Connection, connectionOf } from "../connection.ts";
import { IncomingMessage, ServerResponse } from "../http-classes.ts";
import type { InternalServer, InternalSocket } from "../node-internals.ts";
import { type Emit, type Router, type Traffic, TUNNEL } from "../traffic.ts";
import type { EngineIo } from "./engine-io.ts";
import { forward } from "./forward.ts";
import type { HandOver } from "./hand-over.ts";
import { cookieFor, issue, issueOnUpgrade, lineFor, watchHeads } from "./issue.ts";
import { headOf, onlyCookie } from "./request-words.ts";
import { tunnel } from "./tunnel.ts";
import { arrivalOf, peerOf, visitOf } from "./visit.ts";

/** Of a query that begins an engine.io session, or goes on with one. */
const ENGINE = "EIO=";

export interface RouteParts {
  readonly traffic: Traffic;
  readonly engine: EngineIo;
  readonly handOver: HandOver;
  readonly table: () => Table;
  /** The address a server listens at. */
  keyOf(server: InternalServer): string | undefined;
}

/** Whose it is: a peer's, or nobody's else. */
interface Route {
  readonly peer: Peer | null;
  /** The client is to hear whose its session is. */
  readonly issues: boolean;
  readonly result: StickyResult;
}

export class Routes implements Router {
  readonly counts: Record<StickyResult, number> = Object.fromEntries(
    STICKY_RESULTS.map((result) => [result, 0]),
  ) as Record<StickyResult, number>;
  readonly #settings: StickySettings;
  readonly #rules: Rules;
  readonly #mayIssue: boolean;
  /** The first look at it is a system call for each connection. */
  readonly #needsAddress: boolean;
  /** Beside a Socket.IO sid, only a cookie names a session. */
  readonly #isByCookie: boolean;
  /** A cookie would have come first, and outlives a change of slots: the owner found by these gives one. */
  readonly #behindCookie: ReadonlySet<StickyBy>;
  readonly #parts: RouteParts;
  /** What clients get who have a session here, on a connection that is secure and on others. */
  readonly #own: { readonly secure: string; readonly plain: string };

  constructor(settings: StickySettings, parts: RouteParts) {
    this.#settings = settings;
    this.#rules = rulesOf(settings);
    this.#mayIssue = settings.by.includes("cookie");
    if (this.#mayIssue) watchHeads();
    this.#isByCookie = settings.by.every((by) => by === "cookie" || by === "socket.io");
    this.#needsAddress = settings.by.includes("ip");
    const behind = this.#mayIssue ? settings.by.slice(settings.by.indexOf("cookie") + 1) : [];
    this.#behindCookie = new Set(behind.filter((by) => by !== "socket.io"));
    this.#parts = parts;
    const ownFor = (isSecure: boolean) => cookieFor(settings.tag, settings.cookie, isSecure);
    this.#own = { secure: ownFor(true), plain: ownFor(false) };
  }

  takes(
    server: InternalServer,
    event: string,
    request: unknown,
    second: unknown,
    head: unknown,
    emit: Emit,
  ): boolean {
    if (event === "upgrade") {
      if (!(request instanceof IncomingMessage) || !Buffer.isBuffer(head)) return false;
      return this.#takesUpgrade(server, request, second as InternalSocket, head, emit);
    }
    if (event !== "request" && event !== "checkContinue" && event !== "checkExpectation")
      return false;
    if (!(request instanceof IncomingMessage) || !(second instanceof ServerResponse)) return false;
    return this.#takesRequest(server, event, request, second, emit);
  }

  #takesRequest(
    server: InternalServer,
    event: string,
    request: IncomingMessage,
    response: ServerResponse,
    emit: Emit,
  ): boolean {
    const socket = request.socket as InternalSocket | null;
    if (!socket) return false;
    // It may come twice: as "checkContinue" and as the "request" the app makes of it, or sent on within the app.
    const connection = connectionOf(socket);
    if (connection.has(response.req) || this.#isHome(request, connection)) return false;
    if (connection.isOwn) return false;
    if (beginsEngine(request)) this.#parts.engine.look();
    if (peerOf(socket) !== undefined || arrivalOf(socket) === "here") return false;
    const { peer, issues, result } = this.#route(request);
    if (result === "local") this.#remember(request, socket);
    const key = peer ? this.#parts.keyOf(server) : undefined;
    if (!peer || key === undefined) {
      this.counts[peer ? "unreachable" : result] += 1;
      if (issues) issue(response, this.#cookie(this.#settings.tag, request));
      return false;
    }
    this.counts[result] += 1;
    const cookie = issues ? this.#cookie(peer.tag, request) : null;
    forward(this.#settings.tag, peer, {
      ...{ request, response, key, isUndecided: event !== "request" },
      line: (text) => (cookie === null ? null : lineFor(text, cookie)),
      failed: () => {
        this.counts.unreachable += 1;
        if (this.#mayIssue) issue(response, this.#cookie(this.#settings.tag, request));
        this.#parts.traffic.requests.began(request, response);
        emit.call(server, event, request, response);
      },
    });
    return true;
  }

  #takesUpgrade(
    server: InternalServer,
    request: IncomingMessage,
    socket: InternalSocket,
    head: Buffer,
    emit: Emit,
  ): boolean {
    const client = request.socket as InternalSocket | null;
    // One app may hand it on to another of its servers by the same event: it has been routed.
    if (!client || connectionOf(client).upgrade !== null) return false;
    if (beginsEngine(request)) this.#parts.engine.look();
    const arrival = arrivalOf(client);
    const hasCome = peerOf(client) !== undefined || arrival === "here";
    const { peer, issues, result } = this.#route(request, !hasCome);
    const key = peer && !hasCome ? this.#parts.keyOf(server) : undefined;
    if (!peer || key === undefined) {
      if (!hasCome) this.counts[peer ? "unreachable" : result] += 1;
      if (issues) issueOnUpgrade(socket, this.#cookie(this.#settings.tag, request));
      return false;
    }
    if (socket === client && request.complete && arrival === undefined) {
      const bytes = Buffer.concat([Buffer.from(headOf(request), "latin1"), head]);
      if (this.#parts.handOver.give(client, { to: peer, key, bytes })) {
        this.counts[result === "placed" ? "placed" : "handed"] += 1;
        return true;
      }
    }
    this.counts[result === "placed" ? "placed" : "tunnelled"] += 1;
    const connection = connectionOf(client);
    connection.upgrade = { to: TUNNEL, writtenBefore: client.bytesWritten };
    tunnel(this.#settings.tag, peer, { request, socket, head, key }, () => {
      this.counts.unreachable += 1;
      connection.upgrade = null;
      if (this.#mayIssue) issueOnUpgrade(socket, this.#cookie(this.#settings.tag, request));
      this.#parts.traffic.upgrading(request, socket);
      emit.call(server, "upgrade", request, socket, head);
    });
    return true;
  }

  #route(request: IncomingMessage, mayPlace = true): Route {
    const { url = "", headers, socket } = request;
    const table = this.#parts.table();
    const address = this.#needsAddress ? socket.remoteAddress : undefined;
    const asked = { url, headers, address };
    const decision: Decision = ownerOf(asked, table, this.#rules);
    if (decision.kind === "peer") {
      const issues = this.#behindCookie.has(decision.by) && !table.isLeaving;
      return { peer: decision.peer, issues, result: "forwarded" };
    }
    const { why, issue: issues } = decision;
    const peer = mayPlace && why !== "local" ? this.#placed(request, why, table) : null;
    return { peer, issues, result: peer ? "placed" : why };
  }

  /** Who gets a session that has no owner; null: this worker. What lasts is not begun in one that leaves. */
  #placed(request: IncomingMessage, why: StickyResult, table: Table): Peer | null {
    const isLasting = request.headers.upgrade !== undefined || beginsEngine(request);
    if (table.isLeaving && isLasting) return table.placer.next();
    return why === "new" ? place(table, this.#rules) : null;
  }

  /** The same cookie on the same connection as a moment ago: a comparison instead of a search. */
  #isHome({ url = "", rawHeaders }: IncomingMessage, { visit }: Connection): boolean {
    if (visit?.home === undefined || visit.home !== onlyCookie(rawHeaders)) return false;
    if (visit.homeTable !== this.#parts.table() || url.includes(ENGINE)) return false;
    this.counts.local += 1;
    return true;
  }

  /** Where nothing but the cookie has decided. */
  #remember({ url = "", headers }: IncomingMessage, socket: InternalSocket): void {
    if (!this.#isByCookie || headers.cookie === undefined || url.includes(ENGINE)) return;
    const visit = visitOf(socket);
    visit.home = headers.cookie;
    visit.homeTable = this.#parts.table();
  }

  #cookie(tag: string, request: IncomingMessage): string {
    const isSecure = this.#isSecure(request);
    if (tag !== this.#settings.tag) return cookieFor(tag, this.#settings.cookie, isSecure);
    return isSecure ? this.#own.secure : this.#own.plain;
  }

  #isSecure({ socket, headers }: IncomingMessage): boolean {
    if ((socket as InternalSocket).encrypted === true) return true;
    const proto = headers["x-forwarded-proto"];
    if (typeof proto !== "string") return false;
    return isForwardedTls(socket.remoteAddress, proto, this.#rules.trusted);
  }
}

/** Shakes hands: a session of engine.io is about to get its id. */
function beginsEngine({ url = "" }: IncomingMessage): boolean {
  return url.includes(ENGINE) && asksForSid(url);
}
