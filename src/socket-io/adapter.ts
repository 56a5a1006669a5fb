/** The adapter of one namespace, with the sessions of its clients: they may go on in any worker. */

import type { Adapter } from "socket.io-adapter";
import { proofOf } from "../core/socket-io/positions.ts";
import type { JoinedText, SessionNews } from "../core/socket-io/sessions.ts";
import type { PacketMeta } from "../core/socket-io/terms.ts";
import { Book } from "./book.ts";
import type { Cluster } from "./cluster.ts";
import type { Local } from "./local.ts";
import type { Namespace, ServerSocket } from "./namespace.ts";
import { SpanningAdapter } from "./spanning.ts";
import { joinedOf, type Taken } from "./transfers.ts";
import { unpack } from "./wire.ts";

/** A session that was taken and whose client is not let in. */
const TAKEN_FOR_MS = 60_000;
/** Sessions that are told in one message. */
const NEWS_AT_ONCE = 200;

type Session = Awaited<ReturnType<Adapter["restoreSession"]>>;

export class HoldfastAdapter extends SpanningAdapter {
  readonly times: Local["times"];
  readonly #book: Book | null;
  /** Sessions of others whose clients are on their way in, by their private id. */
  readonly #taken = new Map<string, Taken>();
  /** Clients that could not be let in: their connections end. */
  readonly #refused = new WeakSet<ServerSocket>();
  #isClosed = false;

  constructor(nsp: Namespace, cluster: Cluster) {
    super(nsp, cluster);
    this.times = timesOf(nsp);
    this.#book = this.times ? new Book(this.#bookPort()) : null;
    cluster.add(this);
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
    this.#book?.close();
    await this.cluster.remove(this);
  }

  override addAll(id: string, rooms: Set<string>): void {
    const socket = this.namespace.sockets.get(id);
    if (socket && this.#refused.has(socket)) return;
    super.addAll(id, rooms);
    // Its namespace was given up as empty while it was on its way in: it would be deaf.
    if (this.#isClosed && socket) return this.#refuse(socket);
    if (!this.#book) return;
    if (this.#book.has(id)) return this.#book.joined(id, rooms);
    // One that comes back joins its rooms before it is let in.
    if (socket) this.#letIn(socket, this.#book);
  }

  override del(id: string, room: string): void {
    super.del(id, room);
    this.#book?.left(id, room);
  }

  override delAll(id: string): void {
    super.delAll(id);
    this.#book?.end(id);
  }

  override persistSession({ sid }: { sid: string }): void {
    this.#book?.lost(sid);
  }

  override async restoreSession(pid: string, offset: string): Promise<Session> {
    const { transfers } = this.cluster;
    const taken = await transfers.take(this.name, pid, offset, this.times?.sessionMs ?? 0);
    if (!taken) return null as unknown as Session;
    this.#taken.set(pid, taken);
    setTimeout(() => {
      if (this.#taken.get(pid) === taken) this.#taken.delete(pid);
    }, TAKEN_FOR_MS).unref();
    const { joined } = taken;
    const { sid, data } = taken.session;
    // What was missed is sent when the client is let in: until then there may be more.
    return { sid, pid, rooms: joined.flatMap(([, rooms]) => rooms), data, missedPackets: [] };
  }

  retell(): void {
    this.#book?.retell();
  }

  handOver(pid: string): { joined: JoinedText; data: unknown } | null {
    const found = this.#book?.take(pid);
    if (!found) return null;
    // Its client has come back by another connection.
    (found.socket as ServerSocket).conn.close(true);
    return { joined: found.joined, data: found.data };
  }

  #bookPort() {
    return {
      nsp: this.name,
      since: () => this.cluster.ledger.offset(this.cluster.positions),
      say: (news: readonly SessionNews[]) => {
        for (let from = 0; from < news.length; from += NEWS_AT_ONCE) {
          const some = news.slice(from, from + NEWS_AT_ONCE);
          this.cluster.trySay("sessions", some);
        }
      },
      unusable: (error: unknown) =>
        this.cluster.faults.tell("a socket's data cannot be kept for its client", error),
    };
  }

  #letIn(socket: ServerSocket, book: Book): void {
    const rooms = this.sids.get(socket.id) ?? [];
    const pid = socket.pid ?? "";
    const taken = socket.recovered ? this.#taken.get(pid) : undefined;
    this.#taken.delete(pid);
    if (!taken) return book.open(socket, rooms, []);
    // Its client has come by another way meanwhile.
    if (!taken.isValid()) return this.#refuse(socket);
    const { ledger, positions } = this.cluster;
    const joined = joinedOf(taken.joined);
    const missing = { had: taken.had, nsp: this.name, joined, now: Date.now() };
    const missed = ledger.missed(missing, positions);
    // Some of it had to go while it was on its way in: it comes again, and gets a new session.
    if (!missed) return this.#refuse(socket);
    book.open(socket, rooms, taken.joined);
    for (const { entry, offset } of missed) {
      const data = unpack(entry.body) as unknown[];
      const { type } = entry.meta as PacketMeta;
      socket.packet({ type, data: [...data, proofOf(offset)] });
    }
  }

  /**
   * It is in already, as far as Socket.IO knows: its connection is ended once that is done. Nothing is to reach it until
   * then, as its client would take that for a proof.
   */
  #refuse(socket: ServerSocket): void {
    this.#refused.add(socket);
    super.delAll(socket.id);
    setImmediate(() => socket.conn.close(true));
  }
}

/** How long packets and sessions are kept; null: clients cannot come back to theirs. */
function timesOf({ server: { opts } }: Namespace): Local["times"] {
  const { connectionStateRecovery, pingInterval = 25_000, pingTimeout = 20_000 } = opts;
  if (!connectionStateRecovery) return null;
  const sessionMs = connectionStateRecovery.maxDisconnectionDuration;
  // A connection may be dead for so long before the server knows.
  return { sessionMs, packetMs: sessionMs + pingInterval + pingTimeout };
}
