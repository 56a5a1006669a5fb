/** Reads whether a background supervisor has an heir: the key `heir` beside `apps`. Pure. */

import { accept, type JsonSchema, type Reading, refuse } from "./kinds.ts";

/** Where nothing is said about it. */
export const HEIR_DEFAULT = true;

/** Never throws. */
export function readHeir(value: unknown): Reading<boolean> {
  return typeof value === "boolean" ? accept(value) : refuse(value, "true or false");
}

export const HEIR_SCHEMA: JsonSchema = {
  type: "boolean",
  default: HEIR_DEFAULT,
  description:
    "Whether a standby process takes over when the background supervisor is killed, see docs/no-single-point.md.",
};
