/** Reads the kernel's tables of sockets (/proc/net/tcp, tcp6, unix; proc(5)). Pure. */

import { isIPv4, isIPv6 } from "node:net";

const LISTENING = "0A";
/** __SO_ACCEPTCON: a UNIX socket that listens. */
const ACCEPTS = 0x10000;
const ANY_V4 = "00000000";
const ANY_V6 = ANY_V4.repeat(4);
const MAPPED = "00000000000000000000ffff";

/**
 * Inodes of the sockets that listen where `address` and `port` would, the exact address before the
 * wildcards. Tables are the texts of /proc/net/tcp and tcp6. Null, "" or a host name: any address.
 */
export function listenersIn(
  tables: readonly string[],
  address: string | null,
  port: number,
  endianness: "LE" | "BE",
): readonly string[] {
  const wanted = addressHex(address);
  const portHex = port.toString(16).padStart(4, "0");
  // One expression over the text: behind a busy server it has a line for each of its last thousands of connections.
  const line = new RegExp(
    `^ *\\d+: ([0-9a-f]+):${portHex} \\S+ ${LISTENING} (?:\\S+ +){5}(\\d+)`,
    "gim",
  );
  const found = tables
    .flatMap((table) => [...table.matchAll(line)])
    .flatMap(([, raw = "", inode = "0"]) => {
      if (inode === "0") return [];
      const held = unmapped(endianness === "LE" ? swapWords(raw) : raw.toLowerCase());
      return clashes(held, wanted) ? [{ inode, exact: held === wanted }] : [];
    });
  return found
    .sort((left, right) => Number(right.exact) - Number(left.exact))
    .map(({ inode }) => inode);
}

function clashes(held: string, wanted: string | null): boolean {
  if (wanted === null || held === wanted || held === ANY_V6 || wanted === ANY_V6) return true;
  const sameFamily = held.length === wanted.length;
  return sameFamily && (held === ANY_V4 || wanted === ANY_V4);
}

/** Each 32-bit word is printed as a number of the machine. */
function swapWords(hex: string): string {
  return hex
    .toLowerCase()
    .replace(/(..)(..)(..)(..)/g, (_, a: string, b: string, c: string, d: string) => d + c + b + a);
}

/** An IPv4 address written as IPv6 is the IPv4 address. */
function unmapped(hex: string): string {
  return hex.length === 32 && hex.startsWith(MAPPED) ? hex.slice(MAPPED.length) : hex;
}

/** The bytes of an address in hexadecimal; null for what is none and may be any. */
function addressHex(address: string | null): string | null {
  const plain = address?.replace(/%.*$/, "") ?? "";
  if (isIPv4(plain)) return plain.split(".").map(byteHex).join("");
  if (!isIPv6(plain)) return null;
  // URL writes every IPv6 address the one canonical way, without a dotted tail.
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const left = head.split(":").filter(Boolean);
  const right = (tail ?? "").split(":").filter(Boolean);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  const groups = tail === undefined ? left : [...left, ...zeros, ...right];
  return unmapped(groups.map((group) => group.padStart(4, "0")).join(""));
}

function byteHex(decimal: string): string {
  return Number(decimal).toString(16).padStart(2, "0");
}

/** Inodes of the UNIX sockets bound to `path`, listening ones first, from the text of /proc/net/unix. */
export function unixSocketsIn(table: string, path: string): readonly string[] {
  const found = table.split("\n").flatMap((line) => {
    const match = /^\S+: \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/.exec(line);
    if (match === null || match[3] !== path) return [];
    const listens = (Number.parseInt(match[1] ?? "0", 16) & ACCEPTS) !== 0;
    return [{ inode: match[2] ?? "", listens }];
  });
  return found
    .sort((left, right) => Number(right.listens) - Number(left.listens))
    .map(({ inode }) => inode);
}
