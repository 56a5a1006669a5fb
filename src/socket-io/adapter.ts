/** The adapter of one namespace, with the sessions of its clients: they may go on in any worker. */

import type { Adapter } from "socket.io-adapter";
import type { JoinedText } from "../core/socket-io/joined.ts";
import { positionsOf, proofOf, textOf } from "../core/socket-io/positions.ts";
import type { SessionNews } from "../core/socket-io/session.ts";
import type { PacketMeta } from "../core/socket-io/terms.ts";
import { Attempts } from "./attempts.ts";
import { Book } from "./book.ts";
import type { Cluster } from "./cluster.ts";
import type { Local } from "./local.ts";
import type { Namespace, ServerSocket } from "./namespace.ts";
import { SpanningAdapter } from "./spanning.ts";
import { joinedOf } from "./transfers.ts";
import { unpack } from "./wire.ts";

type Session = Awaited<ReturnType<Adapter["restoreSession"]>>;

export class HoldfastAdapter extends SpanningAdapter {
  readonly times: Local["times"];
  readonly #book: Book | null;
  readonly #attempts: Attempts;
  /** Clients that could not be let in: their connections end. */
  readonly #refused = new WeakSet<ServerSocket>();
  #isClosed = false;

  constructor(nsp: Namespace, cluster: Cluster) {
    super(nsp, cluster);
    this.times = timesOf(nsp);
    this.#attempts = new Attempts(nsp, (sid) => super.delAll(sid));
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
    if (!socket || !this.#refused.has(socket)) super.addAll(id, rooms);
  }

  override delAll(id: string): void {
    super.delAll(id);
    this.#book?.end(id);
  }

  protected override enter(id: string, rooms: Set<string>): void {
    const socket = this.namespace.sockets.get(id);
    // Its namespace was given up as empty while it was on its way in: it would be deaf.
    if (this.#isClosed && socket) return void this.#refuse(socket);
    // Noted before the app hears of it: what it says then is for who joins, too.
    if (this.#book?.has(id)) this.#book.joined(id, rooms, this.isActing);
    // One that comes back joins its rooms before it is let in.
    else if (this.#book && socket && !this.#letIn(socket, rooms, this.#book)) return;
    super.enter(id, rooms);
  }

  protected override exit(id: string, room: string): void {
    this.#book?.left(id, room);
    super.exit(id, room);
  }

  override persistSession({ sid }: { sid: string }): void {
    this.#book?.lost(sid);
  }

  override async restoreSession(pid: string, offset: string): Promise<Session> {
    const { transfers } = this.cluster;
    const keptMs = this.times?.sessionMs ?? 0;
    const taken = await this.#attempts.begin(pid, () =>
      transfers.take(this.name, pid, offset, keptMs),
    );
    if (!taken) return null as unknown as Session;
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
    try {
      // Its client has come back by another connection.
      (found.socket as ServerSocket).conn.close(true);
    } catch (error) {
      // What the app does about it is not to keep the session from going on.
      this.cluster.faults.tell("the old connection of a client cannot be ended", error);
    }
    return { joined: found.joined, data: found.data };
  }

  #bookPort() {
    return {
      nsp: this.name,
      since: () => this.#since(),
      say: (news: readonly SessionNews[]) =>
        void this.cluster.say("sessions", news, undefined, true),
      unusable: (error: unknown) =>
        this.cluster.faults.tell("a socket's data cannot be kept for its client", error),
    };
  }

  /** What was said before: also what waits for its turn, which is not for who joins by itself now. */
  #since(): string {
    const { ledger, positions, me } = this.cluster;
    const since = ledger.offset(positions);
    if (this.isActing || this.lastSaid <= (positions.get(me) ?? 0)) return since;
    return textOf(new Map(positionsOf(since)).set(me, this.lastSaid));
  }

  /** False: it is refused. */
  #letIn(socket: ServerSocket, entered: Set<string>, book: Book): boolean {
    const rooms = new Set([...(this.sids.get(socket.id) ?? []), ...entered]);
    const taken = this.#attempts.end(socket);
    if (taken === "none") {
      book.open(socket, rooms, null);
      return true;
    }
    // Its client has come by another way meanwhile.
    if (taken === "late") return this.#refuse(socket);
    const { ledger, positions } = this.cluster;
    const joined = joinedOf(taken.joined);
    const missing = { had: taken.had, nsp: this.name, joined, now: Date.now() };
    const missed = ledger.missed(missing, positions);
    // Some of it had to go while it was on its way in: it comes again, and gets a new session.
    if (!missed) return this.#refuse(socket);
    this.#noteNew(socket.id, rooms, taken.joined);
    book.open(socket, rooms, taken);
    for (const { entry, offset } of missed) {
      const data = unpack(entry.body) as unknown[];
      const { type } = entry.meta as PacketMeta;
      socket.packet({ type, data: [...data, proofOf(offset)] });
    }
    return true;
  }

  /** What it has joined on its way in is new to it: what waits was said before. */
  #noteNew(id: string, rooms: ReadonlySet<string>, joined: JoinedText): void {
    const known = new Set(joined.flatMap(([, names]) => names)).add(id);
    for (const room of rooms) if (!known.has(room)) this.roster.changed(id, room, true, false);
  }

  /**
   * It is in already, as far as Socket.IO knows: its connection is ended once that is done. Nothing is to reach it until
   * then, as its client would take that for a proof.
   */
  #refuse(socket: ServerSocket): false {
    this.#refused.add(socket);
    super.delAll(socket.id);
    setImmediate(() => socket.conn.close(true));
    return false;
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
