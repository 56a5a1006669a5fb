/** How the desk of durable queues answers. */

import { HoldfastError } from "../../errors.ts";
import { BUS, type Head } from "../../link/bus-frames.ts";
import type { Added } from "../queue/terms.ts";
import type { Client } from "./client.ts";
import { failureHead } from "./post.ts";

/** Of what is too much for one frame the first half is told, and that there is more: the rest is asked for then. */
export function answer(client: Client, id: number, head: Head | null): void {
  if (client.send(BUS.done, id, head)) return;
  const { messages } = head ?? {};
  if (Array.isArray(messages) && messages.length > 1) {
    return answer(client, id, { messages: messages.slice(0, messages.length >> 1), more: true });
  }
  const message = "the answer is larger than who asked takes";
  client.send(BUS.failure, id, failureHead({ code: "TOO_LARGE", message }));
}

export function headOf(error: unknown): Head {
  if (!(error instanceof HoldfastError)) {
    return { name: "HoldfastError", code: "HF_BUG", message: (error as Error).message };
  }
  const { name, code, message, details } = error;
  return { name, code, message, details };
}

export function addedHead({ id, duplicate }: Added): Head {
  return { message: id, duplicate };
}

export function settledHead(stood: boolean): Head {
  return { stood };
}
