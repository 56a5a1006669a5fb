/** Reads addresses and networks of proxies: IPv4 and IPv6, with or without a prefix length. Pure. */

import { accept, type Kind, refuse } from "./kinds.ts";

/** What a word stands for: this machine, and what is routed on no public network. */
const WORDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["loopback", ["127.0.0.0/8", "::1/128"]],
  [
    "private",
    [
      ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"],
      ...["fc00::/7", "fe80::/10"],
    ],
  ],
]);

const EXPECTED =
  'an IPv4 or IPv6 address, a network such as "10.0.0.0/8" or "fd00::/8", "loopback" or "private"';
/** Six groups of four, an IPv4 address, and a prefix length. */
const LONGEST = 49;
const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/;
const PREFIX = /^(?:0|[1-9]\d{0,2})$/;
const IPV6_GROUPS = 8;
/** Of an IPv4 address inside IPv6, `::ffff:0:0/96`. */
const MAPPED_BITS = 96;

/** The networks one word, address or network stands for, each in lower case and IPv4 never as IPv6. */
export const networksKind: Kind<readonly string[]> = {
  type: "network",
  expected: EXPECTED,
  read: (value) => {
    if (typeof value !== "string" || value.length > LONGEST) return refuse(value, EXPECTED);
    const network = networkOf(value.toLowerCase());
    const networks = WORDS.get(value) ?? (network === null ? null : [network]);
    return networks === null ? refuse(value, EXPECTED) : accept(networks);
  },
  show: (value) => value.join(" "),
  schema: { type: "string", pattern: "^(loopback|private|[0-9A-Fa-f:.]{2,45}(/\\d{1,3})?)$" },
};

/** `text` where it is an address or a network, null where it is neither. */
function networkOf(text: string): string | null {
  const [address = "", prefix, ...rest] = text.split("/");
  if (rest.length > 0 || (prefix !== undefined && !PREFIX.test(prefix))) return null;
  const bits = prefix === undefined ? null : Number(prefix);
  if (octetsOf(address) !== null) return bits === null || bits <= 32 ? text : null;
  const groups = groupsOf(address);
  if (groups === null || (bits !== null && bits > 128)) return null;
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (!isMapped) return text;
  // It would be neither of IPv4 nor of IPv6.
  if (bits !== null && bits < MAPPED_BITS) return null;
  const plain = [high >> 8, high & 255, low >> 8, low & 255].join(".");
  return bits === null ? plain : `${plain}/${bits - MAPPED_BITS}`;
}

/** Decimal and without leading zeros, which some would take for octal. */
function octetsOf(text: string): readonly number[] | null {
  const parts = text.split(".");
  const isAddress = parts.length === 4 && parts.every((part) => OCTET.test(part));
  const octets = parts.map(Number);
  return isAddress && octets.every((octet) => octet <= 255) ? octets : null;
}

/** The eight groups of an IPv6 address; `::` once, and IPv4 at the end, may stand for some. */
function groupsOf(text: string): readonly number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head = "", tail] = halves;
  const left = partOf(head, tail === undefined);
  const right = tail === undefined ? [] : partOf(tail, true);
  if (left === null || right === null) return null;
  const missing = IPV6_GROUPS - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  return [...left, ...Array.from({ length: missing }, () => 0), ...right];
}

function partOf(text: string, isLast: boolean): readonly number[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  const octets = isLast ? octetsOf(parts.at(-1) ?? "") : null;
  const groups = octets === null ? parts : parts.slice(0, -1);
  if (!groups.every((group) => GROUP.test(group))) return null;
  const [a = 0, b = 0, c = 0, d = 0] = octets ?? [];
  const end = octets === null ? [] : [a * 256 + b, c * 256 + d];
  return [...groups.map((group) => Number.parseInt(group, 16)), ...end];
}
