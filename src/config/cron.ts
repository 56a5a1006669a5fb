/** Reads times of repeated reloads. Pure. */

import { CronPattern } from "croner";
import { accept, fault, type Kind, refuse } from "./kinds.ts";
import { quote } from "./received.ts";

const EXPECTED =
  'five fields (minute, hour, day of month, month, day of week), a field for seconds before them if wanted, such as "0 3 * * *", or a name such as "@daily"';
const LONGEST = 200;

/** The pattern with one blank between its fields. What it means is what the library croner, PM2's too, makes of it. */
export const cronKind: Kind<string> = {
  type: "cron pattern",
  expected: EXPECTED,
  read: (value) => {
    if (typeof value !== "string" || value.length > LONGEST) return refuse(value, EXPECTED);
    const fields = value.trim().split(/\s+/);
    const isName = fields.length === 1 && /^@[a-z]+$/i.test(fields[0] ?? "");
    if (!isName && fields.length !== 5 && fields.length !== 6) return refuse(value, EXPECTED);
    const pattern = fields.join(" ");
    const reason = obstacle(pattern);
    return reason === null
      ? accept(pattern)
      : fault(`received ${quote(value)}: ${reason}; expected ${EXPECTED}`);
  },
  show: (value) => value,
  schema: { type: "string", maxLength: LONGEST },
};

/** PM2's `cron_restart`: 0 switches it off. */
export const cronRestartKind: Kind<string | null> = {
  ...cronKind,
  read: (value) =>
    value === 0 || value === "0" || value === null || value === false
      ? accept(null)
      : cronKind.read(value),
  show: (value) => value ?? "none",
  schema: { anyOf: [{ enum: [0, false, null] }, cronKind.schema] },
};

function obstacle(pattern: string): string | null {
  try {
    new CronPattern(pattern);
    return null;
  } catch (error) {
    // Its message quotes the pattern, which is quoted safely already.
    const message = error instanceof Error ? error.message : "it cannot be read";
    return quote(message.replace(/^CronPattern: /, ""))
      .slice(1, -1)
      .replaceAll('\\"', '"');
  }
}
