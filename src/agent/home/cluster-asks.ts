/** What Node's cluster module asks its primary, and asks again when that one is gone: without an answer it waits for ever. */

import { isNodeMessage } from "./own-channel.ts";

interface Asked {
  readonly cmd: string;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

export class ClusterAsks {
  readonly #open = new Map<unknown, Asked>();

  /** Said by this process. True: it is kept, and said again when there is a supervisor. */
  said(message: unknown): boolean {
    if (!isAsked(message) || message.seq === undefined) return false;
    if (message.act !== "queryServer" && message.act !== "exitedAfterDisconnect") return false;
    this.#open.set(message.seq, message);
    return true;
  }

  heard(message: unknown): void {
    if (isAsked(message)) this.#open.delete(message.ack);
  }

  /** There is nobody: who only wants to tell that it leaves may leave. */
  excuse(): void {
    for (const [seq, { cmd, act }] of this.#open) {
      if (act !== "exitedAfterDisconnect") continue;
      this.#open.delete(seq);
      process.emit("internalMessage" as never, { cmd, ack: seq } as never);
    }
  }

  /** All that has no answer, oldest first. */
  open(): readonly object[] {
    return [...this.#open.values()];
  }
}

function isAsked(message: unknown): message is Asked {
  return isNodeMessage(message) && message.cmd === "NODE_CLUSTER";
}
