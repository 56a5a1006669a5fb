/** Reads what is measured of an app, and when it counts as ready for those around it. Pure. */

import type { Metrics, MinReady } from "./app.ts";
import { accept, fault, flag, type Kind, refuse, whole, wholeOf } from "./kinds.ts";
import { type Parts, readParts } from "./parts.ts";
import { contentsOf } from "./received.ts";

/** As many as an app may have instances. */
const MOST_WORKERS = 1024;
const SHARE = /^(\d{1,3}(?:\.\d{1,3})?)%$/;
const MIN_READY = `a whole number from 0 to ${MOST_WORKERS}, or a share of the instances from "0%" to "100%"`;

export const minReadyKind: Kind<MinReady> = {
  type: "number of workers",
  expected: MIN_READY,
  read: (value) => {
    const number = wholeOf(value);
    if (number !== null && number >= 0 && number <= MOST_WORKERS) return accept(number);
    const match = typeof value === "string" ? SHARE.exec(value) : null;
    const percent = Number(match?.[1] ?? "none");
    return percent <= 100 ? accept<MinReady>(`${percent}%`) : refuse(value, MIN_READY);
  },
  show: String,
  schema: {
    anyOf: [
      { type: "integer", minimum: 0, maximum: MOST_WORKERS },
      { type: "string", pattern: "^(\\d{1,15}|\\d{1,3}(\\.\\d{1,3})?%)$" },
    ],
  },
};

export const METRICS_DEFAULTS: Metrics = { merge: false, maxSeries: 2000 };

const METRICS = 'an object such as { "merge": true, "maxSeries": 2000 }, or false';
const maxSeriesKind = whole(0, 100_000);
const PARTS: Parts<Metrics> = new Map<string, readonly [keyof Metrics, Kind<unknown>]>([
  ["merge", ["merge", flag()]],
  ["maxSeries", ["maxSeries", maxSeriesKind]],
]);

export const metricsKind: Kind<Metrics | null> = {
  type: "metrics",
  expected: METRICS,
  read: (value) => {
    if (value === false || value === null) return accept(null);
    const contents = contentsOf(value);
    if (contents.type === "unusable") return fault(`${contents.why}; expected ${METRICS}`);
    if (contents.type !== "record") return refuse(value, METRICS);
    const parts = readParts(contents.entries, PARTS);
    return parts.ok ? accept({ ...METRICS_DEFAULTS, ...parts.value }) : parts;
  },
  show: (value) => (value === null ? "false" : JSON.stringify(value)),
  write: (value) => value ?? false,
  schema: {
    anyOf: [
      { enum: [false, null] },
      {
        type: "object",
        properties: { merge: { type: "boolean" }, maxSeries: maxSeriesKind.schema },
        additionalProperties: false,
      },
    ],
  },
};
