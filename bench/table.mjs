/** Figures as text. */

/**
 * Aligned columns: the first to the left, the others to the right.
 * @param {readonly (readonly string[])[]} rows
 */
export function columns(rows) {
  const widths = (rows[0] ?? []).map((_, index) =>
    Math.max(...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (/** @type {readonly string[]} */ row) =>
    widths
      .map((width, index) =>
        index === 0 ? (row[index] ?? "").padEnd(width) : (row[index] ?? "").padStart(width),
      )
      .join("   ");
  return rows.map((row) => `  ${line(row)}`.trimEnd()).join("\n");
}

/**
 * @param {number | undefined} value
 * @param {number} digits
 */
export function number(value, digits) {
  if (value === undefined || Number.isNaN(value)) return "-";
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/**
 * @param {import("./statistics.mjs").Spread | undefined} spread
 * @param {number} digits
 */
export function withSpread(spread, digits = 2) {
  if (!spread) return "-";
  const { median, min, max } = spread;
  return `${number(median, digits)} (${number(min, digits)}..${number(max, digits)})`;
}
