/** Readers of lists that may also be one value, or one text with commas. Pure. */

import type { Fault } from "../errors.ts";
import { accept, fault, type Kind } from "./kinds.ts";
import { contentsOf } from "./received.ts";

/**
 * A list of what `item` reads, without repetitions. One value stands for a list of one; on a command
 * line and in a text `separator` parts the values.
 */
export function listOf<T>(
  item: Kind<T>,
  what: string,
  separator: RegExp | null = /[\s,]+/,
): Kind<readonly T[]> {
  const expected = `a list of ${what}, or one`;
  return {
    type: `list of ${what}`,
    expected,
    read: (value) => {
      const contents = contentsOf(value);
      if (contents.type === "unusable") return fault(`${contents.why}; expected ${expected}`);
      if (contents.type !== "list") return readAll(item, partsOf(value, separator), false);
      return readAll(item, contents.items, true);
    },
    show: (value) => (value.length === 0 ? "none" : value.map((each) => item.show(each)).join(" ")),
    schema: { anyOf: [{ type: "array", items: item.schema }, item.schema, { type: "string" }] },
  };
}

/** The longest text that is parted: a longer one is one value, and refused as such. */
const LONGEST = 10_000;

function partsOf(value: unknown, separator: RegExp | null): readonly unknown[] {
  if (typeof value !== "string" || separator === null || value.length > LONGEST) return [value];
  return value.split(separator).filter((part) => part !== "");
}

function readAll<T>(item: Kind<T>, values: readonly unknown[], isList: boolean) {
  const faults: Fault[] = [];
  const read: T[] = [];
  for (const [index, value] of values.entries()) {
    const reading = item.read(value);
    if (reading.ok) read.push(reading.value);
    else {
      const at = isList ? `[${index}]` : "";
      faults.push(
        ...reading.faults.map(({ path, message }) => ({ path: `${at}${path}`, message })),
      );
    }
  }
  return faults.length > 0 ? ({ ok: false, faults } as const) : accept([...new Set(read)]);
}
