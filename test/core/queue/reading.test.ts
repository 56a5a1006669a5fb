import { describe, expect, it } from "vitest";
import { MOST_NAMED, namedLevels, OTHERS } from "../../../src/core/queue/reading.ts";

const ONE = { ready: 1, delayed: 2, leased: 3, dead: 4 };

describe("queues as they are told", () => {
  it("are bounded: what is beyond is told together, also beside a queue of that name", () => {
    const names = Array.from({ length: MOST_NAMED + 4 }, (_each, n) => `a${1000 + n}`);
    const few = namedLevels(new Map(names.slice(0, MOST_NAMED).map((name) => [name, ONE])));
    expect([...few.keys()]).toEqual(names.slice(0, MOST_NAMED));
    const many = namedLevels(new Map([...names.reverse(), OTHERS].map((name) => [name, ONE])));
    expect(many.size).toBe(MOST_NAMED + 1);
    expect(many.get(OTHERS)).toEqual({ ready: 5, delayed: 10, leased: 15, dead: 20 });
    const early = namedLevels(new Map([...names, "A"].map((name) => [name, ONE])));
    expect(early.get("A")).toEqual(ONE);
  });
});
