/** Who somebody on the bus is, for people. Pure. */

import type { Sender } from "../../bus/api.ts";
import { harmless } from "../render/text.ts";

/** `shop:0` for a worker, the name of another program, or its number. */
export function nameOf({ app, slot, name, member }: Sender): string {
  return harmless(app === null ? (name ?? `member-${member}`) : `${app}:${slot}`);
}
