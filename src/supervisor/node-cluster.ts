/**
 * The primary's half of Node's own cluster protocol, for what the listen hook leaves to it: UDP
 * sockets and descriptors are shared as SCHED_NONE would share them, and a worker that disconnects
 * itself gets its answer. Messages: lib/internal/cluster/{child,primary}.js, Node 20 to 26.
 */

import type { ChildProcess } from "node:child_process";
import { bindUdp, type Handle, openDescriptor } from "./node-internals.ts";
import type { ClusterMessage } from "./processes.ts";

/** UV_EBADF on Linux and macOS. */
const EBADF = -9;

/** A worker, as far as it is answered. */
export interface Replier {
  /** Sends what Node's cluster module in the worker hears, unless its channel is closed. */
  reply(message: Readonly<Record<string, unknown>>, handle?: Handle): void;
}

/** Shared handles that are not shards, by key, kept until the app is gone. */
export class ClusterHandles {
  readonly #handles = new Map<string, Handle>();

  answer(message: ClusterMessage, worker: Replier): void {
    if (message.act === "queryServer") this.#share(message, worker);
    else if (message.act === "exitedAfterDisconnect") worker.reply({ ack: message.seq });
  }

  closeAll(): void {
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
  }

  #share(message: ClusterMessage, worker: Replier): void {
    const { address, port, addressType, fd, index } = message;
    // A descriptor has one handle, however often it is listened on: both would close it.
    const key = isHandedDown(fd) ? `fd:${fd}` : [address, port, addressType, index].join(":");
    const found = this.#handles.get(key) ?? create(message);
    if (typeof found === "number")
      return worker.reply({ ack: message.seq, errno: found, key, data: null });
    this.#handles.set(key, found);
    worker.reply({ ack: message.seq, errno: 0, key, data: null }, found);
  }
}

function create(message: ClusterMessage): Handle | number {
  const { address, port, addressType, fd, flags } = message as Record<string, unknown>;
  if (addressType === "udp4" || addressType === "udp6") {
    const host = typeof address === "string" ? address : addressType === "udp6" ? "::" : "0.0.0.0";
    return bindUdp(addressType, host, Number(port), Number(flags ?? 0));
  }
  // `listen({ fd })` in a cluster worker means a descriptor of the primary's.
  return isHandedDown(fd) ? openDescriptor(fd) : EBADF;
}

/**
 * Sockets that systemd hands down are the descriptors from 3 on (sd_listen_fds(3)). All others are the
 * supervisor's own: to open one of them twice ends the process when they are closed.
 */
function isHandedDown(fd: unknown): fd is number {
  const count = Number(process.env.LISTEN_FDS ?? 0);
  return typeof fd === "number" && Number.isInteger(fd) && fd >= 3 && fd < 3 + count;
}

export function replierOf(child: ChildProcess): Replier {
  const send = child.send?.bind(child) as unknown as (
    m: unknown,
    h: unknown,
    o: undefined,
    c: () => void,
  ) => boolean;
  return {
    reply(message, handle) {
      if (child.connected) send({ cmd: "NODE_CLUSTER", ...message }, handle, undefined, () => {});
    },
  };
}
