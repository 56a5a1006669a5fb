/** Words about consumers and their messages that are said again over each new connection. */

import type { BusFrame, OutgoingFrame } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import type { PartPort } from "./part.ts";

/** What the supervisor could not do now is asked again. */
const AGAIN_MS = 1000;

/** Sends it and hears its answer; none comes where the connection is lost before: who comes up again says it again. */
export function say(
  { pending }: Pick<PartPort, "pending">,
  link: BusLink,
  frame: OutgoingFrame,
  answered: (answer: BusFrame) => void,
): void {
  pending.add(frame.id, {
    heard(answer) {
      answered(answer);
      return true;
    },
    lost: () => null,
    failed() {},
  });
  link.send(frame);
}

export function later(act: () => void): void {
  setTimeout(act, AGAIN_MS).unref();
}
