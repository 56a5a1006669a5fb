import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppOptions } from "../../src/config/app.ts";
import { OPTIONS, type Option } from "../../src/config/options.ts";
import { parseApp } from "../../src/config/parse.ts";
import { describePlan, type PlanStep, planChanges } from "../../src/config/plan.ts";

function app(name: string, input: object = {}): AppOptions {
  const parsed = parseApp({ script: "a.js", name, ...input });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

const all = { prune: true };
const typeOf = (from: object, to: object) =>
  planChanges([app("a", from)], [app("a", to)], all)[0]?.type;

describe("planChanges", () => {
  it.each([
    [{}, {}, "keep"],
    [{ instances: 4 }, { instances: 6 }, "scale"],
    [{ instances: 4 }, { instances: "2..8" }, "scale"],
    [{ instances: { min: 2, max: 8 } }, { instances: "2..8" }, "keep"],
    [{ instances: 4 }, { instances: 6, drainTimeout: 1 }, "scale"],
    [{}, { drainTimeout: "1s" }, "update"],
    [{}, { namespace: "x", maxRestarts: 1 }, "update"],
    [{}, { env: { A: "1" } }, "reload"],
    [{ env: { A: "1", B: "2" } }, { env: { B: "2", A: "1" } }, "keep"],
    [{ instances: 4 }, { instances: 6, args: ["x"] }, "reload"],
  ])("%j to %j: %s", (from, to, type) => expect(typeOf(from, to)).toBe(type));

  it("starts what is new, removes what is gone only when asked, and looks where it is told to", () => {
    const running = [app("a"), app("b")];
    const wanted = [app("c"), app("a", { instances: 2 })];
    const types = (scope: { prune: boolean; only?: string[] }) =>
      planChanges(running, wanted, scope).map((step) => `${step.app} ${step.type}`);
    expect(types({ prune: true })).toEqual(["c start", "a scale", "b remove"]);
    expect(types({ prune: false })).toEqual(["c start", "a scale"]);
    expect(types({ prune: true, only: ["b", "c"] })).toEqual(["c start", "b remove"]);
  });

  it("tells each change in a line, and never a value of a variable", () => {
    const from = app("api", { instances: 4, env: { API_KEY: "s3cret", OLD: "s3cret" } });
    const to = app("api", { instances: 6, env: { API_KEY: "n3w", NEW: "n3w" }, maxMemory: "1G" });
    const plan = planChanges([from, app("gone")], [to, app("web")], all);
    expect(describePlan(plan)).toEqual([
      "api: env API_KEY changed",
      "api: env OLD removed",
      "api: env NEW added",
      "api: instances 4 -> 6",
      "api: maxMemory none -> 1G",
      "web: start, instances max",
      "gone: remove",
    ]);
    expect(JSON.stringify(plan.map(({ changes }) => changes))).not.toMatch(/s3cret|n3w/);
    expect(describePlan(planChanges([to], [to], all))).toEqual([]);
  });

  it("tells of a range as it is written", () => {
    const [fixed, range] = [app("a", { instances: 4 }), app("a", { instances: "2..8" })];
    const slower = app("a", { instances: { min: 2, max: 8, downAfter: "10m" } });
    const told = (from: AppOptions, to: AppOptions) => describePlan(planChanges([from], [to], all));
    expect(told(fixed, range)).toEqual(["a: instances 4 -> 2..8"]);
    expect(told(range, slower)).toEqual(["a: instances 2..8 -> 2..8, down after 10 m"]);
    expect(describePlan(planChanges([], [range], all))).toEqual(["a: start, instances 2..8"]);
  });

  it("says of every option what its change needs", () => {
    for (const { change } of Object.values<Option<unknown>>(OPTIONS)) {
      expect(["reload", "scale", "update"]).toContain(change);
    }
  });
});

describe("any plan", () => {
  const options = fc
    .record(
      {
        instances: fc.integer({ min: 1, max: 3 }),
        drainTimeout: fc.integer({ min: 0, max: 2 }),
        env: fc.dictionary(fc.constantFrom("A", "B", "__x"), fc.constantFrom("1", "2")),
        args: fc.array(fc.constantFrom("x", "y"), { maxLength: 2 }),
        watch: fc.constantFrom(true, false, "src"),
        outFile: fc.constantFrom(null, "/dev/null"),
      },
      { requiredKeys: [] },
    )
    .chain((input) => fc.constantFrom("a", "b", "c", "d").map((name) => app(name, input)));
  const apps = fc.uniqueArray(options, { selector: ({ name }) => name });

  const apply = (running: readonly AppOptions[], plan: readonly PlanStep[]) => {
    const result = new Map(running.map((each) => [each.name, each]));
    for (const { app: name, options: to, type } of plan) {
      if (type === "keep") continue;
      if (to === null) result.delete(name);
      else result.set(name, to);
    }
    return result;
  };

  it("makes what runs what is wanted, and is all keep the second time", () => {
    fc.assert(
      fc.property(apps, apps, (running, wanted) => {
        const after = apply(running, planChanges(running, wanted, all));
        expect(after).toEqual(new Map(wanted.map((each) => [each.name, each])));
        const again = planChanges([...after.values()], wanted, all);
        expect(again.every(({ type, changes }) => type === "keep" && changes.length === 0)).toBe(
          true,
        );
      }),
    );
  });

  it("has changes exactly where it reloads, scales or updates", () => {
    fc.assert(
      fc.property(apps, apps, (running, wanted) => {
        for (const { type, changes } of planChanges(running, wanted, all)) {
          expect(changes.length > 0).toBe(["reload", "scale", "update"].includes(type));
        }
      }),
    );
  });
});
