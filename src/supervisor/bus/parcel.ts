/** What is published, on its way to whom it may concern. */

import type { BusLink } from "../../link/bus-link.ts";

/** Before subject, head and body of every frame. */
const FRONT_BYTES = 20;

export interface Parcel {
  readonly subject: string;
  readonly format: number;
  /** As it stands on the wire, the same for everybody. */
  readonly head: Buffer;
  /** A view of what was received, until `own` has been called. */
  body: Buffer;
  isOwned: boolean;
}

/** What the parcel weighs as a frame. */
export function bytesOf({ subject, head, body }: Parcel): number {
  return FRONT_BYTES + subject.length + head.length + body.length;
}

/** To be called before it is kept beyond the frame it came in: a view would keep all that came with it. */
export function own(parcel: Parcel): void {
  if (!parcel.isOwned) parcel.body = Buffer.from(parcel.body);
  parcel.isOwned = true;
}

/** A publisher's credit for one frame: given back when nobody withholds it any more. */
export class Credit {
  readonly #link: BusLink;
  readonly #bytes: number;
  #holds = 1;

  constructor(link: BusLink, bytes: number) {
    this.#link = link;
    this.#bytes = bytes;
  }

  hold(): this {
    this.#holds += 1;
    return this;
  }

  /** Once for the making of it, and once for each `hold`. */
  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#link.worked(this.#bytes);
  }
}
