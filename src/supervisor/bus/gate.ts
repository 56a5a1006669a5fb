/** What a client from another machine may say: asked before the router and the desks hear of a frame. */

import type { BusCounts } from "../../core/bus/counts.ts";
import { type Action, may, mayAll } from "../../core/bus/permissions.ts";
import { HoldfastError } from "../../errors.ts";
import { BUS, type BusFrame, isWindowed } from "../../link/bus-frames.ts";
import type { Client } from "./client.ts";
import type { Guest } from "./guest.ts";
import { type Failed, failureHead } from "./post.ts";
import type { Shares } from "./shares.ts";
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
  readonly #shares: Shares;
  readonly #refused: Tally<Refused>;

  constructor(counts: BusCounts, shares: Shares, fault: (error: HoldfastError) => void) {
    this.#counts = counts;
    this.#shares = shares;
    this.#refused = new Tally((times, last) =>
      fault(new HoldfastError("HF_BUS_REMOTE_FORBIDDEN", { times, ...last })),
    );
  }

  /** False: it was refused, and is told so where it waits for an answer. */
  admits(client: Client, { name, permissions }: Guest, frame: BusFrame): boolean {
    const { kind } = frame;
    if (FREE.has(kind)) return true;
    const action = actionOf(frame);
    const subject = subjectOf(frame);
    const asks = PATTERNS.has(kind) ? mayAll : may;
    const held = holdsUp(frame);
    if (held !== null) return this.#refuse(client, frame, { code: "FORBIDDEN", message: held });
    if (action !== undefined && asks(permissions, action, subject)) {
      const message = this.#shares.refuses(frame);
      return message === null || this.#refuse(client, frame, { code: "OVERLOADED", message });
    }
    this.#counts.dropped.forbidden += 1;
    // Escaped: nobody has looked yet at what it calls a subject, and people are told of it.
    const named = JSON.stringify(subject);
    const what = action === undefined ? `frames of kind ${kind}` : `${action} ${named}`;
    this.#refused.add({ who: name, what });
    const message = `"${name}" has no permission for it (${what})`;
    return this.#refuse(client, frame, { code: "FORBIDDEN", message });
  }

  #refuse(client: Client, { kind, id, bytes }: BusFrame, failed: Failed): false {
    if (isWindowed(kind)) client.link.worked(bytes);
    if (id > 0) client.send(BUS.failure, id, failureHead(failed));
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

/** What it is about: a list of queues is of all of them, whatever it names. */
function subjectOf({ kind, subject, head }: BusFrame): string {
  const isOfAll = kind === BUS.manage && (head?.what === "list" || subject === "");
  return isOfAll ? ">" : subject;
}

/** To hear is no permission to stop those who speak. Null: it does not. */
function holdsUp({ kind, head }: BusFrame): string | null {
  const policy = head?.policy;
  const isPatient = policy === undefined || policy === "drop-oldest";
  if (kind !== BUS.subscribe || head?.kind === "reply" || isPatient) return null;
  return 'from another machine the policy of a subscription is "drop-oldest": others would hold up who publishes';
}
