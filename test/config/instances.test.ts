import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instances } from "../../src/config/app.ts";
import { instancesKind, resolveInstances } from "../../src/config/instances.ts";

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
