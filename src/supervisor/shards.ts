/** Shards: the listening sockets of one address, bound here and open for the app's life. */

import type { ListenRequest } from "../link/agent-messages.ts";
import { bindHandle, type Handle, REUSEPORT } from "./node-internals.ts";
import { removePath } from "./socket-path.ts";

/** Every address of the machine. */
const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

export type Sockname = Readonly<Record<string, unknown>>;

/** An address that is bound. */
export interface Bindings {
  readonly sockname: Sockname;
  readonly shards: Handle[];
}

/** Whether an address can have more than one: asked once, and remembered. */
export type CanShard = () => boolean;

/** Binds an address for so many slots; libuv's negative error number where that cannot be. */
export function bindAll(
  request: ListenRequest,
  slots: number,
  canShard: CanShard,
): Bindings | number {
  // Bound alone first: SO_REUSEPORT would silently share the port with a stranger.
  const first = bindHandle(request.address, request.port, request.addressType, request.flags);
  if (typeof first === "number") return first;
  const sockname: Record<string, unknown> = {};
  first.getsockname?.(sockname);
  if (request.port === -1 || slots < 2 || !canShard()) return { sockname, shards: [first] };
  const port = Number(sockname.port);
  first.close();
  const shards: Handle[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const shard = bindShard(request, port);
    if (typeof shard !== "number") shards.push(shard);
    else if (shards.length === 0) return shard;
  }
  return { sockname, shards };
}

/** One more socket of an address that is bound; libuv's negative error number where that cannot be. */
export function bindShard(request: ListenRequest, port: number): Handle | number {
  return bindHandle(request.address, port, request.addressType, request.flags | REUSEPORT);
}

/**
 * One of the sockets of an address of before, of which `held` are there: bound anew, on the port it had. Null where
 * that cannot be, and for paths, which are bound when a worker asks for them.
 */
export function bindAgain(
  request: ListenRequest,
  sockname: Sockname,
  shards: readonly (Handle | null)[],
): Handle | null {
  if (request.port === -1) return null;
  const port = Number(sockname.port ?? request.port);
  const isFirst = shards.every((shard) => shard === null);
  const alone = isFirst
    ? bindHandle(request.address, port, request.addressType, request.flags)
    : null;
  if (typeof alone === "number") return null;
  if (shards.length === 1) return alone;
  alone?.close();
  const shard = bindShard(request, port);
  return typeof shard === "number" ? null : shard;
}

/** SO_REUSEPORT through libuv: Linux with Node 22.12 or later. Tried, not looked up. */
export function canReusePort(): boolean {
  if (process.platform !== "linux") return false;
  const first = bindHandle("127.0.0.1", 0, 4, REUSEPORT);
  if (typeof first === "number") return false;
  const name: { port?: number } = {};
  first.getsockname?.(name);
  const second = bindHandle("127.0.0.1", name.port ?? 0, 4, REUSEPORT);
  first.close();
  if (typeof second === "number") return false;
  second.close();
  // Two sockets bound and not listening prove nothing on Node 20, which ignores the flag.
  return hasReusePortFlag();
}

/** Node passes bind flags for IPv4 on, and libuv knows this one, since 22.12 (PR 55408) and 23.1. */
function hasReusePortFlag(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

/** Closes the sockets of an address, and removes its file. */
export function release(request: ListenRequest, shards: readonly (Handle | null)[]): void {
  for (const shard of shards) shard?.close();
  if (request.port === -1) removePath(String(request.address));
}

/** Whether what is bound is in the way of a request: the same path, or the same port at an address that overlaps. */
export function areInTheWay(
  { address, port }: ListenRequest,
  taken: { readonly request: ListenRequest; readonly sockname: Sockname },
): boolean {
  const isSame = taken.request.address === address;
  if (port === -1 || taken.request.port === -1) return isSame && taken.request.port === port;
  const isForAll = [address, taken.request.address].some((one) => one === null || ANY.has(one));
  return Number(taken.sockname.port) === port && (isSame || isForAll);
}

export function addressOf(request: ListenRequest, sockname: Sockname): string {
  if (request.port === -1) return String(request.address);
  const host = String(request.address ?? sockname.address ?? "*");
  const port = Number(sockname.port ?? request.port);
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The name of a socket that came from a worker, where it is the one it is said to be; null where it is another. One
 * whose name is not known has what it says.
 */
export function nameOf(
  handle: Handle,
  { port }: ListenRequest,
  expected: Sockname,
): Sockname | null {
  const found: Record<string, unknown> = {};
  const errno = handle.getsockname?.(found);
  // The handle of a path does not tell where it is.
  if (port === -1) return errno === undefined ? expected : null;
  if (errno !== 0) return null;
  if (expected.port === undefined) return found;
  return found.port === expected.port && found.address === expected.address ? expected : null;
}
