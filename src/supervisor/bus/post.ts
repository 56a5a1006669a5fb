/** Carries out what the exchange decides: each outcome is a frame to somebody. */

import type { BusCounts, BusResult } from "../../core/bus/counts.ts";
import type { Exchange, FailureCode, Member, Outcome } from "../../core/bus/exchange.ts";
import { BUS, type Head, packHead } from "../../link/bus-frames.ts";
import { type Client, type Sender, senderOf } from "./client.ts";
import type { Headers } from "./heads.ts";
import type { Parcel } from "./parcel.ts";

/** What a request carries. */
export interface Asked {
  readonly format: number;
  readonly body: Buffer;
  readonly headers: Headers | undefined;
}

/** What an exchange is answered with. */
export type Answered =
  | { readonly kind: "reply"; readonly format: number; readonly body: Buffer }
  /** What its handler threw. */
  | { readonly kind: "thrown"; readonly error: Head }
  /** It was never sent. */
  | { readonly kind: "refused"; readonly failed: Failed };

/** Why the supervisor refuses something; `code` follows HF_BUS_. */
export interface Failed {
  readonly code: FailureCode | "SUBJECT_INVALID" | "REFUSED" | "TOO_LARGE" | "LOCKED" | "FORBIDDEN";
  readonly message: string;
}

export interface PostPort {
  readonly exchange: Exchange;
  readonly clients: ReadonlyMap<number, Client>;
  readonly counts: BusCounts;
  deliver(member: number, to: number, parcel: Parcel): void;
  /** A fault of ours. */
  bug(what: string, error: unknown): void;
}

const MESSAGES: Readonly<Record<FailureCode, string>> = {
  NO_RESPONDERS: "nobody who is ready answers such requests",
  WORKER_LOST: "whoever worked on it is gone",
  TIMEOUT: "there was no answer in time",
  OVERLOADED: "all who answer such requests have too much to do",
};
const RESULTS: Readonly<Record<FailureCode, BusResult>> = {
  NO_RESPONDERS: "no_responders",
  WORKER_LOST: "worker_lost",
  TIMEOUT: "timeout",
  OVERLOADED: "overloaded",
};

/** What the client is told of it. */
export function failureHead({ code, message }: Failed): Head {
  return { name: "HoldfastError", code: `HF_BUS_${code}`, message };
}

export class Post {
  readonly #port: PostPort;
  /** Of what the exchange has counted, what is in the bus's counts already. */
  #cancelled = 0;

  constructor(port: PostPort) {
    this.#port = port;
  }

  /** Throws nothing: who causes an outcome is seldom the one whom it concerns. */
  carryOut(outcomes: readonly Outcome[]): void {
    const { counts, exchange } = this.#port;
    counts.requests.cancelled += exchange.cancelled - this.#cancelled;
    this.#cancelled = exchange.cancelled;
    for (const outcome of outcomes) {
      try {
        this.#send(outcome);
      } catch (error) {
        this.#port.bug(`"${outcome.kind}" for a member of the bus`, error);
      }
    }
  }

  /** Null for one that is gone. */
  sender(member: number): Sender | null {
    const found = this.#port.exchange.senderOf(member);
    return found ? senderOf(found) : null;
  }

  #send(outcome: Outcome): void {
    if (outcome.kind === "ask") return this.#ask(outcome);
    if (outcome.kind === "held")
      return this.#port.deliver(outcome.member, outcome.to, outcome.payload as Parcel);
    const client = this.#port.clients.get(outcome.member);
    if (!client) return;
    switch (outcome.kind) {
      case "answer":
        return this.#answer(client, outcome);
      case "failed":
        return this.#failed(client, outcome);
      case "cancel":
        return void client.send(BUS.cancel, outcome.exchange);
      case "gathered":
        client.release(outcome.id);
        this.#port.counts.requests.timeout += outcome.missing.length;
        client.send(BUS.gathered, outcome.id, { missing: outcome.missing.map(senderOf) });
    }
  }

  #ask(outcome: Extract<Outcome, { kind: "ask" }>): void {
    const { member, to, exchange, subject, deadline, attempt, payload } = outcome;
    const { format, body, headers } = payload as Asked;
    const timeoutMs = Math.max(0, Math.round(deadline - performance.now()));
    const told = packHead({
      ...{ timeoutMs, attempt, from: this.sender(outcome.from) },
      ...(headers ? { headers } : {}),
    });
    const frame = { kind: BUS.request, format, id: exchange, to, subject, head: told, body };
    const how = this.#port.clients.get(member)?.ask(frame);
    if (how === "sent") {
      this.#port.counts.messages.ask += 1;
      return;
    }
    // "full" is rare: it was chosen for the room it had.
    const failed: Failed =
      how === "too-long"
        ? { code: "TOO_LARGE", message: "the request is larger than who answers takes" }
        : { code: "OVERLOADED", message: MESSAGES.OVERLOADED };
    this.carryOut(this.#port.exchange.reply(member, exchange, { kind: "refused", failed }));
  }

  #answer(client: Client, outcome: Extract<Outcome, { kind: "answer" }>): void {
    const { id, payload } = outcome;
    const answered = payload as Answered;
    const { requests } = this.#port.counts;
    const from = senderOf(outcome.from);
    client.release(id);
    if (answered.kind === "refused") {
      requests[answered.failed.code === "OVERLOADED" ? "overloaded" : "failed"] += 1;
      client.send(BUS.failure, id, { ...failureHead(answered.failed), from });
      return;
    }
    requests[answered.kind === "reply" ? "answered" : "failed"] += 1;
    const isSent =
      answered.kind === "reply"
        ? client.send(BUS.reply, id, this.#headFrom(outcome.from), answered)
        : // An error of the bus that a handler had is no error of this request's way.
          client.send(BUS.failure, id, { ...answered.error, from, thrown: true });
    if (isSent) return;
    const message = "the answer is larger than who asked takes";
    client.send(BUS.failure, id, { ...failureHead({ code: "TOO_LARGE", message }), from });
  }

  #headFrom(member: Member): Buffer {
    return this.#port.clients.get(member.id)?.from ?? packHead({ from: senderOf(member) });
  }

  #failed(client: Client, outcome: Extract<Outcome, { kind: "failed" }>): void {
    const { id, code, from, isLast } = outcome;
    if (isLast) client.release(id);
    this.#port.counts.requests[RESULTS[code]] += 1;
    const head = failureHead({ code, message: MESSAGES[code] });
    client.send(BUS.failure, id, { ...head, ...(from ? { from: senderOf(from) } : {}) });
  }
}
