/** The answers of a gather, as they come. */

import { BUS, type BusFrame } from "../link/bus-frames.ts";
import type { Gathered, Sender } from "./api.ts";
import { decodeBody } from "./body.ts";
import { senderOf } from "./delivery.ts";
import { errorOf } from "./failure.ts";

export interface GatheringEnd {
  resolve(gathered: Gathered): void;
  reject(error: unknown): void;
}

/** Takes a frame; true: it was the last. Never throws. */
export function gathering(
  subject: string,
  timeoutMs: number,
  { resolve, reject }: GatheringEnd,
): (frame: BusFrame) => boolean {
  const results: { from: Sender; data: unknown }[] = [];
  const errors: { from: Sender; error: Error }[] = [];
  const failed = (from: Sender, error: unknown): void => {
    errors.push({ from, error: error instanceof Error ? error : new Error(String(error)) });
  };
  return (frame) => {
    const { kind, head, format, body } = frame;
    const from = senderOf(head?.from);
    if (kind === BUS.gathered) {
      const missing = Array.isArray(head?.missing) ? head.missing.map(senderOf) : [];
      resolve({ results, errors, missing });
      return true;
    }
    if (kind === BUS.reply) {
      try {
        results.push({ from, data: decodeBody(format, body, subject) });
      } catch (error) {
        failed(from, error);
      }
      return false;
    }
    const error = errorOf(frame, subject, timeoutMs);
    if (head?.from) {
      failed(from, error);
      return false;
    }
    // Nobody was asked at all.
    reject(error);
    return true;
  };
}
