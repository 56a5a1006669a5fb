/** The adapter of one namespace, with the sessions of its clients: they may go on in any worker. */

import type { Adapter } from "socket.io-adapter";
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

  constructor(nsp: Namespace, cluster: Cluster) {
    super(nsp, cluster);
    this.times = timesOf(nsp);
    this.#book = this.times ? new Book(this.#bookPort()) : null;
    cluster.add(this);
  }

  override async close(): Promise<void> {
    this.#book?.close();
    await this.cluster.remove(this);
  }

  override addAll(id: string, rooms: Set<string>): void {
    super.addAll(id, rooms);
    if (!this.#book) return;
    if (this.#book.has(id)) return this.#book.joined(id, rooms);
    const socket = this.namespace.sockets.get(id);
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
    const { sid, joined, data } = taken.session;
    // What was missed is sent when the client is let in: until then there may be more.
    return { sid, pid, rooms: joined.flatMap(([, rooms]) => rooms), data, missedPackets: [] };
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
    // Its client has come by another way meanwhile; this one is ended once it is in.
    if (taken?.isValid() === false) return void setImmediate(() => socket.conn.close(true));
    book.open(socket, rooms, taken?.session.joined ?? []);
    if (!taken) return;
    const { ledger, positions, faults } = this.cluster;
    const joined = joinedOf(taken.session.joined);
    const missing = { had: taken.had, nsp: this.name, joined, now: Date.now() };
    const missed = ledger.missed(missing, positions);
    if (!missed) return faults.tell("a client came back too late for all that it has missed");
    for (const { entry, offset } of missed) {
      const data = unpack(entry.body) as unknown[];
      socket.packet({ type: (entry.meta as PacketMeta).type, data: [...data, offset] });
    }
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
