/** Whether to colour, and how. Pure. */

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof CODES;

/**
 * --color and --no-color, then NO_COLOR (no-color.org: any value but the empty one), FORCE_COLOR, then
 * whether the stream is a terminal that is not "dumb".
 */
export function wantsColour(
  flags: Record<string, unknown>,
  env: Readonly<Record<string, string | undefined>>,
  stream: { readonly isTTY?: boolean },
): boolean {
  if (typeof flags.color === "boolean" && flags.colorGiven === true) return flags.color;
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return !["0", "false"].includes(env.FORCE_COLOR);
  return stream.isTTY === true && env.TERM !== "dumb";
}

export function paint(text: string, colour: Colour, isOn: boolean): string {
  return isOn ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}
