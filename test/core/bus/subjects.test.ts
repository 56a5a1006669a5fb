import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CACHED_SUBJECTS,
  matches,
  patternFault,
  SubjectTree,
  subjectFault,
} from "../../../src/core/bus/subjects.ts";

const token = fc.constantFrom("a", "b", "A-1", "$x", "_:");
const subject = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join("."));
const pattern = fc
  .tuple(
    fc.array(fc.oneof({ weight: 2, arbitrary: token }, fc.constant("*")), { maxLength: 5 }),
    fc.boolean(),
  )
  .map(([tokens, hasRest]) => [...tokens, ...(hasRest ? [">"] : [])])
  .filter((tokens) => tokens.length > 0)
  .map((tokens) => tokens.join("."));

/** What the words of the documentation say, as a regular expression. */
function naiveMatch(wanted: string, given: string): boolean {
  const source = wanted
    .split(".")
    .map((part) => {
      if (part === "*") return "[^.]+";
      return part === ">" ? ".+" : part.replace(/[$-]/g, "\\$&");
    })
    .join("\\.");
  return new RegExp(`^${source}$`).test(given);
}

describe("subjects and patterns", () => {
  it("match as their tokens say", () => {
    const cases: [string, string, boolean][] = [
      ["a.b", "a.b", true],
      ["a.b", "a", false],
      ["a", "a.b", false],
      ["a.*", "a.b", true],
      ["a.*", "a.b.c", false],
      ["a.>", "a", false],
      ["a.>", "a.b.c", true],
      [">", "a", true],
      ["*.b", "a.b", true],
      ["*", "a.b", false],
      ["a", "ab", false],
      ["ab", "a", false],
    ];
    for (const [wanted, given, fits] of cases) {
      expect([wanted, given, matches(wanted, given)]).toEqual([wanted, given, fits]);
    }
  });

  it("match as a naive matcher does", () => {
    fc.assert(
      fc.property(pattern, subject, (wanted, given) => {
        expect(matches(wanted, given)).toBe(naiveMatch(wanted, given));
      }),
      { numRuns: 3000 },
    );
  });

  it("say what is wrong with them", () => {
    expect(subjectFault("orders.created")).toBeNull();
    expect(subjectFault("A-Z.a_z.0:9.$x")).toBeNull();
    expect(subjectFault("a".repeat(255))).toBeNull();
    expect(subjectFault("a".repeat(256))).toMatch(/256 characters, at most 255/);
    expect(subjectFault("")).toMatch(/empty/);
    expect(subjectFault("a..b")).toMatch(/token 2 is empty/);
    expect(subjectFault("a.")).toMatch(/token 2 is empty/);
    expect(subjectFault("a b")).toMatch(/"a b" has other characters/);
    expect(subjectFault("ü.a")).toMatch(/"ü" has other characters/);
    expect(subjectFault("a\n")).toMatch(/"a\\n" has other characters/);
    expect(subjectFault("a.*")).toMatch(/"\*" may stand in a pattern only/);
    expect(subjectFault(">")).toMatch(/">" may stand in a pattern only/);
    expect(patternFault("a.*.>")).toBeNull();
    expect(patternFault(">.a")).toMatch(/last token/);
    expect(patternFault("a*")).toMatch(/"a\*" has other characters/);
    expect(patternFault("a.")).toMatch(/empty/);
  });

  it("have no fault where they are made of tokens, and each subject is a pattern", () => {
    fc.assert(
      fc.property(subject, pattern, (given, wanted) => {
        expect(subjectFault(given)).toBeNull();
        expect(patternFault(given)).toBeNull();
        expect(patternFault(wanted)).toBeNull();
        expect(subjectFault(wanted) !== null).toBe(/[*>]/.test(wanted));
      }),
    );
  });
});

/** A naive tree: a list, searched. */
type Change = { add: boolean; pattern: string; value: number };
const change: fc.Arbitrary<Change> = fc.record({
  add: fc.boolean(),
  pattern: fc.oneof(fc.constantFrom("a", "a.*", ">", "a.>", "*.b"), pattern),
  value: fc.nat(3),
});

describe("SubjectTree", () => {
  it("finds what a list finds, in the order of addition, whatever is added and removed", () => {
    const story = fc.array(fc.tuple(change, subject), { maxLength: 60 });
    fc.assert(
      fc.property(story, (steps) => {
        const tree = new SubjectTree<number>();
        let list: Change[] = [];
        for (const [step, given] of steps) {
          if (step.add) {
            tree.add(step.pattern, step.value);
            list.push(step);
          } else {
            tree.remove(step.pattern, step.value);
            const isIt = (known: Change) =>
              known.pattern === step.pattern && known.value === step.value;
            const index = list.findIndex(isIt);
            if (index >= 0) list = list.toSpliced(index, 1);
          }
          const fitting = list.filter((known) => naiveMatch(known.pattern, given));
          expect(tree.match(given)).toEqual(fitting.map((known) => known.value));
          expect(tree.search(given)).toEqual(tree.match(given));
          expect(tree.size).toBe(list.length);
        }
        for (const { pattern: left, value } of list) tree.remove(left, value);
        expect(tree.size).toBe(0);
        expect(tree.cached).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it("gives the same list for a subject until it changes", () => {
    const tree = new SubjectTree<string>();
    tree.add("a.*", "one");
    const found = tree.match("a.b");
    expect(tree.match("a.b")).toBe(found);
    tree.add("a.b", "two");
    expect(found).toEqual(["one"]);
    expect(tree.match("a.b")).toEqual(["one", "two"]);
    tree.remove("a.*", "one");
    expect(tree.match("a.b")).toEqual(["two"]);
  });

  it("has a bounded number of lists at hand", () => {
    const tree = new SubjectTree<string>();
    tree.add("a.*", "one");
    for (let number = 0; number < CACHED_SUBJECTS; number += 1) tree.match(`a.${number}`);
    expect(tree.cached).toBe(CACHED_SUBJECTS);
    expect(tree.match("a.more")).toEqual(["one"]);
    expect(tree.cached).toBe(1);
  });
});
