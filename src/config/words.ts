/** Splits a command line into words without a shell. Pure. */

const CLOSED = { word: "", inWord: false, quote: "" };

/**
 * The words of `text`: split at blanks, with 'single' and "double" quotes and backslash as in a
 * POSIX shell, and nothing else of a shell: no variables, no globs, no substitution.
 * Null where a quote is not closed.
 */
export function splitWords(text: string): readonly string[] | null {
  const words: string[] = [];
  let { word, inWord, quote } = CLOSED;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote === "" && /\s/.test(character)) {
      if (inWord) words.push(word);
      ({ word, inWord, quote } = CLOSED);
      continue;
    }
    inWord = true;
    if (escapes(character, text.charAt(at + 1), quote)) {
      at += 1;
      word += text.charAt(at);
    } else if (quote === "" && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = "";
    else word += character;
  }
  if (quote !== "") return null;
  if (inWord) words.push(word);
  return words;
}

/** Inside double quotes a backslash is one unless it stands before a quote or another backslash. */
function escapes(character: string, next: string, quote: string): boolean {
  if (character !== "\\" || next === "" || quote === "'") return false;
  return quote === "" || next === '"' || next === "\\";
}
