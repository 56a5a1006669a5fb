/** Reads how workers are asked whether they are well. Pure. */

import type { Health } from "./app.ts";
import { accept, duration, fault, type Kind, pattern, refuse, whole } from "./kinds.ts";
import { type Parts, readParts } from "./parts.ts";
import { contentsOf } from "./received.ts";

const EXPECTED =
  'an HTTP path such as "http:/healthz", null, or { "path": "http:/healthz", "interval": "10s", "timeout": "5s", "failures": 3 }';

/** One slash only, as in `ready`: the worker itself is asked, so there is no host to name. */
const HTTP_PATH = /^(?:http:)?\/(?!\/)[\x21-\x7e]{0,2000}$/;

/** Of the function an app registers, where nothing else is said. */
export const HEALTH_DEFAULTS: Health = {
  path: null,
  intervalMs: 10_000,
  timeoutMs: 5000,
  failures: 3,
};

const text = pattern("HTTP path", HTTP_PATH, 'an HTTP path such as "http:/healthz"');
const pathKind: Kind<string | null> = {
  ...text,
  read: (value) => {
    if (value === null) return accept(null);
    const reading = text.read(value);
    return reading.ok ? accept(reading.value.replace(/^http:/, "")) : reading;
  },
  show: String,
  schema: { anyOf: [{ type: "null" }, text.schema] },
};
const intervalKind = duration(100);
const timeoutKind = duration(1);
const failuresKind = whole(1, 1000);

const PARTS: Parts<Health> = new Map<string, readonly [keyof Health, Kind<unknown>]>([
  ["path", ["path", pathKind]],
  ["interval", ["intervalMs", intervalKind]],
  ["timeout", ["timeoutMs", timeoutKind]],
  ["failures", ["failures", failuresKind]],
]);

export const healthKind: Kind<Health | null> = {
  type: "health probe",
  expected: EXPECTED,
  read: (value) => {
    if (value === null || value === false) return accept(null);
    const contents = contentsOf(value);
    if (contents.type === "unusable") return fault(`${contents.why}; expected ${EXPECTED}`);
    if (contents.type === "record") {
      const parts = readParts(contents.entries, PARTS);
      return parts.ok ? accept({ ...HEALTH_DEFAULTS, ...parts.value }) : parts;
    }
    const path = text.read(value);
    if (!path.ok) return refuse(value, EXPECTED);
    return accept({ ...HEALTH_DEFAULTS, path: path.value.replace(/^http:/, "") });
  },
  show: (value) => (value === null ? "none" : (value.path ?? "the app's own function")),
  write: (value) =>
    value === null
      ? null
      : {
          path: value.path,
          interval: value.intervalMs,
          timeout: value.timeoutMs,
          failures: value.failures,
        },
  schema: {
    anyOf: [
      { type: "null" },
      { const: false },
      text.schema,
      {
        type: "object",
        properties: {
          path: pathKind.schema,
          interval: intervalKind.schema,
          timeout: timeoutKind.schema,
          failures: failuresKind.schema,
        },
        additionalProperties: false,
      },
    ],
  },
};
