/**
 * Reads a worker's IPC channel without trusting it. Node's own reader throws on a malformed line,
 * which kills the process (20 to 26), and buffers a line without end until memory is gone.
 */

import type { ChildProcess } from "node:child_process";
import { boundedLines, readLine } from "../link/ipc-lines.ts";
import { throttleReads } from "../link/read-throttle.ts";
import { type ChannelHandle, channelOf, type Handle } from "./node-internals.ts";

export type IpcFault = "malformed" | "too-long" | "hostile";

/** Replaces the channel's reader. Messages come as the child's usual events. */
export function readSafely(child: ChildProcess, onFault: (fault: IpcFault) => void): void {
  const channel = channelOf(child);
  const original = channel.onread;
  const lines = boundedLines(() => onFault("too-long"));
  const throttle = throttleReads(channel, () => child.connected);
  let handle: Handle | null = null;
  let bytesRead = channel.bytesRead;

  channel.onread = function (this: ChannelHandle, bytes) {
    if (!bytes) {
      handle?.close();
      return end(child, () => original.call(this, bytes));
    }
    // Node 26 may hand over a buffer that is longer than what was read into it.
    const chunk = Buffer.from(bytes, 0, channel.bytesRead - bytesRead);
    bytesRead = channel.bytesRead;
    const isNew = channel.pendingHandle !== null;
    if (isNew && handle) forsake(child, handle);
    handle = channel.pendingHandle ?? handle;
    channel.pendingHandle = null;
    throttle(chunk.length);
    const found = lines.push(chunk);
    for (const line of found) {
      const message = readLine(line, () => onFault("malformed"));
      if (message === undefined) continue;
      const isHandle = isNodeMessage(message) && message.cmd === "NODE_HANDLE";
      deliver(child, message, isHandle ? (handle ?? undefined) : undefined, onFault);
      if (isHandle) handle = null;
    }
    // A handle comes with the bytes of its own line, the last in them: that line has been dropped.
    const isOver = isNew ? !lines.isOpen() : found.length > 0;
    if (handle && isOver) {
      forsake(child, handle);
      handle = null;
    }
  };
}

/** The parts of a ChildProcess that send (lib/internal/child_process.js, 20 to 26). */
interface Sender {
  /** What waits until a handle that was sent has been acknowledged. */
  _handleQueue: { readonly callback?: (error: Error) => void }[] | null;
  _send(message: object, handle: null, isQuiet: true): void;
}

/**
 * The channel has ended. Node forgets what waits behind a handle that was never acknowledged, without a
 * word and without its "disconnect".
 */
function end(child: ChildProcess, read: () => void): void {
  const sender = child as unknown as Sender;
  const waiting = sender._handleQueue ?? [];
  sender._handleQueue = null;
  read();
  for (const { callback } of waiting) callback?.(new Error("the worker's channel has ended"));
}

/**
 * Closes a handle whose message is lost, so that no client hangs on it, and acknowledges it: the worker
 * sends nothing more before that.
 */
function forsake(child: ChildProcess, handle: Handle): void {
  handle.close();
  if (!child.connected) return;
  (child as unknown as Sender)._send({ cmd: "NODE_HANDLE_ACK" }, null, true);
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
