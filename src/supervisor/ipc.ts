/**
 * Reads a worker's IPC channel without trusting it. Node's own reader throws on a malformed line,
 * which kills the process (20 to 26), and buffers a line without end until memory is gone.
 */

import type { ChildProcess } from "node:child_process";
import { type ChannelHandle, channelOf, type Handle } from "./node-internals.ts";

const NEWLINE = 0x0a;
/** A longer message is dropped. Socket handles and our own messages are far smaller. */
export const LONGEST_MESSAGE_BYTES = 8 * 1024 * 1024;
/** A worker that sends more is read again in the next interval: it waits, the supervisor does not grow. */
const BYTES_PER_INTERVAL = 4 * 1024 * 1024;
const INTERVAL_MS = 100;

export type IpcFault = "malformed" | "too-long" | "hostile";

/** Replaces the channel's reader. Messages come as the child's usual events. */
export function readSafely(child: ChildProcess, onFault: (fault: IpcFault) => void): void {
  const channel = channelOf(child);
  const original = channel.onread;
  const lines = boundedLines(onFault);
  const throttle = throttleReads(channel, () => child.connected);
  let handle: Handle | null = null;

  channel.onread = function (this: ChannelHandle, bytes) {
    if (!bytes) return original.call(this, bytes);
    if (channel.pendingHandle) handle = channel.pendingHandle;
    channel.pendingHandle = null;
    throttle(bytes.byteLength);
    for (const line of lines(Buffer.from(bytes))) {
      const message = parse(line, onFault);
      if (message === undefined) continue;
      const isHandle = isNodeMessage(message) && message.cmd === "NODE_HANDLE";
      deliver(child, message, isHandle ? (handle ?? undefined) : undefined, onFault);
      if (isHandle) handle = null;
    }
  };
}

function parse(line: Buffer, onFault: (fault: IpcFault) => void): unknown {
  if (line.length === 0) return undefined;
  try {
    return JSON.parse(line.toString("utf8")) as unknown;
  } catch {
    onFault("malformed");
    return undefined;
  }
}

/** Node's own listeners assert on forged acknowledgements; that ends here, too. */
function deliver(
  child: ChildProcess,
  message: unknown,
  handle: Handle | undefined,
  onFault: (fault: IpcFault) => void,
): void {
  try {
    child.emit(isNodeMessage(message) ? "internalMessage" : "message", message, handle);
  } catch {
    handle?.close();
    onFault("hostile");
  }
}

function isNodeMessage(message: unknown): message is { cmd: string } {
  const { cmd } = (typeof message === "object" && message !== null ? message : {}) as {
    cmd?: unknown;
  };
  return typeof cmd === "string" && cmd.startsWith("NODE_");
}

/** Complete lines of a stream of chunks; one that grows over the limit is dropped up to its end. */
function boundedLines(onFault: (fault: IpcFault) => void): (chunk: Buffer) => readonly Buffer[] {
  let parts: Buffer[] = [];
  let size = 0;
  let isDropping = false;
  return (chunk) => {
    const found: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      if (!isDropping) found.push(Buffer.concat([...parts, chunk.subarray(from, at)]));
      isDropping = false;
      parts = [];
      size = 0;
      from = at + 1;
    }
    if (from < chunk.length && !isDropping) {
      parts.push(chunk.subarray(from));
      size += chunk.length - from;
    }
    if (size > LONGEST_MESSAGE_BYTES) {
      onFault("too-long");
      isDropping = true;
      parts = [];
      size = 0;
    }
    return found;
  };
}

function throttleReads(channel: ChannelHandle, isOpen: () => boolean): (bytes: number) => void {
  let used = 0;
  let isCounting = false;
  const next = (): void => {
    const wasStopped = used > BYTES_PER_INTERVAL;
    used = 0;
    isCounting = false;
    if (wasStopped && isOpen()) channel.readStart();
  };
  return (bytes) => {
    used += bytes;
    if (used > BYTES_PER_INTERVAL) channel.readStop();
    if (!isCounting) setTimeout(next, INTERVAL_MS);
    isCounting = true;
  };
}
