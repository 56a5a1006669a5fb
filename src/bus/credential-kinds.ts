/** How options are read that prove who a program is. */

import { accept, fault, type Kind, refuse } from "../config/kinds.ts";
import type { SharedKey } from "../link/bus-tls.ts";

/** As the supervisor reads them, see the configuration's `bus.psk`: both sides have to see a text the same way. */
const IDENTITY = /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/;
const HEX = /^(?:[0-9A-Fa-f]{2}){16,64}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{22,86}|[A-Za-z0-9_-]{22,86})={0,2}$/;
const KEY_BYTES = { least: 16, most: 64 };

const PSK_EXPECTED = "an object of `identity` and `key`";
const KEY_EXPECTED = `\`key\` is to be ${KEY_BYTES.least} to ${KEY_BYTES.most} bytes: a Buffer, or text in hex or base64`;

/** What was received is never part of a message: it may be a secret. */
export const psk: Kind<SharedKey> = {
  type: "shared key",
  expected: PSK_EXPECTED,
  read: (value) => {
    if (typeof value !== "object" || value === null) return fault(`expected ${PSK_EXPECTED}`);
    const { identity, key, ...rest } = value as { identity?: unknown; key?: unknown };
    const unknown = Object.keys(rest);
    if (unknown.length > 0) return fault(`there is no such option in it: ${unknown[0]}`);
    if (typeof identity !== "string" || !IDENTITY.test(identity)) {
      return fault("`identity` is to be 1 to 128 printable characters");
    }
    const bytes = keyBytes(key);
    if (!bytes) return fault(KEY_EXPECTED);
    return accept({ identity, key: bytes });
  },
  show: () => "***",
  schema: {},
};

/** Text of PEM, or a Buffer of it; never a path. */
export const pem: Kind<string | Buffer> = {
  type: "PEM",
  expected: "PEM as text or a Buffer",
  read: (value) => {
    const isGiven = typeof value === "string" || Buffer.isBuffer(value);
    if (isGiven && value.includes("-----BEGIN ")) return accept(value);
    return fault("it is no PEM: pass what the file holds, as text or a Buffer, and not its path");
  },
  show: () => "***",
  schema: {},
};

const SERVER_NAME = /^[A-Za-z0-9.:_-]{1,253}$/;
const SERVER_NAME_EXPECTED = "the name or address that the supervisor's certificate is for";
export const serverName: Kind<string> = {
  type: "name",
  expected: SERVER_NAME_EXPECTED,
  read: (value) =>
    typeof value === "string" && SERVER_NAME.test(value)
      ? accept(value)
      : refuse(value, SERVER_NAME_EXPECTED),
  show: String,
  schema: {},
};

function keyBytes(key: unknown): Buffer | null {
  const { least, most } = KEY_BYTES;
  if (Buffer.isBuffer(key)) {
    const fits = key.length >= least && key.length <= most;
    return fits ? Buffer.from(key) : null;
  }
  if (typeof key !== "string") return null;
  if (HEX.test(key)) return Buffer.from(key, "hex");
  return BASE64.test(key) ? Buffer.from(key, "base64") : null;
}
