/**
 * A namespace whose sockets are where they were: what waits for its turn is done with those for whom it was when it was
 * said, as if it had been done at once.
 */

import { Adapter, type BroadcastOptions } from "socket.io-adapter";
import { type Place, Roster } from "../core/socket-io/roster.ts";
import type { Cluster } from "./cluster.ts";
import type { Namespace, ServerSocket } from "./namespace.ts";

export abstract class PlacedAdapter extends Adapter {
  readonly name: string;
  protected readonly namespace: Namespace;
  protected readonly cluster: Cluster;
  protected readonly roster = new Roster();
  /** Those that have been let in. */
  readonly #known = new WeakSet<ServerSocket>();
  /** What moves sockets now: something that was said here, or by another worker. What an app does meanwhile is its own. */
  #acting: Place | "other" | null = null;

  constructor(nsp: Namespace, cluster: Cluster) {
    super(nsp);
    this.namespace = nsp;
    this.cluster = cluster;
    this.name = nsp.name;
  }

  override addAll(id: string, rooms: Set<string>): void {
    const due = this.#dueOf(id, rooms);
    if (due.size > 0 || rooms.size === 0) this.enter(id, due);
  }

  override del(id: string, room: string): void {
    if (this.#isDue(id, room, false)) this.exit(id, room);
  }

  override delAll(id: string): void {
    super.delAll(id);
    this.roster.gone(id);
  }

  /** The rooms that are changed now are changed by what was said, not by the socket itself. */
  protected get isActing(): boolean {
    return this.#acting !== null;
  }

  /** The socket is in these rooms from now on. */
  protected enter(id: string, rooms: Set<string>): void {
    this.#acts(null, () => super.addAll(id, rooms));
  }

  protected exit(id: string, room: string): void {
    this.#acts(null, () => super.del(id, room));
  }

  /**
   * Runs it after all that was said before: at once, where that is so already. `waits`: it is not; may throw. What goes
   * wrong later has no caller.
   */
  protected inTurn(
    opts: BroadcastOptions,
    run: (aimed: BroadcastOptions) => void,
    { isAct = false, isMove = false, waits = (): void => {} } = {},
  ): void {
    const place = this.roster.said(isAct);
    let isLate = false;
    const due = (): void => {
      try {
        this.at(place, opts, run, isMove);
      } catch (error) {
        if (!isLate) throw error;
        this.cluster.faults.tell("what waited for its turn failed", error);
      }
    };
    const late = (): void => {
      waits();
      isLate = true;
    };
    try {
      this.cluster.inTurn(due, late);
    } catch (error) {
      this.roster.over(place);
      throw error;
    }
  }

  /**
   * It has its turn: `run` is given a room of those for whom it was, where that is not as it would be now. `isMove`: it puts
   * sockets into rooms, or out of them.
   */
  protected at(
    place: Place,
    opts: BroadcastOptions,
    run: (aimed: BroadcastOptions) => void,
    isMove = false,
  ): void {
    const those = this.roster.aimed(place, opts, this);
    // No room of an app's is called that, and nobody is told of it.
    const room = those && `\u0000${place.at}`;
    if (room && those.size > 0) this.rooms.set(room, those);
    try {
      const aimed = room ? { ...opts, rooms: new Set([room]), except: new Set<string>() } : opts;
      this.#acts(isMove ? place : null, () => run(aimed));
    } finally {
      if (room) this.rooms.delete(room);
      this.roster.over(place);
    }
  }

  /** Another worker moves sockets: that counts from now on. */
  protected byOther(run: () => void): void {
    this.#acts("other", run);
  }

  #acts(what: Place | "other" | null, run: () => void): void {
    const before = this.#acting;
    this.#acting = what;
    try {
      run();
    } finally {
      this.#acting = before;
    }
  }

  #dueOf(id: string, rooms: Set<string>): Set<string> {
    const socket = this.namespace.sockets.get(id);
    if (!socket || this.#known.has(socket)) {
      return new Set([...rooms].filter((room) => this.#isDue(id, room, true)));
    }
    this.#known.add(socket);
    // To one that comes back, what waits will be sent as if it had never been away.
    if (!socket.recovered) this.roster.changed(id, null, true, false);
    return rooms;
  }

  /** Whether it is to be done now: not where the socket has done something about that room since. */
  #isDue(id: string, room: string, isIn: boolean): boolean {
    const acting = this.#acting;
    // One that is not let in yet is in no room for anybody.
    if (!this.namespace.sockets.has(id)) return true;
    const wasIn = this.rooms.get(room)?.has(id) ?? false;
    if (acting === "other") this.roster.overrule(id, room);
    // One that has joined since is in it from the act on.
    else if (acting) return this.roster.put(acting, id, room, isIn) || (isIn && wasIn);
    else this.roster.changed(id, room, isIn, wasIn);
    return true;
  }
}
