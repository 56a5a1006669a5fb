import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BUS_DROPS, BUS_KINDS, BUS_RESULTS } from "../../src/core/bus/counts.ts";
import { STICKY_RESULTS } from "../../src/core/stats.ts";
import { EXIT_REASONS } from "../../src/core/worker.ts";
import {
  FAMILIES,
  FAMILY_NAMES,
  type Family,
  KILL_REASONS,
  RELOAD_RESULTS,
  WORKER_STATES,
} from "../../src/metrics/families.ts";

const page = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");

/** Name, type, labels, meaning. */
const rows = [
  ...page.matchAll(/^\| `(holdfast_\w+)`\s+\| (\w+)\s+\| (.*?)\s+\| (.*?)\s+\|$/gm),
].map(([, ...cells]) => cells);

describe("docs/metrics.md", () => {
  it("has a row for every family, as the table says, and for no other", () => {
    const wanted = FAMILY_NAMES.map((name) => {
      const { type, labels, help }: Family = FAMILIES[name];
      return [name, type, labels.map((label) => `\`${label}\``).join(", ") || "none", help];
    });
    expect(rows).toEqual(wanted);
  });

  it("names the values of labels, and no metric that is not there", () => {
    const lists = [EXIT_REASONS, KILL_REASONS, RELOAD_RESULTS, WORKER_STATES, STICKY_RESULTS];
    const ofBus = [BUS_DROPS, BUS_KINDS, BUS_RESULTS];
    for (const value of [...lists, ...ofBus].flat())
      expect(page).toMatch(new RegExp(`[\`\\s]${value}[\`\\s;.]`));
    const named = [...page.matchAll(/\bholdfast_[a-z0-9_]*[a-z0-9]/g)].map(([name]) => name);
    const known = (name: string) =>
      FAMILY_NAMES.some((family) => name.replace(/_(bucket|sum|count)$/, "") === family);
    expect(named.filter((name) => !known(name))).toEqual([]);
  });
});

describe("the table of families", () => {
  it("keeps to Prometheus' habits", () => {
    for (const name of FAMILY_NAMES) {
      const { type, help, labels }: Family = FAMILIES[name];
      expect(name.endsWith("_total")).toBe(type === "counter");
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
      expect(name).not.toMatch(/_(ms|milliseconds|percent|kb|mb)(_|$)/);
      expect(help).toMatch(/^[A-Z].*[^.]$/);
      expect(labels).not.toContain("pid");
    }
  });
});
