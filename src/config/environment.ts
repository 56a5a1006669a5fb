/** Reads an app's environment variables. Pure. */

import {
  accept,
  fault,
  isText,
  type Kind,
  LONGEST_STRING,
  pattern,
  type Reading,
} from "./kinds.ts";
import { below, contentsOf, type Entry, received } from "./received.ts";

/** The name of one variable. */
export const variableName: Kind<string> = pattern(
  "name of a variable",
  /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  'the name of an environment variable: letters, digits and "_", not starting with a digit',
);

/**
 * Environment variables: an object, or a list of `NAME=value`. Numbers and booleans become text, as
 * PM2 does it (`PORT: 3000`). Messages name the variable, never its value: it may be a secret.
 */
export function variables(): Kind<Readonly<Record<string, string>>> {
  const expected = "an object of names and strings, or a list of NAME=value";
  return {
    type: "environment",
    expected,
    read: (value) => {
      const contents = contentsOf(value);
      if (contents.type === "unusable") return fault(`${contents.why}; expected ${expected}`);
      if (contents.type === "plain") {
        return fault(
          `received ${typeof value === "string" ? "a string" : received(value)}, expected ${expected}`,
        );
      }
      const read =
        contents.type === "list"
          ? contents.items.map(assignment)
          : contents.entries.filter(isGiven).map(variable);
      const faults = read.flatMap((each) => (each.ok ? [] : each.faults));
      if (faults.length > 0) return { ok: false, faults };
      return accept(Object.fromEntries(read.flatMap((each) => (each.ok ? [each.value] : []))));
    },
    show: (value) => (Object.keys(value).length === 0 ? "none" : Object.keys(value).join(" ")),
    schema: {
      anyOf: [
        { type: "object", additionalProperties: { type: ["string", "number", "boolean"] } },
        { type: "array", items: { type: "string", pattern: "^[^=]+=" } },
      ],
    },
  };
}

/** `{ KEY: process.env.KEY }` of a variable that is not set. */
function isGiven({ value, readable }: Entry): boolean {
  return !readable || value !== undefined;
}

type Variable = readonly [name: string, value: string];

function assignment(item: unknown, index: number): Reading<Variable> {
  const at = typeof item === "string" ? item.indexOf("=") : -1;
  if (typeof item !== "string" || at < 1) {
    return fault("expected NAME=value", `[${index}]`);
  }
  return variable({ key: item.slice(0, at), value: item.slice(at + 1), readable: true });
}

function variable(entry: Entry): Reading<Variable> {
  const { key, value, readable } = entry;
  const at = below("", key);
  const where = at.startsWith("[") ? at : `.${at}`;
  if (!readable) return fault("reading it throws an error; expected a string", where);
  // An object with this key is a trap for whoever copies it property by property.
  if (key === "__proto__" || key === "" || key.includes("=")) {
    return fault('is no name for a variable: expected one without "=", not "__proto__"', where);
  }
  const plain = typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
  const text = plain ? String(value) : value;
  if (typeof text === "string" && isText(`${key}=${text}`, LONGEST_STRING))
    return accept([key, text]);
  const got =
    typeof text === "string" ? "a string that is too long or holds a NUL" : received(text);
  return fault(`received ${got}, expected a string, number or boolean`, where);
}
