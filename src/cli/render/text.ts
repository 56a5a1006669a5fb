/** Text that is shown on a terminal: harmless, and as wide as it looks. Pure. */

import { wideWidthOf } from "./wide.ts";

/**
 * Control characters made visible: what an app calls itself or writes must not move the cursor, colour the
 * terminal, or turn the direction of writing. The joiner is left: emoji are made with it.
 */
export function harmless(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (found) => {
    if (found === "\t") return "  ";
    if (found === JOINER) return found;
    const hex = (found.codePointAt(0) ?? 0).toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
  });
}

/** Columns the text takes: two for wide characters and emoji, none for those that combine. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return graphemes(text).reduce((sum, grapheme) => sum + columnsOf(grapheme), 0);
}

/** The text in at most so many columns, with "…" where it was cut. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const grapheme of graphemes(text)) {
    width += columnsOf(grapheme);
    if (width > columns - 1) break;
    kept += grapheme;
  }
  return columns > 0 ? `${kept}…` : "";
}

const JOINER = "\u200d";
/** One column each, our own signs among them: what needs Unicode's tables costs a command 15 ms to load them. */
const PLAIN = /^[\x20-\x7e●◐○✗…]*$/;
/** Shown as a picture: by itself, because a selector asks for it, as a keycap, or as a flag of two letters. */
const PICTURE = /^(?:\p{Emoji_Presentation}|\p{RI}{2}|\p{Emoji}\ufe0f)/u;

function graphemes(text: string): readonly string[] {
  if (PLAIN.test(text)) return [...text];
  const segments = new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text);
  return Array.from(segments, ({ segment }) => segment);
}

function columnsOf(grapheme: string): number {
  if (PICTURE.test(grapheme)) return 2;
  const visible = grapheme.replace(/^[\p{M}\p{Cf}\p{Cc}]+/u, "");
  return visible === "" ? 0 : wideWidthOf(visible.codePointAt(0) ?? 0);
}
