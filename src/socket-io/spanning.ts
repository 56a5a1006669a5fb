/** One namespace over all members: what Socket.IO asks of an adapter is said to all, and done where a member says so. */

import type { BroadcastOptions } from "socket.io-adapter";
import type { JoinedText } from "../core/socket-io/joined.ts";
import { proofOf } from "../core/socket-io/positions.ts";
import type { Entry, PacketMeta } from "../core/socket-io/terms.ts";
import { AskingAdapter, aimOf, EVENT, fix } from "./asking.ts";
import type { ActMeta, Local } from "./local.ts";
import type { Packet } from "./namespace.ts";
import { pack, unpack } from "./wire.ts";

type Act = "join" | "leave" | "disconnect";

export abstract class SpanningAdapter extends AskingAdapter implements Local {
  abstract readonly times: Local["times"];
  /** The number of the last that this namespace has said. */
  protected lastSaid = 0;

  abstract retell(): void;
  abstract handOver(pid: string): { joined: JoinedText; data: unknown } | null;

  /**
   * Resolves when all that was emitted until now has been passed on to the other workers: from then on the death of this
   * one does not lose it. Resolves as well where there is no bus: what is to be said waits here until there is one.
   * `await io.of("/").adapter.flush()`
   */
  flush(): Promise<void> {
    return this.cluster.flush();
  }

  override serverCount(): Promise<number> {
    return Promise.resolve(this.cluster.serverCount);
  }

  override broadcast(packet: Packet, opts: BroadcastOptions): void {
    const { flags = {} } = opts;
    packet.nsp = this.name;
    // Who acknowledges is known here alone.
    if (flags.local || packet.id !== undefined) {
      const run = (aimed: BroadcastOptions): void => super.broadcast(this.#proven(packet), aimed);
      return this.inTurn(opts, run, { waits: () => fix(packet) });
    }
    const isKept = this.times !== null && packet.type === EVENT && !flags.volatile;
    const meta: PacketMeta = {
      nsp: this.name,
      type: packet.type,
      ...aimOf(opts),
      flags: { ...flags },
    };
    const kind = isKept ? "packet" : "fleeting";
    this.#say(kind, meta, pack(packet.data), this.#isDirect(opts));
  }

  override addSockets(opts: BroadcastOptions, rooms: string[]): void {
    this.#sayAct("join", opts, rooms);
  }

  override delSockets(opts: BroadcastOptions, rooms: string[]): void {
    this.#sayAct("leave", opts, rooms);
  }

  override disconnectSockets(opts: BroadcastOptions, close: boolean): void {
    this.#sayAct("disconnect", opts, close);
  }

  deliver(entry: Entry, offset: () => string): void {
    const meta = entry.meta as PacketMeta;
    const { rooms, except, flags = {} } = meta;
    const opts = { rooms: new Set(rooms), except: new Set(except), flags };
    const place = this.roster.placeOf(meta);
    if (place) this.at(place, opts, (aimed) => this.#deliverTo(aimed, entry, offset));
    else this.#deliverTo(opts, entry, offset);
  }

  act(kind: Act, meta: ActMeta): void {
    const opts = { rooms: new Set(meta.rooms), except: new Set(meta.except) };
    const place = this.roster.placeOf(meta);
    const isMove = kind !== "disconnect";
    if (place) this.at(place, opts, (aimed) => this.#actHere(kind, aimed, meta.to), isMove);
    else if (!isMove) this.#actHere(kind, opts, meta.to);
    else this.byOther(() => this.#actHere(kind, opts, meta.to));
  }

  #deliverTo(opts: BroadcastOptions, { kind, meta, body }: Entry, offset: () => string): void {
    const { rooms } = opts;
    if (rooms.size > 0 && ![...rooms].some((room) => this.rooms.has(room))) return;
    const { type } = meta as PacketMeta;
    const data = unpack(body) as unknown[];
    const isKept = kind === "packet" && this.times !== null;
    if (isKept || this.#isProof(type, data)) data.push(proofOf(offset()));
    super.broadcast({ type, data, nsp: this.name }, opts);
  }

  #actHere(kind: Act, opts: BroadcastOptions, to: ActMeta["to"]): void {
    if (kind === "join") super.addSockets(opts, [...(to as string[])]);
    else if (kind === "leave") super.delSockets(opts, [...(to as string[])]);
    else super.disconnectSockets(opts, to === true);
  }

  #proven(packet: Packet): Packet {
    const { ledger, positions } = this.cluster;
    // With an acknowledgement, that is what it ends with.
    if (packet.id !== undefined || !this.#isProof(packet.type, packet.data)) return packet;
    return { ...packet, data: [...packet.data, proofOf(ledger.offset(positions))] };
  }

  /** Its client would take the text at its end for what it has had. */
  #isProof(type: number, data: readonly unknown[]): boolean {
    return this.times !== null && type === EVENT && typeof data.at(-1) === "string";
  }

  #sayAct(kind: Act, opts: BroadcastOptions, to: ActMeta["to"]): void {
    if (opts.flags?.local) {
      const isMove = kind !== "disconnect";
      this.inTurn(opts, (aimed) => this.#actHere(kind, aimed, to), { isAct: true, isMove });
    } else {
      this.#say(kind, { nsp: this.name, ...aimOf(opts), to } satisfies ActMeta);
    }
  }

  #say(kind: string, meta: PacketMeta | ActMeta, body?: Uint8Array, isEarly = false): void {
    const place = this.roster.said("to" in meta, meta);
    try {
      const n = this.cluster.say(kind, meta, body, isEarly);
      // Meanwhile a listener may have said more.
      this.lastSaid = Math.max(n, this.lastSaid);
    } catch (error) {
      this.roster.over(place);
      throw error;
    }
  }

  /** For one client of this process: nobody else's order depends on it. */
  #isDirect({ rooms, except }: BroadcastOptions): boolean {
    const [room] = rooms;
    return rooms.size === 1 && !except?.size && this.namespace.sockets.has(room as string);
  }
}
