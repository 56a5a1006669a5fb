/** Ends a WebSocket from outside its library: a close frame written between the app's frames. */

import type { Duplex } from "node:stream";

/** 1012 "Service Restart" (IANA WebSocket Close Code registry): reconnect, with a delay. */
const SERVICE_RESTART = 1012;
/** How long the peer may take to answer the close frame. RFC 6455 leaves it to us. */
const ANSWER_WITHIN_MS = 3000;
const END_WITHIN_MS = 1000;

/** A server's close frame: FIN, opcode 8, unmasked (RFC 6455, 5.5.1). */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason);
  const frame = Buffer.alloc(4 + text.length);
  frame[0] = 0x88;
  frame[1] = 2 + text.length;
  frame.writeUInt16BE(code, 2);
  text.copy(frame, 4);
  return frame;
}

/**
 * Writes the close frame and gives the peer time to answer. Called from a timer: WebSocket libraries
 * write a frame within one turn of the event loop, so this is between frames. One that is not `isOpen`, as the
 * request for it has no answer, knows no frames: its connection ends.
 */
export function closeWebSocket(socket: Duplex, isOpen: boolean): void {
  if (socket.destroyed || socket.writableEnded) return;
  if (isOpen) socket.write(closeFrame(SERVICE_RESTART, "service restart"));
  silence(socket);
  const end = (): void => {
    if (socket.destroyed) return;
    socket.end();
    setTimeout(() => socket.destroy(), END_WITHIN_MS).unref();
  };
  if (isOpen) setTimeout(end, ANSWER_WITHIN_MS).unref();
  else end();
}

/**
 * Nothing may follow a close frame (RFC 6455, 5.5.1). The library does not know of it: it would go on sending, and answer
 * the peer's close frame with one of its own, for which Chromium fails the connection (1006 instead of 1012). It is told
 * that all is written: with an error it would not end the socket.
 */
function silence(socket: Duplex): void {
  const end = socket.end.bind(socket) as (written?: () => void) => Duplex;
  socket.write = (...args: unknown[]): boolean => {
    const written = callbackOf(args);
    if (written) process.nextTick(written);
    return true;
  };
  socket.end = (...args: unknown[]) => end(callbackOf(args)) as typeof socket;
}

function callbackOf(args: readonly unknown[]): (() => void) | undefined {
  return args.find((arg) => typeof arg === "function") as (() => void) | undefined;
}
