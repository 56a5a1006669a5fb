import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startInOrder } from "../../src/supervisor/start-order.ts";

const NAMES = ["a", "b", "c", "d", "e", "f"];
const graphs = fc.dictionary(
  fc.constantFrom(...NAMES),
  fc.uniqueArray(fc.constantFrom(...NAMES, "elsewhere"), { maxLength: 4 }),
);

describe("the order of starts", () => {
  it("starts each once, circles or not, and nothing before what it depends on where there is none", async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (graph) => {
        const ended: string[] = [];
        const dependencies = (name: string) => graph[name] ?? [];
        await startInOrder(
          NAMES,
          dependencies,
          async (name) => {
            await Promise.resolve();
            ended.push(name);
            return name;
          },
          () => false,
        );
        expect([...ended].sort()).toEqual(NAMES);
        for (const name of NAMES) {
          for (const other of dependencies(name).filter((each) => NAMES.includes(each))) {
            const isCircle = reaches(dependencies, other, name);
            if (!isCircle) expect(ended.indexOf(other)).toBeLessThan(ended.indexOf(name));
          }
        }
      }),
    );
  });
  it("begins at once where nothing is to be waited for", () => {
    const begun: string[] = [];
    void startInOrder(
      ["a", "b"],
      (name) => (name === "a" ? ["b"] : []),
      async (name) => void begun.push(name),
      () => false,
    );
    expect(begun).toEqual(["b"]);
  });
});

function reaches(
  dependencies: (name: string) => readonly string[],
  from: string,
  to: string,
  seen = new Set<string>(),
): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return dependencies(from).some((next) => reaches(dependencies, next, to, seen));
}
