/** Which logs are rotated and which archives go: rules that hold for any set of files. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Archive,
  archivesToDelete,
  filesToRotate,
  ROTATION_DEFAULTS,
  type RotationPolicy,
} from "../../src/core/rotation.ts";

const archive = fc.record({
  app: fc.constantFrom("a", "b"),
  nth: fc.nat(2),
  bytes: fc.nat(1000),
  at: fc.nat(100 * 86_400_000),
});
const archives = fc.array(archive, { maxLength: 40 }).map((found) =>
  found.map(
    ({ app, nth, bytes, at }, index): Archive => ({
      ...{ app, bytes, at, of: `/logs/${app}/${nth}-out.log` },
      path: `/logs/${app}/${nth}-out.log.${index}`,
    }),
  ),
);
const policy: fc.Arbitrary<RotationPolicy> = fc.record({
  maxSizeBytes: fc.nat(1000),
  maxFiles: fc.nat(6),
  maxAgeDays: fc.option(fc.nat(60)),
  maxTotalBytes: fc.nat(5000),
  minFreeBytes: fc.nat(5000),
  compress: fc.boolean(),
});
const now = { at: 100 * 86_400_000, freeBytes: Number.POSITIVE_INFINITY };

function kept(all: readonly Archive[], rules: RotationPolicy, moment = now): Archive[] {
  const gone = new Set(archivesToDelete(all, rules, moment).map(({ archive: { path } }) => path));
  return all.filter(({ path }) => !gone.has(path));
}

describe("archives", () => {
  it("that are kept keep to number, age and total", () =>
    fc.assert(
      fc.property(archives, policy, (all, rules) => {
        const left = kept(all, rules);
        for (const { of, at } of left) {
          expect(left.filter((other) => other.of === of).length).toBeLessThanOrEqual(
            rules.maxFiles,
          );
          const days = (now.at - at) / 86_400_000;
          expect(days).toBeLessThanOrEqual(rules.maxAgeDays ?? Number.POSITIVE_INFINITY);
        }
        for (const app of ["a", "b"]) {
          const total = left
            .filter((one) => one.app === app)
            .reduce((sum, one) => sum + one.bytes, 0);
          expect(total).toBeLessThanOrEqual(rules.maxTotalBytes);
        }
      }),
    ));

  it("of one file go from the oldest on, and each once", () =>
    fc.assert(
      fc.property(archives, policy, fc.nat(10_000), (all, rules, freeBytes) => {
        const moment = { ...now, freeBytes };
        const doomed = archivesToDelete(all, rules, moment).map((each) => each.archive);
        expect(new Set(doomed).size).toBe(doomed.length);
        for (const gone of doomed) {
          for (const left of kept(all, rules, moment)) {
            if (left.of === gone.of) expect(left.at).toBeGreaterThanOrEqual(gone.at);
          }
        }
      }),
    ));

  it("go while the disk is short until enough is free or none is left, and no longer", () =>
    fc.assert(
      fc.property(archives, fc.nat(5000), fc.nat(5000), (all, minFreeBytes, freeBytes) => {
        const rules = { ...ROTATION_DEFAULTS, maxFiles: 1000, maxAgeDays: null, minFreeBytes };
        const doomed = archivesToDelete(all, rules, { ...now, freeBytes });
        const free = freeBytes + doomed.reduce((sum, each) => sum + each.archive.bytes, 0);
        expect(free >= minFreeBytes || doomed.length === all.length).toBe(true);
        const last = doomed.at(-1);
        if (last) expect(free - last.archive.bytes).toBeLessThan(minFreeBytes);
        expect(doomed.every(({ why }) => why === "disk")).toBe(true);
      }),
    ));

  it("all stay where nothing is exceeded", () =>
    fc.assert(
      fc.property(archives, (all) => {
        const rules = { ...ROTATION_DEFAULTS, maxFiles: 40, maxAgeDays: null };
        expect(archivesToDelete(all, rules, now)).toEqual([]);
      }),
    ));
});

it("files are rotated from the limit on, the fullest first", () => {
  const file = (path: string, bytes: number) => ({ path, bytes });
  const files = [file("a", 99), file("b", 100), file("c", 500)];
  expect(filesToRotate(files, { maxSizeBytes: 100 }).map(({ path }) => path)).toEqual(["c", "b"]);
});
