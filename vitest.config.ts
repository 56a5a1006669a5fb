import { defineConfig } from "vitest/config";
import { LeftOut } from "./test/support/left-out.ts";

/** Storms of kills, and a thousand clients with their servers: they have the machine to themselves, after all others. */
const CROWDED = [
  "test/chaos/chaos.test.ts",
  "test/promises/p09-bus.test.ts",
  "test/promises/p11-sticky.test.ts",
];

/** A file for the results as JSON, for who runs the tests more than once. */
const { TEST_REPORT } = process.env;

export default defineConfig({
  test: {
    // Real processes and signals: each file in a process of its own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    reporters: TEST_REPORT
      ? ["default", new LeftOut(), ["json", { outputFile: TEST_REPORT }]]
      : ["default", new LeftOut()],
    // The reason of a test that is left out stands above it.
    includeTaskLocation: true,
    projects: [
      {
        extends: true,
        test: {
          name: "tests",
          include: ["test/**/*.test.ts"],
          exclude: ["test/nodes/**", "**/node_modules/**", ...CROWDED],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "crowded",
          include: CROWDED,
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
        },
      },
    ],
  },
});
