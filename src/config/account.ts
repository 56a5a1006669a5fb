/** Reads users and groups. Pure. */

import { accept, type Kind, refuse, wholeOf } from "./kinds.ts";

/** Where the kernel's "no such id" begins. */
const HIGHEST = 4_294_967_294;
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,254}\$?$/;

/** A user or group, by name or number; digits are a number. */
export function account(what: string): Kind<string | number> {
  const expected = `the name of a ${what} or its number, 0 to ${HIGHEST}`;
  return {
    type: what,
    expected,
    read: (value) => {
      const number = wholeOf(value);
      if (number !== null && number >= 0 && number <= HIGHEST) return accept(number);
      return typeof value === "string" && NAME.test(value)
        ? accept(value)
        : refuse(value, expected);
    },
    show: String,
    schema: { anyOf: [{ type: "integer", minimum: 0, maximum: HIGHEST }, { type: "string" }] },
  };
}
