/** When a worker that runs counts as lost, unwell, too large or too old. Pure data. */

import { healthKind } from "../health.ts";
import { accept, duration, type Kind, optional, whole } from "../kinds.ts";
import { sizeKind } from "../memory.ts";
import type { Options } from "./option.ts";

/** A year: what is longer is as good as never. */
const LONGEST_LIFE_MS = 365 * 24 * 3_600_000;

const hangKind: Kind<number | null> = offAt0(optional(duration(250)));

/** 0 and false switch it off. */
function offAt0(kind: Kind<number | null>): Kind<number | null> {
  return {
    ...kind,
    expected: `${kind.expected}; 0 or false switches it off`,
    read: (value) =>
      value === 0 || value === "0" || value === false ? accept(null) : kind.read(value),
    schema: { anyOf: [kind.schema, { enum: [0, "0", false] }] },
  };
}

export const HEALTH_OPTIONS: Options<
  "hangTimeoutMs" | "health" | "maxMemoryHardBytes" | "maxLifetimeMs" | "maxRequests"
> = {
  hangTimeoutMs: {
    name: "hangTimeout",
    kind: hangKind,
    default: 10_000,
    why: "longer than what an app computes in one go, shorter than what its users wait",
    cli: { flag: "--hang-timeout", placeholder: "time" },
    pm2: [],
    description:
      "How long a worker's event loop may stand still before the worker is replaced, its successor first.",
    change: "reload",
  },
  health: {
    name: "health",
    kind: healthKind,
    default: null,
    why: "only the app knows a path that tells how it is",
    cli: { flag: "--health", placeholder: "http:/path" },
    pm2: [],
    description:
      "A path every worker is asked for again and again; one that fails several times in a row is replaced.",
    change: "reload",
  },
  maxMemoryHardBytes: {
    name: "maxMemoryHard",
    kind: optional(sizeKind),
    default: null,
    why: "killing loses requests, and what is too much depends on the machine",
    cli: { flag: "--max-memory-hard", placeholder: "size" },
    pm2: [],
    description: "Resident memory of a worker above which it is killed at once.",
    change: "update",
  },
  maxLifetimeMs: {
    name: "maxLifetime",
    kind: optional(duration(1000, LONGEST_LIFE_MS)),
    default: null,
    why: "a worker does not wear out by itself",
    cli: { flag: "--max-lifetime", placeholder: "time" },
    pm2: [],
    description: "How old a worker may become, give or take a tenth, before it is replaced.",
    change: "update",
  },
  maxRequests: {
    name: "maxRequests",
    kind: optional(whole(1, 1_000_000_000)),
    default: null,
    why: "a worker does not wear out by itself",
    cli: { flag: "--max-requests", placeholder: "n" },
    pm2: [],
    description:
      "How many HTTP requests a worker may answer, give or take a tenth, before it is replaced.",
    change: "reload",
  },
};
