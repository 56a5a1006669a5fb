/** Instants and patterns as people write them on a command line. */

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * "10m" (ago), "2026-11-21", "2026-11-21T07:00" (local time) or with a zone, as milliseconds since 1970;
 * null where the text is none of these.
 */
export function instantOf(text: string, now: number): number | null {
  const ago = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  if (ago) return now - Number(ago[1]) * (UNITS_MS[ago[2] ?? ""] ?? 0);
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return null;
  const at = Date.parse(text.trim().replace(" ", "T"));
  return Number.isNaN(at) ? null : at;
}

/** `/timeout|refused/i` is a regular expression, anything else is looked for as it stands. Throws SyntaxError. */
export function patternOf(text: string): RegExp {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/.exec(text) ?? [];
  if (source !== undefined) return new RegExp(source, flags);
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}
