/** How handlers are run: what they return, throw and take of the window. */

import { BUS, type OutgoingFrame } from "../link/bus-frames.ts";
import type { BusEncoding, BusMessage, MessageHandler, RequestHandler } from "./api.ts";
import { decodeBody, encodeBody } from "./body.ts";
import { type Delivery, messageOf, type Work } from "./delivery.ts";
import { frameOf } from "./frames-out.ts";
import { Lane } from "./lane.ts";
import { tellError } from "./remote-error.ts";

/** Told when a handler failed that nobody waits for. */
export type HandlerFailed = (error: unknown, message: BusMessage) => void;

/** A lane of messages; credit is given back when the handler has ended. */
export function listenLane(
  handler: MessageHandler<never>,
  concurrency: number,
  failed: HandlerFailed,
): Lane<Delivery> {
  return new Lane(concurrency, (delivery) => {
    const { frame } = delivery;
    const message = messageOf(frame);
    const working = attempt(
      () => handler(decodeBody(frame.format, frame.body, frame.subject) as never, message),
      (error) => failed(error, message),
    );
    if (working) return working.then(() => delivery.ended());
    delivery.ended();
    return undefined;
  });
}

/**
 * Calls what an app has given; what it throws or rejects with goes to `fail`. Undefined: it has ended already, and
 * costs no turn of the promises' queue.
 */
export function attempt(
  call: () => unknown,
  fail: (error: unknown) => void,
): Promise<void> | undefined {
  try {
    const result = call();
    if (isThenable(result)) return Promise.resolve(result).then(() => {}, fail);
  } catch (error) {
    fail(error);
  }
  return undefined;
}

export interface Answering {
  readonly handler: RequestHandler<never>;
  readonly encoding: BusEncoding;
  readonly concurrency: number;
  /** The longest body that may be sent. */
  longestBody(): number;
  /** It is no longer at work. */
  ended(work: Work): void;
}

/** A lane of requests: what the handler returns is the answer, what it throws the failure. */
export function replyLane(answering: Answering): Lane<Work> {
  return new Lane(answering.concurrency, async (work) => {
    // It waited for its turn: the one who asked may be gone since.
    if (!work.isCancelled && Date.now() < work.deadline) {
      const frame = await answerTo(work, answering);
      if (!work.isCancelled) send(work, frame);
    }
    answering.ended(work);
    work.ended();
  });
}

async function answerTo(work: Work, answering: Answering): Promise<OutgoingFrame> {
  const { id, format, body, subject } = work.frame;
  try {
    const data = decodeBody(format, body, subject);
    const result = await answering.handler(data as never, work.request());
    const answer = encodeBody(result, answering.encoding, subject, answering.longestBody());
    return frameOf(BUS.reply, id, "", null, answer);
  } catch (error) {
    return failureFrame(id, error);
  }
}

/** An answer that does not fit is a failure the one who asked is told. */
function send({ link, frame }: Work, answer: OutgoingFrame): void {
  try {
    link.send(answer);
  } catch (error) {
    link.send(failureFrame(frame.id, error));
  }
}

function failureFrame(id: number, error: unknown): OutgoingFrame {
  return frameOf(BUS.failure, id, "", { ...tellError(error) });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
