/** Ends what an app streams, while the app goes on to write: to it this looks like a client that has left. */

import type { Writable } from "node:stream";

/**
 * Nobody reads what comes after the end of a response, or of a stream of HTTP/2. Node makes it an error instead
 * (ERR_STREAM_WRITE_AFTER_END): it ends the process where the app does not listen for it, or the stream before its
 * client has had the rest.
 */
export function endStream(stream: Writable): void {
  if (stream.writableEnded) return;
  stream.end();
  stream.write = (...values: unknown[]) => {
    told(values);
    return false;
  };
  stream.end = (...values: unknown[]) => {
    told(values);
    return stream;
  };
}

/** Who waits for it to be written does not wait for ever. */
function told(values: readonly unknown[]): void {
  const callback = values.at(-1);
  if (typeof callback !== "function") return;
  process.nextTick(() => callback(new Error("this stream has ended, as its worker is leaving")));
}
