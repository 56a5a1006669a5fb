/** Reads when a worker counts as ready. Pure. */

import type { Ready } from "./app.ts";
import { accept, type Kind, refuse } from "./kinds.ts";

const READY =
  '"listen" (its first listening socket), "message" (process.send("ready")) or an HTTP path such as "http:/healthz"';

/** One slash only: the probe goes to the worker itself, so there is no host to name. */
const HTTP_PATH = /^http:\/(?!\/)[\x21-\x7e]{0,2000}$/;

export const readyKind: Kind<Ready> = {
  type: "readiness",
  expected: READY,
  read: (value) => {
    if (value === "listen" || value === "message") return accept(value);
    const isProbe = typeof value === "string" && HTTP_PATH.test(value);
    return isProbe ? accept(value as Ready) : refuse(value, READY);
  },
  show: (value) => value,
  schema: {
    anyOf: [{ enum: ["listen", "message"] }, { type: "string", pattern: HTTP_PATH.source }],
  },
};

/** PM2's `wait_ready`: true waits for the message, false is the default there and here. */
export const waitReadyKind: Kind<Ready> = {
  type: "boolean",
  expected: "true or false",
  read: (value) =>
    typeof value === "boolean"
      ? accept(value ? "message" : "listen")
      : refuse(value, "true or false"),
  show: (value) => String(value === "message"),
  schema: { type: "boolean" },
};
