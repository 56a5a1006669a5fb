/**
 * What goes to one client under its window. What does not fit waits, for each subscription by its own policy, and
 * leaves in the order it came.
 */

import type { BusCounts, BusDrop } from "../../core/bus/counts.ts";
import type { Subscription } from "../../core/bus/exchange.ts";
import { matches } from "../../core/bus/subjects.ts";
import { type Policy, Waiting } from "../../core/bus/waiting.ts";
import { BUS } from "../../link/bus-frames.ts";
import type { BusLink } from "../../link/bus-link.ts";
import { FrameError } from "../../link/frames.ts";
import { bytesOf, type Credit, own, type Parcel } from "./parcel.ts";

/** As `to`: a retained value that was asked for. */
const FETCHED = 0xffff_ffff;
/** Questions for retained values that one client may have open. */
const FETCHES_MAX = 16;
const EMPTY = Buffer.alloc(0);

interface Seat {
  readonly subscription: Subscription;
  readonly waiting: Waiting<Item>;
}

/** What waits; without a parcel: the end of a fetch. */
interface Item {
  readonly order: number;
  readonly to: number;
  readonly id: number;
  readonly parcel: Parcel | null;
  readonly credit: Credit | null;
}

export interface OutboxPort {
  readonly link: BusLink;
  readonly counts: BusCounts;
  /** One message to a subscription is worked off or dropped. */
  worked(to: number): void;
}

export class Outbox {
  readonly #port: OutboxPort;
  readonly #seats = new Map<number, Seat>();
  readonly #fetched = new Waiting<Item>("wait", Number.POSITIVE_INFINITY);
  /** Queues in which something waits. */
  readonly #busy = new Set<Waiting<Item>>();
  /** Deliveries to queues that are not worked off: up to which byte of all that was sent. */
  readonly #underWay: { readonly to: number; readonly upTo: number }[] = [];
  #order = 0;
  #fetches = 0;
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
    return this.#busy.size > 0;
  }

  open(subscription: Subscription, policy: Policy, maxBytes: number): void {
    this.close(subscription.number);
    const waiting = new Waiting<Item>(policy, maxBytes);
    this.#seats.set(subscription.number, { subscription, waiting });
  }

  /** Drops what waits for the subscription. */
  close(number: number): void {
    const seat = this.#seats.get(number);
    if (!seat) return;
    this.#seats.delete(number);
    this.#busy.delete(seat.waiting);
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
    for (const [number, seat] of this.#seats) {
      const { kind, queue, pattern } = seat.subscription;
      if (kind !== "listen" || queue !== null || !matches(pattern, parcel.subject)) continue;
      isTaken = this.#wait(number, seat, parcel, withhold) && isTaken;
    }
    return isTaken;
  }

  /** Sends retained values, and says when it was all of them. False: too many such questions are open. */
  answer(id: number, parcels: readonly Parcel[]): boolean {
    if (this.#fetches >= FETCHES_MAX) return false;
    this.#fetches += 1;
    for (const parcel of [...parcels, null]) {
      this.#order += 1;
      this.#fetched.push({ order: this.#order, to: FETCHED, id, parcel, credit: null }, 0);
    }
    this.#busy.add(this.#fetched);
    this.flush();
    return true;
  }

  /** The window has opened: what waited longest goes first. */
  flush(): void {
    for (let queue = this.#oldest(); queue; queue = this.#oldest()) {
      const item = queue.next as Item;
      if (item.parcel === null) this.#endFetch(item.id);
      else if (!this.#offer(item.to, item.id, item.parcel)) return;
      queue.shift();
      if (queue.size === 0) this.#busy.delete(queue);
      item.credit?.release();
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
    this.#fetched.clear();
    this.#busy.clear();
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
    const isOver = waiting.isOver(bytesOf(parcel));
    const credit = isOver && waiting.policy === "wait" ? withhold() : null;
    const item = { order: this.#order, to, id: 0, parcel, credit };
    const { isTaken, dropped } = waiting.push(item, bytesOf(parcel));
    for (const each of dropped) this.#drop(each, "oldest");
    if (!isTaken) this.#drop(item, "rejected");
    if (waiting.size > 0) this.#busy.add(waiting);
    return isTaken;
  }

  #oldest(): Waiting<Item> | undefined {
    let oldest: Waiting<Item> | undefined;
    for (const queue of this.#busy) {
      if (!oldest || (queue.next?.order ?? 0) < (oldest.next?.order ?? 0)) oldest = queue;
    }
    return oldest;
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
    const end = { kind: BUS.done, format: 0, id, to: 0, subject: "", head: null, body: EMPTY };
    this.#port.link.send(end);
  }

  #drop({ to, credit }: Item, why: BusDrop): void {
    this.#port.counts.dropped[why] += 1;
    credit?.release();
    this.#port.worked(to);
  }
}
