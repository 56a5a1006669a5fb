/**
 * Where a request comes from: the socket's other end, or, as far as proxies on the way are trusted, what they say
 * of it. Whoever is not trusted could have written anything. Pure; runs for each request.
 */

import { compileNetworks, isWithin, type Networks, parseAddress } from "./internet-address.ts";

/** Addresses and networks of the proxies that are believed. */
export interface TrustedNetworks {
  readonly networks: Networks;
  /** Who comes over a UNIX socket is on this machine, as 127.0.0.1 is. */
  readonly trustsUnix: boolean;
}

/** Compiled once from `trustProxy`: addresses and CIDRs, IPv4 and IPv6. */
export function trustedNetworks(texts: readonly string[]): TrustedNetworks {
  const networks = compileNetworks(texts);
  const local = parseAddress("127.0.0.1");
  return { networks, trustsUnix: local !== null && isWithin(local, networks) };
}

/**
 * The client's address: of the socket (`peer`) and the addresses of X-Forwarded-For read from right to left, the
 * first that is not trusted, or the last one. An entry that is no address (with a port or not) ends the walk: what
 * stands left of it is nobody's word. A UNIX socket (undefined) is trusted as 127.0.0.1 is; undefined where nobody
 * else is named.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trusted: TrustedNetworks,
): string | undefined {
  let good = peer;
  if (forwardedFor === undefined || !isTrusted(peer, trusted)) return good;
  for (let end = forwardedFor.length; end >= 0; ) {
    const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(",", end - 1);
    const hop = hostOf(forwardedFor.slice(comma + 1, end).trim());
    const address = parseAddress(hop);
    if (!address) return good;
    good = hop;
    if (!isWithin(address, trusted.networks)) return good;
    end = comma;
  }
  return good;
}

/** Whether a trusted proxy says that its client speaks TLS. Of several values the first, the client's, counts. */
export function isForwardedTls(
  peer: string | undefined,
  forwardedProto: string | undefined,
  trusted: TrustedNetworks,
): boolean {
  if (forwardedProto === undefined || !isTrusted(peer, trusted)) return false;
  const comma = forwardedProto.indexOf(",");
  const first = comma < 0 ? forwardedProto : forwardedProto.slice(0, comma);
  return first.length < 64 && first.trim().toLowerCase() === "https";
}

/**
 * What an address is hashed by: IPv4 as it is, also where it came as ::ffff:1.2.3.4; of IPv6 the first 64 bits, for
 * a client changes the others at will. What is no address stands for itself.
 */
export function affinityKeyOf(address: string): string {
  if (!address.includes(":")) return address;
  const words = parseAddress(address);
  if (!words) return address;
  const [high = 0, low = 0] = words;
  if (words.length === 4) return `${high.toString(16)}:${low.toString(16)}`;
  return `${high >>> 24}.${(high >>> 16) & 255}.${(high >>> 8) & 255}.${high & 255}`;
}

function isTrusted(peer: string | undefined, { networks, trustsUnix }: TrustedNetworks): boolean {
  if (peer === undefined) return trustsUnix;
  if (networks.length === 0) return false;
  const address = parseAddress(peer);
  return address !== null && isWithin(address, networks);
}

/** An entry without its port, as some proxies add it: `1.2.3.4:80`, `[2001:db8::1]:443`. */
function hostOf(entry: string): string {
  if (entry.startsWith("[")) {
    const bracket = entry.indexOf("]");
    const isWhole = bracket > 0 && isPort(entry, bracket + 1);
    return isWhole ? entry.slice(1, bracket) : "";
  }
  const colon = entry.indexOf(":");
  const isIpv4 = colon > 0 && entry.includes(".") && colon === entry.lastIndexOf(":");
  return isIpv4 && isPort(entry, colon) ? entry.slice(0, colon) : entry;
}

/** Whether an entry ends at `at`, or in `:` and a port there. */
function isPort(entry: string, at: number): boolean {
  return at === entry.length || /^:\d{1,5}$/.test(entry.slice(at, at + 8));
}
