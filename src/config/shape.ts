/** Where the apps of a configuration stand: one app, a list, or under a key. Pure. */

import type { Fault } from "../errors.ts";
import { PM2_FILE_NOTES } from "./pm2.ts";
import { below, contentsOf, type Entry, received } from "./received.ts";

export interface AppPlace {
  readonly value: unknown;
  /** `apps[1]`; "" where the configuration is one app. */
  readonly at: string;
}

export interface Shape {
  /** What stands under these keys beside the apps; null where it is not there. */
  readonly admin: Entry | null;
  readonly bus: Entry | null;
  readonly heir: Entry | null;
  readonly inputs: readonly AppPlace[];
  readonly faults: readonly Fault[];
  readonly notes: readonly Fault[];
}

export const ADMIN = "admin";
export const BUS = "bus";
export const HEIR = "heir";
const NOTHING_BESIDE = { admin: null, bus: null, heir: null };

/** PM2 has `pm2` for `apps`, and takes one app for a list of one. */
export function shapeOf(input: unknown): Shape {
  const contents = contentsOf(input);
  if (contents.type === "list") return listed(contents.items, "apps");
  const entries = contents.type === "record" ? contents.entries : [];
  const apps =
    entries.find(({ key }) => key === "apps") ?? entries.find(({ key }) => key === "pm2");
  if (apps === undefined)
    return { ...NOTHING_BESIDE, inputs: [{ value: input, at: "" }], faults: [], notes: [] };
  const beside = entries.filter(
    ({ key, value, readable }) => key !== apps.key && (value !== undefined || !readable),
  );
  const found = under(apps);
  const part = (name: string): Entry | null => beside.find(({ key }) => key === name) ?? null;
  const parts = { admin: part(ADMIN), bus: part(BUS), heir: part(HEIR) };
  const taken: readonly (Entry | null)[] = Object.values(parts);
  const others = beside.filter((entry) => !taken.includes(entry));
  return { ...found, ...told(others, found.faults), ...parts };
}

function under({ key, value, readable }: Entry): Shape {
  const contents = contentsOf(value);
  if (contents.type === "list") return listed(contents.items, key);
  if (contents.type === "record") {
    return { ...NOTHING_BESIDE, inputs: [{ value, at: key }], faults: [], notes: [] };
  }
  const got = contents.type === "unusable" ? contents.why : `received ${received(value)}`;
  const message = `${readable ? got : "reading it throws an error"}, expected a list of apps`;
  return { ...NOTHING_BESIDE, inputs: [], faults: [{ path: key, message }], notes: [] };
}

function listed(items: readonly unknown[], key: string): Shape {
  const empty = { path: key, message: "the list is empty, expected at least one app" };
  return {
    ...NOTHING_BESIDE,
    inputs: items.map((value, index) => ({ value, at: `${key}[${index}]` })),
    faults: items.length === 0 ? [empty] : [],
    notes: [],
  };
}

function told(
  beside: readonly Entry[],
  faults: readonly Fault[],
): { faults: readonly Fault[]; notes: readonly Fault[] } {
  const notes = beside.flatMap(({ key }) => {
    const note = PM2_FILE_NOTES.get(key);
    return note === undefined ? [] : [{ path: key, message: note }];
  });
  const unknown = beside
    .filter(({ key }) => !PM2_FILE_NOTES.has(key) && key !== "$schema")
    .map(({ key }) => ({
      path: below("", key),
      message: 'is unknown beside "apps"; options belong to an app of the list',
    }));
  return { faults: [...unknown, ...faults], notes };
}
