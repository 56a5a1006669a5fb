/**
 * What goes to one client under its window. What does not fit waits, for each subscription by its own policy, and
 * leaves in the order it came.
 */

import type { BusCounts, BusDrop } from "../../core/bus/counts.ts";
import type { Subscription } from "../../core/bus/exchange.ts";
import { Line, type Place } from "../../core/bus/line.ts";
import { SubjectTree } from "../../core/bus/subjects.ts";
import { type Policy, Waiting } from "../../core/bus/waiting.ts";
import { BUS, bareFrame, FETCHED } from "../../link/bus-frames.ts";
import type { BusLink } from "../../link/bus-link.ts";
import { FrameError } from "../../link/frames.ts";
import { bytesOf, type Credit, own, type Parcel } from "./parcel.ts";
import type { Pool } from "./pool.ts";

/** Questions for retained values that one client may have open. */
const FETCHES_MAX = 16;
/** A retained value that waits costs its place: the value itself is kept anyway. */
const FETCHED_BYTES = 128;
/** Of all subscriptions together: what waits for one client, whatever each of them may have. */
const WAITING_MAX_BYTES = 64 * 1024 * 1024;

interface Seat {
  readonly subscription: Subscription;
  readonly waiting: Waiting<Item>;
}

/** A message that waits. */
interface Item {
  readonly order: number;
  readonly to: number;
  readonly parcel: Parcel;
  readonly credit: Credit | null;
  readonly waiting: Waiting<Item>;
  place: Place<Item> | null;
}

/** A retained value that waits, or without a parcel the end of a fetch. */
interface Fetched {
  readonly order: number;
  readonly id: number;
  readonly parcel: Parcel | null;
}

export interface OutboxPort {
  readonly link: BusLink;
  readonly counts: BusCounts;
  /** What it shares with others; none unless given. */
  readonly pool?: Pool | undefined;
  /** One message to a subscription is worked off or dropped. */
  worked(to: number): void;
}

export class Outbox {
  readonly #port: OutboxPort;
  readonly #seats = new Map<number, Seat>();
  /** Those that get what is for everyone. */
  readonly #listening = new SubjectTree<Seat>();
  /** What waits for all of them, in the order it came. */
  readonly #line = new Line<Item>();
  readonly #fetched = new Waiting<Fetched>("wait", Number.POSITIVE_INFINITY);
  /** Deliveries to queues that are not worked off: up to which byte of all that was sent. */
  readonly #underWay: { readonly to: number; readonly upTo: number }[] = [];
  #order = 0;
  #fetches = 0;
  #waitingBytes = 0;
  #sentBytes = 0;
  #workedBytes = 0;

  constructor(port: OutboxPort) {
    this.#port = port;
  }

  get size(): number {
    return this.#seats.size;
  }

  /** Something waits: what comes now has to wait, too. */
  get isFull(): boolean {
    return this.#line.first !== null || this.#fetched.size > 0;
  }

  open(subscription: Subscription, policy: Policy, maxBytes: number): void {
    this.close(subscription.number);
    const seat = { subscription, waiting: new Waiting<Item>(policy, maxBytes) };
    this.#seats.set(subscription.number, seat);
    if (isForAll(subscription)) this.#listening.add(subscription.pattern, seat);
  }

  /** Drops what waits for the subscription. */
  close(number: number): void {
    const seat = this.#seats.get(number);
    if (!seat) return;
    this.#seats.delete(number);
    if (isForAll(seat.subscription)) this.#listening.remove(seat.subscription.pattern, seat);
    for (const item of seat.waiting.clear()) this.#drop(item, "gone");
  }

  /**
   * Sends a message to a subscription, or with 0 to all that listen without a queue; what cannot leave now waits.
   * False: one of them has too much waiting and refuses more. `withhold` is called where the publisher is to wait.
   */
  deliver(to: number, parcel: Parcel, withhold: () => Credit | null): boolean {
    if (!this.isFull && this.#offer(to, 0, parcel)) return true;
    if (to !== 0) return this.#wait(to, this.#seats.get(to), parcel, withhold);
    let isTaken = true;
    for (const seat of this.#listening.match(parcel.subject)) {
      isTaken = this.#wait(seat.subscription.number, seat, parcel, withhold) && isTaken;
    }
    return isTaken;
  }

  /** Sends retained values, and says when it was all of them. False: too many such questions are open. */
  answer(id: number, parcels: readonly Parcel[]): boolean {
    const { pool } = this.#port;
    if (this.#fetches >= FETCHES_MAX || pool?.isFull) return false;
    this.#fetches += 1;
    pool?.add(FETCHED_BYTES * (parcels.length + 1));
    for (const parcel of [...parcels, null]) {
      this.#order += 1;
      this.#fetched.push({ order: this.#order, id, parcel }, 0);
    }
    this.flush();
    return true;
  }

  /** The window has opened: what waited longest goes first. */
  flush(): void {
    for (;;) {
      const item = this.#line.first;
      const fetched = this.#fetched.next;
      if (fetched && (!item || fetched.order < item.order)) {
        if (fetched.parcel === null) this.#endFetch(fetched.id);
        else if (!this.#offer(FETCHED, fetched.id, fetched.parcel)) return;
        this.#fetched.shift();
        this.#port.pool?.add(-FETCHED_BYTES);
      } else {
        if (!item || !this.#offer(item.to, 0, item.parcel)) return;
        item.waiting.shift();
        this.#left(item);
        item.credit?.release();
      }
    }
  }

  /** So many bytes under the window were sent beside what is sent here. */
  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  /** The client has worked off so many bytes. */
  worked(bytes: number): void {
    this.#workedBytes += bytes;
    const underWay = this.#underWay;
    let done = 0;
    while (done < underWay.length && (underWay[done]?.upTo ?? 0) <= this.#workedBytes) done += 1;
    for (const { to } of underWay.splice(0, done)) this.#port.worked(to);
  }

  /** The client is gone, and all that waited for it. */
  clear(): void {
    for (const number of [...this.#seats.keys()]) this.close(number);
    this.#port.pool?.add(-FETCHED_BYTES * this.#fetched.clear().length);
  }

  #wait(
    to: number,
    seat: Seat | undefined,
    parcel: Parcel,
    withhold: () => Credit | null,
  ): boolean {
    if (!seat) return true;
    own(parcel);
    this.#order += 1;
    const { waiting } = seat;
    const bytes = bytesOf(parcel);
    const credit = waiting.isOver(bytes) && waiting.policy === "wait" ? withhold() : null;
    const item: Item = { order: this.#order, to, parcel, credit, waiting, place: null };
    const { isTaken, dropped } = waiting.push(item, bytes, credit !== null);
    for (const each of dropped) this.#drop(each, "oldest");
    if (!isTaken) {
      this.#drop(item, "rejected");
      return false;
    }
    item.place = this.#line.add(item);
    this.#count(bytes);
    this.#dropBeyondTotal();
    return true;
  }

  #dropBeyondTotal(): void {
    const { pool } = this.#port;
    while (this.#waitingBytes > WAITING_MAX_BYTES || pool?.isOver(this.#waitingBytes)) {
      const oldest = this.#line.first;
      // It is the first of its own subscription as well.
      oldest?.waiting.shift();
      if (!oldest) return;
      this.#drop(oldest, "oldest");
    }
  }

  /** It waits no more. */
  #left(item: Item): void {
    if (!item.place) return;
    this.#line.remove(item.place);
    item.place = null;
    this.#count(-bytesOf(item.parcel));
  }

  #count(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#port.pool?.add(bytes);
  }

  /** False: its window is spent. What it would not take at all is dropped. */
  #offer(to: number, id: number, parcel: Parcel): boolean {
    const { subject, format, head, body } = parcel;
    const frame = { kind: BUS.publish, format, id, to, subject, head, body };
    try {
      if (!this.#port.link.offer(frame)) return false;
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#port.counts.dropped.invalid += 1;
      this.#port.worked(to);
      return true;
    }
    this.#sentBytes += bytesOf(parcel);
    if (to !== 0 && to !== FETCHED) this.#underWay.push({ to, upTo: this.#sentBytes });
    this.#port.counts.messages.deliver += 1;
    return true;
  }

  #endFetch(id: number): void {
    this.#fetches -= 1;
    this.#port.link.send(bareFrame(BUS.done, id));
  }

  #drop(item: Item, why: BusDrop): void {
    this.#left(item);
    this.#port.counts.dropped[why] += 1;
    item.credit?.release();
    this.#port.worked(item.to);
  }
}

/** All such of a client share its target 0. */
function isForAll({ kind, queue }: Subscription): boolean {
  return kind === "listen" && queue === null;
}
