/**
 * The parts of Node the supervisor touches that are not in its documentation: binding a socket
 * without accepting from it, and the IPC channel below a ChildProcess. Old and stable (20 to 26);
 * looked for when needed, with a clear error where one is missing.
 */

import type { ChildProcess } from "node:child_process";
import dgram from "node:dgram";
import net from "node:net";
import { HoldfastError } from "../errors.ts";

/** A bound socket, or a connection, as libuv's wrapper. */
export interface Handle {
  readonly fd: number;
  close(): void;
  getsockname?(out: Record<string, unknown>): number;
}

type CreateServerHandle = (
  address: string | null | undefined,
  port: number | undefined,
  addressType: number | undefined,
  fd: number,
  flags: number,
) => Handle | number;

/** UV_TCP_REUSEPORT of libuv 1.49 and later. */
export const REUSEPORT = 2;

/** A listening socket this process inherited, such as one of systemd's. */
export function openDescriptor(fd: number): Handle | number {
  const create = (net as unknown as { _createServerHandle?: CreateServerHandle })
    ._createServerHandle;
  if (!create) throw missing("net._createServerHandle");
  return create(undefined, undefined, undefined, fd, 0);
}

/** Binds without listening. Returns the handle, or libuv's negative error number. */
export function bindHandle(
  address: string | null,
  port: number,
  addressType: number,
  flags: number,
): Handle | number {
  const create = (net as unknown as { _createServerHandle?: CreateServerHandle })
    ._createServerHandle;
  if (!create) throw missing("net._createServerHandle");
  const handle = create(address, port, addressType, -1, flags);
  if (typeof handle === "number") return handle;
  // libuv keeps EADDRINUSE to itself until listen(), but getsockname() tells.
  const errno = handle.getsockname?.({}) ?? 0;
  if (errno === 0) return handle;
  handle.close();
  return errno;
}

interface UdpHandle extends Handle {
  bind(address: string, port: number, flags: number): number;
}

/**
 * Binds a UDP socket without receiving from it. Returns the handle, or libuv's negative error number.
 * `dgram._createSocketHandle` did the same and is gone since Node 26.
 */
export function bindUdp(
  type: "udp4" | "udp6",
  address: string,
  port: number,
  flags: number,
): Handle | number {
  const socket = dgram.createSocket(type);
  const symbol = Object.getOwnPropertySymbols(socket).find(
    (key) => key.description === "state symbol",
  );
  const state = symbol && (socket as unknown as Record<symbol, { handle?: UdpHandle }>)[symbol];
  if (!state?.handle?.bind) throw missing("the handle of a dgram socket");
  const { handle } = state;
  const errno = handle.bind(address, port, flags);
  if (errno === 0) return handle;
  handle.close();
  return errno;
}

/** The channel's stream handle, whose `onread` gets the raw bytes. */
export interface ChannelHandle {
  onread: (this: ChannelHandle, bytes?: ArrayBuffer) => void;
  pendingHandle: Handle | null;
  readonly writeQueueSize: number;
  /** All bytes so far, those `onread` is being given included. */
  readonly bytesRead: number;
  readStart(): number;
  readStop(): number;
}

export function channelOf(child: ChildProcess): ChannelHandle {
  const symbol = Object.getOwnPropertySymbols(child).find(
    (key) => key.description === "kChannelHandle",
  );
  const channel = symbol && (child as unknown as Record<symbol, ChannelHandle | null>)[symbol];
  if (!channel?.onread) throw missing("the IPC channel of a child process");
  return channel;
}

function missing(what: string): HoldfastError {
  return new HoldfastError("HF_INTERNALS_CHANGED", { missing: what, version: process.version });
}
