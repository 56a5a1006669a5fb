/** What a client from another machine may say: asked before the router and the desks hear of a frame. */

import type { BusCounts } from "../../core/bus/counts.ts";
import { type Action, may, mayAll } from "../../core/bus/permissions.ts";
import { HoldfastError } from "../../errors.ts";
import { BUS, type BusFrame, isWindowed } from "../../link/bus-frames.ts";
import type { Client } from "./client.ts";
import type { Guest } from "./guest.ts";
import { failureHead } from "./post.ts";
import { Tally } from "./tally.ts";

/** Answers to what it was given, ends of what it has begun, and what concerns nobody else. */
const FREE: ReadonlySet<number> = new Set([
  ...[BUS.hello, BUS.unsubscribe, BUS.reply, BUS.failure, BUS.cancel],
  ...[BUS.leave, BUS.sync, BUS.unlock],
]);
const ACTIONS: ReadonlyMap<number, Action> = new Map<number, Action>([
  [BUS.publish, "publish"],
  [BUS.request, "request"],
  [BUS.fetch, "subscribe"],
  [BUS.lock, "locks"],
  [BUS.enqueue, "queues"],
  [BUS.consume, "queues"],
  [BUS.settle, "queues"],
  [BUS.manage, "queues"],
]);
/** What these name is a pattern: all of it has to be allowed. */
const PATTERNS: ReadonlySet<number> = new Set([BUS.subscribe, BUS.fetch, BUS.manage]);

interface Refused {
  readonly who: string;
  readonly what: string;
}

export class Gate {
  readonly #counts: BusCounts;
  readonly #refused: Tally<Refused>;

  constructor(counts: BusCounts, fault: (error: HoldfastError) => void) {
    this.#counts = counts;
    this.#refused = new Tally((times, last) =>
      fault(new HoldfastError("HF_BUS_REMOTE_FORBIDDEN", { times, ...last })),
    );
  }

  /** False: it was refused, and is told so where it waits for an answer. */
  admits(client: Client, { name, permissions }: Guest, frame: BusFrame): boolean {
    const { kind, id } = frame;
    if (FREE.has(kind)) return true;
    const action = actionOf(frame);
    // Of all queues at once; no subject is named so.
    const subject = kind === BUS.manage && frame.subject === "" ? ">" : frame.subject;
    const asks = PATTERNS.has(kind) ? mayAll : may;
    if (action !== undefined && asks(permissions, action, subject)) return true;
    if (isWindowed(kind)) client.link.worked(frame.bytes);
    this.#counts.dropped.forbidden += 1;
    const what = action === undefined ? `frames of kind ${kind}` : `${action} "${subject}"`;
    this.#refused.add({ who: name, what });
    const message = `"${name}" has no permission for it (${what})`;
    if (id > 0) client.send(BUS.failure, id, failureHead({ code: "FORBIDDEN", message }));
    return false;
  }

  close(): void {
    this.#refused.close();
  }
}

/** Undefined for what is not known here: it is refused, or a kind to come would be allowed to everybody. */
function actionOf({ kind, head }: BusFrame): Action | undefined {
  if (kind === BUS.subscribe) return head?.kind === "reply" ? "reply" : "subscribe";
  return ACTIONS.get(kind);
}
