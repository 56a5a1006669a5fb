/** What is published, on its way to whom it may concern. */

import { PREFIX_BYTES } from "../../link/bus-frames.ts";
import type { BusLink } from "../../link/bus-link.ts";

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
  return PREFIX_BYTES + subject.length + head.length + body.length;
}

/** To be called before it is kept beyond the frame it came in: a view would keep all that came with it. */
export function own(parcel: Parcel): void {
  if (parcel.isOwned) return;
  const copy = Buffer.allocUnsafe(parcel.body.length);
  parcel.body.copy(copy);
  parcel.body = copy;
  parcel.isOwned = true;
}

/** On whose account the frame is that is being published. */
export class Account {
  #publishing: { readonly link: BusLink; readonly bytes: number } | null = null;
  #credit: Credit | null = null;

  /** Publishes a frame of so many bytes in `act`. Its credit goes back after that, or once nobody withholds it. */
  during<T>(link: BusLink, bytes: number, act: () => T): T {
    this.#publishing = { link, bytes };
    try {
      return act();
    } finally {
      if (this.#credit) this.#credit.release();
      else link.worked(bytes);
      this.#credit = null;
      this.#publishing = null;
    }
  }

  /** The publisher's credit is held back until what waits of it has left. Null: nobody can be made to wait. */
  readonly withhold = (): Credit | null => {
    if (!this.#publishing) return null;
    this.#credit ??= new Credit(this.#publishing.link, this.#publishing.bytes);
    return this.#credit.hold();
  };
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
