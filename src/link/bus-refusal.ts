/** Why the other side of the bus does not want us. */

import type { Head } from "./bus-frames.ts";

/** In its own words; `code` is its error's, where it has one. */
export class BusRefusal extends Error {
  override readonly name = "BusRefusal";
  readonly code: string | null;

  constructor(message: string, code: string | null) {
    super(message);
    this.code = code;
  }
}

/** What a failure says that comes in place of a hello. */
export function refusalOf(head: Head | null): BusRefusal {
  const said = head?.message;
  const code = head?.code;
  return new BusRefusal(
    typeof said === "string" ? said : "the other side refused without a reason",
    typeof code === "string" ? code : null,
  );
}
