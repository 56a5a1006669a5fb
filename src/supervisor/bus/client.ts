/** One connection to the bus, from its first byte to its last. */

import type { Duplex } from "node:stream";
import type { BusCounts } from "../../core/bus/counts.ts";
import type { Member, MemberState } from "../../core/bus/exchange.ts";
import {
  type BusFrame,
  DEFAULT_LONGEST_BYTES,
  DEFAULT_WINDOW_BYTES,
  type Head,
  measureBusFrame,
  type OutgoingFrame,
  packHead,
} from "../../link/bus-frames.ts";
import { BusLink } from "../../link/bus-link.ts";
import { FrameError } from "../../link/frames.ts";
import type { Guest } from "./guest.ts";
import { Outbox } from "./outbox.ts";

const EMPTY = Buffer.alloc(0);
/** Of a single request: its answer will take it along. */
const CREDIT_WAITS_MS = 5;

export interface ClientPort {
  readonly counts: BusCounts;
  frame(client: Client, frame: BusFrame): void;
  /** One message to a queue's subscription is worked off or dropped. */
  worked(client: Client, to: number): void;
  /** Something was refused as its window was spent, and it has opened since. */
  credit(client: Client): void;
  /** It is gone; `reason` is null where it left in order. */
  closed(client: Client, reason: string | null): void;
}

/** The supervisor itself. */
export const SUPERVISOR: Member = {
  ...{ id: 0, app: null, slot: null, worker: null, name: "supervisor" },
};

/** What is said of a member to others. */
export interface Sender extends Omit<Member, "id"> {
  readonly member: number;
}

export class Client {
  readonly link: BusLink;
  readonly outbox: Outbox;
  /** Who it has proved to be, of another machine; null: it is of this one. */
  readonly guest: Guest | null;
  /** Null until it has said hello. */
  member: Member | null = null;
  /** What it may be given, once it has said hello. */
  state: MemberState = "starting";
  /** It drains: it said so itself. */
  isLeaving = false;
  /** `{ from }`, as it stands in the head of what it sends to others. */
  from: Buffer = EMPTY;
  /** Of requests that are kept because they may be sent twice: bytes of its window, by its numbers. */
  readonly #kept = new Map<number, number>();

  constructor(socket: Duplex, port: ClientPort, guest: Guest | null = null) {
    this.guest = guest;
    const limits = {
      ...{ windowBytes: DEFAULT_WINDOW_BYTES, longestBytes: DEFAULT_LONGEST_BYTES },
      creditWaitsMs: CREDIT_WAITS_MS,
    };
    this.link = new BusLink(socket, limits, {
      frame: (frame) => {
        guest?.throttle.took();
        port.frame(this, frame);
      },
      credit: () => {
        this.outbox.flush();
        port.credit(this);
      },
      worked: (bytes) => {
        guest?.throttle.took();
        this.outbox.worked(bytes);
      },
      closed: (reason) => {
        this.outbox.clear();
        port.closed(this, reason);
      },
    });
    this.outbox = new Outbox({
      ...{ link: this.link, counts: port.counts, pool: guest?.pool },
      worked: (to) => port.worked(this, to),
    });
  }

  get id(): number {
    return this.member?.id ?? 0;
  }

  /** Something of so many bytes would have to wait. */
  isFull(bytes: number): boolean {
    return this.outbox.isFull || !this.link.hasRoom(bytes);
  }

  /** It is known from now on, and may be sent to. */
  join(member: Member, windowBytes: number, longestBytes: number): void {
    this.member = member;
    this.from = packHead({ from: senderOf(member) });
    this.link.openWindow(windowBytes, longestBytes);
  }

  /** Something that needs no credit. What the client would not take is told by false. */
  send(kind: number, id: number, head: Head | Buffer | null = null, content?: Content): boolean {
    const { subject = "", format = 0, body = EMPTY } = content ?? {};
    try {
      this.link.send({ kind, format, id, to: 0, subject, head, body });
      return true;
    } catch (error) {
      if (error instanceof FrameError) return false;
      throw error;
    }
  }

  /** A request: it is sent, its window has no room for it, or it is longer than the client takes. */
  ask(frame: OutgoingFrame): "sent" | "full" | "too-long" {
    try {
      if (!this.link.offer(frame)) return "full";
    } catch (error) {
      if (error instanceof FrameError) return "too-long";
      throw error;
    }
    this.outbox.sent(measureBusFrame(frame).bytes);
    return "sent";
  }

  /** Its request is kept until it has ended: so long it does not get its credit back. */
  keep(id: number, bytes: number): void {
    this.release(id);
    this.#kept.set(id, bytes);
  }

  /** Its request has ended. */
  release(id: number): void {
    const bytes = this.#kept.get(id);
    if (bytes === undefined) return;
    this.#kept.delete(id);
    this.link.worked(bytes);
  }
}

export interface Content {
  readonly subject?: string;
  readonly format: number;
  readonly body: Buffer;
}

export function senderOf({ id, ...rest }: Member): Sender {
  return { member: id, ...rest };
}
