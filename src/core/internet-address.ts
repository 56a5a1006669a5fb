/** IP addresses and networks (CIDR) in a form that compares. Pure. */

/** An address as 32-bit words, highest first: one of IPv4 (also where it came as ::ffff:1.2.3.4), four of IPv6. */
export type Address = readonly number[];

/** A network: its address, and how many of its leading bits count. */
interface Network {
  readonly address: Address;
  readonly bits: number;
}

export type Networks = readonly Network[];

const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;
/** The longest: eight groups, the last two as IPv4, and a zone. */
const LONGEST = 45 + 64;

/** An address from its text, the zone of an IPv6 one left out; null where it is none. */
export function parseAddress(text: string): Address | null {
  if (text.length > LONGEST) return null;
  if (!text.includes(":")) {
    const word = ipv4Word(text, 0, text.length);
    return word < 0 ? null : [word];
  }
  const zone = text.indexOf("%");
  if (zone === text.length - 1) return null;
  const groups = ipv6Groups(text, zone < 0 ? text.length : zone);
  return groups && unmapped(groups);
}

/**
 * What is trusted, compiled once from addresses and CIDRs. The reader of options has refused what is neither;
 * here such a one is left out, which trusts nobody.
 */
export function compileNetworks(texts: readonly string[]): Networks {
  return texts.flatMap((text) => {
    const network = parseNetwork(text);
    return network ? [network] : [];
  });
}

/** A network from `address` or `address/bits`; null where it is neither. */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf("/");
  const name = slash < 0 ? text : text.slice(0, slash);
  const address = parseAddress(name);
  if (!address) return null;
  const width = address.length * 32;
  if (slash < 0) return { address, bits: width };
  const given = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(given)) return null;
  // The leading 96 bits of an IPv4 address written as IPv6 are the same for all of them.
  const bits = Number(given) - (address.length === 1 && name.includes(":") ? 96 : 0);
  return bits < 0 || bits > width ? null : { address, bits };
}

/** Whether an address lies in one of the networks. */
export function isWithin(address: Address, networks: Networks): boolean {
  for (const network of networks) {
    if (network.address.length === address.length && hasPrefix(address, network)) return true;
  }
  return false;
}

function hasPrefix(address: Address, network: Network): boolean {
  let left = network.bits;
  for (let index = 0; index < address.length && left > 0; index += 1, left -= 32) {
    const difference = (address[index] as number) ^ (network.address[index] as number);
    if (left >= 32 ? difference !== 0 : difference >>> (32 - left) !== 0) return false;
  }
  return true;
}

/** The word of four decimal numbers without leading zeros, or -1. */
function ipv4Word(text: string, from: number, to: number): number {
  let word = 0;
  let at = from;
  for (let part = 0; part < 4; part += 1) {
    if (part > 0 && text.charCodeAt(at++) !== DOT) return -1;
    const start = at;
    let value = 0;
    while (at < to && at - start < 3 && isDigit(text.charCodeAt(at))) {
      value = value * 10 + text.charCodeAt(at++) - ZERO;
    }
    const hasLeadingZero = at - start > 1 && text.charCodeAt(start) === ZERO;
    if (at === start || value > 255 || hasLeadingZero) return -1;
    word = word * 256 + value;
  }
  return at === to ? word : -1;
}

/** The eight 16-bit groups of an IPv6 address that ends at `to`, or null. */
function ipv6Groups(text: string, to: number): number[] | null {
  const groups: number[] = [];
  let gap = -1;
  let at = 0;
  while (at < to) {
    if (text.charCodeAt(at) === COLON && text.charCodeAt(at + 1) === COLON && at + 1 < to) {
      if (gap >= 0) return null;
      gap = groups.length;
      at += 2;
      continue;
    }
    // Between two groups stands one colon, which a gap has taken with it.
    if (groups.length > 0 && gap !== groups.length && text.charCodeAt(at++) !== COLON) return null;
    const end = groupEnd(text, at, to);
    if (text.charCodeAt(end) === DOT && end < to) {
      const word = ipv4Word(text, at, to);
      if (word < 0) return null;
      groups.push(word >>> 16, word & 0xffff);
      at = to;
    } else {
      if (end === at || end - at > 4) return null;
      groups.push(Number.parseInt(text.slice(at, end), 16));
      at = end;
    }
  }
  if (gap < 0) return groups.length === 8 ? groups : null;
  if (groups.length > 7) return null;
  groups.splice(gap, 0, ...Array<number>(8 - groups.length).fill(0));
  return groups;
}

function groupEnd(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isHex(text.charCodeAt(at))) at += 1;
  return at;
}

/** Groups as words; those of ::ffff:0:0/96 as the IPv4 address they stand for. */
function unmapped(groups: readonly number[]): Address {
  const words = [0, 2, 4, 6].map(
    (index) => (groups[index] as number) * 0x10000 + (groups[index + 1] as number),
  );
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return isMapped ? words.slice(3) : words;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isHex(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}
