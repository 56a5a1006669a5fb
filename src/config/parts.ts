/** Reads an option that is an object of its own: known parts, each with its kind. Pure. */

import type { Fault } from "../errors.ts";
import { accept, fault, type Kind, type Reading } from "./kinds.ts";
import { below, type Entry } from "./received.ts";

/** By the name a person writes: the field it becomes, and how it is read. */
export type Parts<T> = ReadonlyMap<string, readonly [field: keyof T, kind: Kind<unknown>]>;

/** The parts that are given; every fault at once, unknown parts among them. */
export function readParts<T>(entries: readonly Entry[], parts: Parts<T>): Reading<Partial<T>> {
  const found: Partial<Record<keyof T, unknown>> = {};
  const faults: Fault[] = [];
  for (const { key, value, readable } of entries) {
    if (readable && value === undefined) continue;
    const at = below("", key);
    const where = at.startsWith("[") ? at : `.${at}`;
    const part = parts.get(key);
    if (part === undefined) {
      faults.push({ path: where, message: `is unknown, expected ${namesOf(parts)}` });
      continue;
    }
    const [field, kind] = part;
    const reading = readable ? kind.read(value) : fault("reading it throws an error");
    if (reading.ok) found[field] = reading.value;
    else faults.push(...reading.faults.map((each) => ({ ...each, path: `${where}${each.path}` })));
  }
  return faults.length > 0 ? { ok: false, faults } : accept(found as Partial<T>);
}

function namesOf(parts: Parts<never>): string {
  const names = [...parts.keys()].map((name) => `"${name}"`);
  return [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" or ");
}
