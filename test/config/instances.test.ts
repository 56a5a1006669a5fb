import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instances } from "../../src/config/app.ts";
import { inputOf } from "../../src/config/input.ts";
import { resolveInstances } from "../../src/config/instance-count.ts";
import { boundsOf, instancesKind, sizeFor } from "../../src/config/instances.ts";
import { parseApp } from "../../src/config/parse.ts";

const instances: fc.Arbitrary<Instances> = fc.oneof(
  fc.integer({ min: -1024, max: 1024 }),
  fc.constant("max" as const),
  fc.integer({ min: 1, max: 1000 }).map((percent) => `${percent}%` as const),
);

describe("resolveInstances", () => {
  it.each([
    ["max", 8, 8],
    [3, 8, 3],
    [-1, 8, 7],
    [-1, 1, 1],
    [-9, 8, 1],
    ["50%", 8, 4],
    ["50%", 3, 2],
    ["50%", 1, 1],
    ["1%", 8, 1],
    ["12.5%", 8, 1],
    ["200%", 8, 16],
    ["1000%", 512, 1024],
    ["max", 4096, 1024],
    ["max", 0, 1],
    ["max", Number.NaN, 1],
  ] as const)("%s on %d CPUs is %d", (given, cpus, slots) => {
    expect(resolveInstances(given, cpus)).toBe(slots);
  });

  it("is always a whole number from 1 to 1024", () => {
    fc.assert(
      fc.property(instances, fc.oneof(fc.integer(), fc.double()), (given, cpus) => {
        const slots = resolveInstances(given, cpus);
        expect(Number.isInteger(slots)).toBe(true);
        expect(slots).toBeGreaterThanOrEqual(1);
        expect(slots).toBeLessThanOrEqual(1024);
      }),
    );
  });
});

describe("the option instances", () => {
  it.each([
    [4, 4],
    ["4", 4],
    ["1024", 1024],
    ["-1", -1],
    [-3, -3],
    ["max", "max"],
    ["50%", "50%"],
    ["050%", "50%"],
    ["33.3%", "33.3%"],
  ])("takes %j", (given, value) => {
    expect(instancesKind.read(given)).toEqual({ ok: true, value });
  });

  it.each([
    Number.NaN,
    10_000,
    1.5,
    "abc",
    "",
    "1.5",
    "0%",
    "1001%",
    "%",
    "1e3",
    " 4",
    null,
    [],
    {},
  ])("refuses %j, and says what came and what is expected", (given) => {
    const reading = instancesKind.read(given);
    expect(reading).toMatchObject({
      ok: false,
      faults: [{ path: "", message: expect.stringMatching(/^received .+, expected .+/) }],
    });
  });

  it.each([0, "0", -0])("refuses %j and names max", (given) => {
    expect(instancesKind.read(given)).toMatchObject({
      ok: false,
      faults: [{ message: expect.stringContaining('0 is not accepted, "max" uses every CPU') }],
    });
  });
});

const USUAL = { min: 1, max: "max", target: 0.7, upAfterMs: 10_000, downAfterMs: 300_000 };

describe("a range", () => {
  it.each([
    ["2..8", { min: 2, max: 8 }],
    ["1..max", {}],
    ["-2..200%", { min: -2, max: "200%" }],
    ["12.5%..50%", { min: "12.5%", max: "50%" }],
    ["25%..-1", { min: "25%", max: -1 }],
    [{ min: 2 }, { min: 2 }],
    [{ max: 3 }, { max: 3 }],
    [
      { min: 3, max: "3" },
      { min: 3, max: 3 },
    ],
    [
      { min: 2, target: "0.5" },
      { min: 2, target: 0.5 },
    ],
    [
      { max: 8, target: 0.9, upAfter: "5s", downAfter: 60_000 },
      { max: 8, target: 0.9, upAfterMs: 5000, downAfterMs: 60_000 },
    ],
  ])("takes %j", (given, parts) => {
    const value = { ...USUAL, ...parts };
    expect(instancesKind.read(given)).toEqual({ ok: true, value });
    expect(instancesKind.read(instancesKind.write?.(value as never))).toEqual({ ok: true, value });
  });

  it.each([
    ["8..2", "", "received 8 for min, expected at most max, which is 2"],
    ["0..2", ".min", /^received "0"; 0 is not accepted/],
    ["2..", "", /^received "2\.\.", expected a whole number .+ "2\.\.8"/],
    ["1..2..3", "", /^received "1..2..3", expected/],
    [{ min: "many" }, ".min", /^received "many", expected a whole number/],
    [{ min: 1, target: 0 }, ".target", "received 0, expected a number from 0.1 to 0.9"],
    [{ min: 1, target: 70 }, ".target", "received 70, expected a number from 0.1 to 0.9"],
    [{ min: 1, upAfter: "soon" }, ".upAfter", /^received "soon", expected a duration/],
    [{ min: 1, upAfter: "6m" }, ".downAfter", "is 5 m, expected at least upAfter, which is 6 m"],
    [{ min: 1, most: 4 }, ".most", /^is unknown, expected "min", "max", "target"/],
    [{}, "", /^received an object, expected/],
    [[1, 2], "", /^received a list, expected/],
  ])("refuses %j, and says why", (given, path, message) => {
    const told = typeof message === "string" ? message : expect.stringMatching(message);
    expect(instancesKind.read(given)).toEqual({ ok: false, faults: [{ path, message: told }] });
  });

  it.each([
    ["2..8", 4, null, 2],
    ["2..8", 4, 5, 5],
    ["2..8", 4, 1, 2],
    ["2..8", 4, 20, 8],
    ["1..max", 4, 9, 4],
    ["50%..max", 8, null, 4],
    // A machine that is smaller than thought of.
    ["4..max", 2, 9, 4],
    [3, 4, 9, 3],
  ])("%j on %d CPUs with %j workers makes %d", (given, cpus, now, size) => {
    const reading = instancesKind.read(given);
    if (!reading.ok) throw new Error("unreadable");
    expect(sizeFor(reading.value, cpus, now)).toBe(size);
    const { min, max } = boundsOf(reading.value, cpus);
    expect(min <= size && size <= max).toBe(true);
  });

  it("is shown as it is written, and what else is not as usual", () => {
    expect(instancesKind.show({ ...USUAL, min: 2, max: 8 } as never)).toBe("2..8");
    const more = { min: 2, max: 8, target: 0.5, upAfterMs: 5000, downAfterMs: 90_000 };
    expect(instancesKind.show(more)).toBe("2..8, target 0.5, up after 5 s, down after 90 s");
  });

  it("survives being written down", () => {
    const parsed = parseApp({ script: "a.js", instances: "2..8" });
    if (!parsed.ok) throw new Error("unreadable");
    const again = parseApp(JSON.parse(JSON.stringify(inputOf(parsed.value))));
    expect(again).toMatchObject({ ok: true, value: { instances: parsed.value.instances } });
  });
});
