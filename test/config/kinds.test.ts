import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { variables } from "../../src/config/environment.ts";
import { choice, duration, formatDuration, whole, words } from "../../src/config/kinds.ts";
import { quote, received } from "../../src/config/received.ts";
import { editDistance, nearest } from "../../src/config/suggest.ts";
import { splitWords } from "../../src/config/words.ts";

describe("durations", () => {
  it.each([
    [0, 0],
    [1500, 1500],
    ["1500", 1500],
    ["500ms", 500],
    ["30s", 30_000],
    ["30 s", 30_000],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["24h", 86_400_000],
  ])("reads %j as %d ms", (given, value) => {
    expect(duration(0).read(given)).toEqual({ ok: true, value });
  });

  it.each([
    "",
    "s",
    "-1s",
    "1d",
    "30S",
    "1e3",
    "25h",
    -1,
    1.5,
    Number.NaN,
    Infinity,
    null,
    true,
    {},
  ])("refuses %j", (given) => {
    expect(duration(0).read(given)).toMatchObject({ ok: false });
  });

  it("holds its lower bound and says both", () => {
    expect(duration(1).read(0)).toEqual({
      ok: false,
      faults: [
        {
          path: "",
          message:
            'received 0, expected a duration from 1 ms to 24 h: milliseconds as a number, or "500ms", "30s", "2m", "1h"',
        },
      ],
    });
  });

  it("reads back what it writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400_000 }), (ms) => {
        expect(duration(0).read(formatDuration(ms))).toEqual({ ok: true, value: ms });
      }),
    );
  });
});

describe("whole numbers and choices", () => {
  it.each([
    [3, true],
    ["3", true],
    [0, true],
    [4, false],
    [-1, false],
    ["", false],
    ["3 ", false],
    [2.5, false],
    [true, false],
  ])("whole(0, 3) of %j: %j", (given, ok) => {
    expect(whole(0, 3).read(given).ok).toBe(ok);
  });

  it("takes a choice and nothing like it", () => {
    expect(choice("a", "b").read("b")).toEqual({ ok: true, value: "b" });
    expect(choice("a", "b").read("A")).toEqual({
      ok: false,
      faults: [{ path: "", message: 'received "A", expected "a" or "b"' }],
    });
  });
});

describe("words", () => {
  it.each([
    ["", []],
    ["  ", []],
    ["start -p 3000", ["start", "-p", "3000"]],
    ["--title 'a b' \"c d\"", ["--title", "a b", "c d"]],
    ['--x="a b"', ["--x=a b"]],
    ['"" x', ["", "x"]],
    ["a\\ b", ["a b"]],
    ['"a\\"b" "c\\d"', ['a"b', "c\\d"]],
    ["'a\\b'", ["a\\b"]],
    ["tail\\", ["tail\\"]],
    ["$HOME `id` *", ["$HOME", "`id`", "*"]],
  ])("splits %j", (text, expected) => {
    expect(splitWords(text)).toEqual(expected);
  });

  it("splits what was quoted back into what it was", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (list) => {
        const text = list.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
        expect(splitWords(text)).toEqual(list);
      }),
    );
  });

  it("says that a quote is open, and which item is no string", () => {
    expect(words().read("a 'b")).toMatchObject({
      ok: false,
      faults: [{ message: expect.stringContaining("a quote is not closed") }],
    });
    expect(words().read(["a", 1, "b\0"])).toEqual({
      ok: false,
      faults: [
        { path: "[1]", message: "received 1, expected a string" },
        { path: "[2]", message: 'received "b\\u0000", expected a string' },
      ],
    });
  });
});

describe("environment variables", () => {
  it("takes an object, with numbers and booleans as text", () => {
    expect(variables().read({ PORT: 3000, DEBUG: true, EMPTY: "" })).toEqual({
      ok: true,
      value: { PORT: "3000", DEBUG: "true", EMPTY: "" },
    });
  });

  it("takes a list of NAME=value; the last of one name counts", () => {
    expect(variables().read(["A=1", "B=x=y", "A=2"])).toEqual({
      ok: true,
      value: { A: "2", B: "x=y" },
    });
  });

  it("reports every fault with its path", () => {
    const env = { OK: "1", LIST: [], NONE: null, "with space": { deep: 1 }, "A=B": "x" };
    const reading = variables().read(env);
    expect(reading.ok ? [] : reading.faults.map(({ path }) => path)).toEqual([
      ".LIST",
      ".NONE",
      '["with space"]',
      '["A=B"]',
    ]);
  });

  it("never repeats a value, which may be a secret", () => {
    const secret = "hunter2";
    const readings = [
      variables().read(secret),
      variables().read([secret]),
      variables().read([`TOKEN=${secret}\0`]),
      variables().read({ TOKEN: `${secret}\0` }),
    ];
    expect(readings.every(({ ok }) => !ok)).toBe(true);
    expect(JSON.stringify(readings)).not.toContain(secret);
  });

  it("refuses __proto__, from an object and from a list", () => {
    expect(variables().read(JSON.parse('{"__proto__": "x"}')).ok).toBe(false);
    expect(variables().read(["__proto__=x"]).ok).toBe(false);
  });
});

describe("what was received", () => {
  it.each([
    ["a", '"a"'],
    ["x".repeat(1000), `"${"x".repeat(60)}..."`],
    ["\u001b[2J\u009b\u202e", '"\\u001b[2J\\u009b\\u202e"'],
    [Number.NaN, "NaN"],
    [undefined, "undefined"],
    [null, "null"],
    [[1], "a list"],
    [{}, "an object"],
    [() => 1, "a function"],
    [Symbol("x"), "a symbol"],
    [10n, "a bigint"],
  ])("%# is told as %s", (value, expected) => {
    expect(received(value)).toBe(expected);
  });

  it("holds no control character, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(quote(text)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe("did you mean", () => {
  it.each([
    ["kitten", "sitting", 3],
    ["", "abc", 3],
    ["abc", "abc", 0],
  ])("%s to %s is %d edits", (left, right, distance) => {
    expect(editDistance(left, right)).toBe(distance);
    expect(editDistance(right, left)).toBe(distance);
  });

  it("finds the nearest within two edits, and nothing beyond", () => {
    const names = ["instances", "env", "cwd"];
    expect(nearest("instanecs", names)).toBe("instances");
    expect(nearest("Instance_s", names)).toBe("instances");
    expect(nearest("envs", names)).toBe("env");
    expect(nearest("e", names)).toBeNull();
    expect(nearest("workers", names)).toBeNull();
    expect(nearest("x".repeat(1_000_000), names)).toBeNull();
  });
});
