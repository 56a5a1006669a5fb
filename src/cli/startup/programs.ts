/** What a unit that `startup` has written starts. Pure. */

/** The first two words of ExecStart=, Node and Holdfast, as they are on disk. */
export function programsIn(unit: string): readonly string[] {
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "";
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].slice(0, 2);
  return words.map(([, word = ""], index) => {
    const plain = word.replaceAll(/\\(["\\])/g, "$1").replaceAll("%%", "%");
    // Only in the first word is "$" itself.
    return index === 0 ? plain : plain.replaceAll("$$", () => "$");
  });
}
