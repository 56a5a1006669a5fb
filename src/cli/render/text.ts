/** Text that is shown on a terminal: harmless, and as wide as it looks. Pure. */

/**
 * Control characters made visible: what an app calls itself or writes must not move the cursor or colour
 * the terminal.
 */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (found) => {
    if (found === "\t") return "  ";
    return `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

/** Columns the text takes: two for wide characters and emoji, none for those that combine. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text.replaceAll(COLOUR_CODE, "")) width += columnsOf(character);
  return width;
}

/** The text in so many columns, with "…" where it was cut. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text + " ".repeat(columns - widthOf(text));
  let kept = "";
  let width = 0;
  for (const character of text) {
    if (width + columnsOf(character) > columns - 1) break;
    kept += character;
    width += columnsOf(character);
  }
  return `${kept}…${" ".repeat(Math.max(0, columns - 1 - width))}`;
}

function columnsOf(character: string): number {
  if (/^\p{M}$|^\u200d$|^\ufe0f$/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** What paint() puts around text (ECMA-48 SGR). */
export const COLOUR_CODE = new RegExp(`${"\\u001b"}\\[\\d*m`, "g");

/** East Asian wide and full-width characters (UAX #11), and emoji that are shown as pictures. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}/u;
