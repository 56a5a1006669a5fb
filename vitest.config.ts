import { defineConfig } from "vitest/config";

/** Storms of kills, and a thousand clients with their servers: they have the machine to themselves, after all others. */
const CROWDED = [
  "test/chaos/chaos.test.ts",
  "test/promises/p09-bus.test.ts",
  "test/promises/p11-sticky.test.ts",
];

export default defineConfig({
  test: {
    // Real processes and signals: each file in a process of its own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    reporters: ["default"],
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
