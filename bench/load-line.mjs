/**
 * A TCP connection of the load, by libuv's handle as net.Socket has it below (lib/net.js, Node 20 to 26): without the
 * socket and its streams a new connection costs the load a fraction, and more of the machine is left to what is measured.
 */

import { getSystemErrorName } from "node:util";

// Undocumented, and the same in all of them; `binding` says so itself only with --pending-deprecation.
const bound = /** @type {{ binding(name: string): any }} */ (/** @type {unknown} */ (process));
const { TCP, TCPConnectWrap, constants } = bound.binding("tcp_wrap");
const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } =
  bound.binding("stream_wrap");
const EOF = "EOF";

/**
 * @typedef {object} LineEvents
 * @property {() => void} connected
 * @property {(bytes: number) => void} heard so many are in the buffer
 * @property {(code: string) => void} failed "ECONNREFUSED" or the like; `closed` follows
 * @property {() => void} closed by either side
 */

/** Reads into one buffer of its owner's. */
export class Line {
  #handle = new TCP(constants.SOCKET);
  #events;
  #isClosed = false;

  /**
   * @param {{ port: number, host: string, buffer: Buffer }} to host: an IPv4 address
   * @param {LineEvents} events
   */
  constructor({ port, host, buffer }, events) {
    this.#events = events;
    const request = new TCPConnectWrap();
    request.oncomplete = (/** @type {number} */ status) => {
      if (!this.#isFine(status)) return;
      this.#handle.useUserBuffer(buffer);
      this.#handle.onread = () => this.#read(streamBaseState[kReadBytesOrError]);
      this.#handle.readStart();
      events.connected();
    };
    this.#handle.setNoDelay(true);
    const status = this.#handle.connect(request, host, port);
    if (status !== 0) process.nextTick(() => this.#isFine(status));
  }

  /** @param {Buffer} bytes */
  write(bytes) {
    if (this.#isClosed) return;
    const request = new WriteWrap();
    request.oncomplete = (/** @type {number} */ status) => this.#isFine(status);
    request.bytes = bytes;
    const status = this.#handle.writeBuffer(request, bytes);
    if (status !== 0 || streamBaseState[kLastWriteWasAsync] === 0) this.#isFine(status);
  }

  destroy() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handle.close(() => this.#events.closed());
  }

  /** @param {number} bytes or an error */
  #read(bytes) {
    if (bytes > 0 && !this.#isClosed) this.#events.heard(bytes);
    else if (bytes < 0 && getSystemErrorName(bytes) === EOF) this.destroy();
    else this.#isFine(bytes);
  }

  /** @param {number} status 0, or libuv's negative error number */
  #isFine(status) {
    if (status < 0 && !this.#isClosed) {
      this.#events.failed(getSystemErrorName(status));
      this.destroy();
    }
    return status >= 0 && !this.#isClosed;
  }
}
