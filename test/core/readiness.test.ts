/** When a supervisor is ready for those around it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MinReady } from "../../src/config/app.ts";
import { type Candidate, readinessOf } from "../../src/core/readiness.ts";

type State = Candidate["slots"][number]["state"];

function app(states: readonly State[], more: Partial<Candidate> = {}): Candidate {
  const slots = states.map((state) => ({ state }));
  return {
    name: "api",
    status: "running",
    slots,
    minReady: "50%",
    isWanted: true,
    fatal: null,
    ...more,
  };
}

describe("an app is ready", () => {
  it.each([
    ["half of its workers", ["ready", "ready", "starting", "failed"], "50%", true],
    ["half, rounded up", ["ready", "starting", "starting"], "50%", false],
    ["half of three", ["ready", "ready", "starting"], "50%", true],
    ["all", ["ready", "ready", "waiting"], "100%", false],
    ["a number", ["ready", "empty", "empty"], 1, true],
    ["more than there are", ["ready", "ready"], 8, true],
    ["none", ["waiting"], 0, true],
    ["half of those whose work is not done", ["ready", "done", "done"], "50%", true],
    ["a share that is no binary fraction", Array<State>(10).fill("ready"), "33.3%", true],
  ] as const)("%s: %j with %s", (_, states, minReady, expected) => {
    const { ready, apps } = readinessOf([app(states, { minReady: minReady as MinReady })], false);
    expect(ready).toBe(expected);
    expect(apps[0]?.ready).toBe(expected);
    expect(apps[0]?.missing === null).toBe(expected);
  });

  it("says what is missing", () => {
    const found = readinessOf([app(["ready", "waiting", "failed"])], false);
    expect(found.apps).toEqual([
      {
        ...{ app: "api", ready: false, have: 1, need: 2, of: 3 },
        missing: "1 of 3 workers is ready, 2 must be",
      },
    ]);
  });

  it("not before it was started, even if nothing is asked of it", () => {
    const idle = app(["empty", "empty"], { status: "idle", minReady: 0 });
    expect(readinessOf([idle], false)).toMatchObject({
      ready: false,
      apps: [{ missing: "it has not been started yet" }],
    });
  });
});

it("an app that cannot run counts although it is stopped", () => {
  const failed = app(["empty"], { status: "stopped", fatal: "its port is taken" });
  expect(readinessOf([failed], false)).toMatchObject({
    ready: false,
    apps: [{ missing: "its port is taken" }],
  });
});

describe("an app does not count", () => {
  it.each([
    ["stopped by a person", app(["empty"], { status: "stopped" })],
    ["being stopped by a person", app(["ready"], { status: "stopping" })],
    ["started by command only", app(["empty"], { status: "idle", isWanted: false })],
    ["with its work done", app(["done", "done"])],
  ])("%s", (_, candidate) =>
    expect(readinessOf([candidate], false)).toEqual({ ready: true, stopping: false, apps: [] }),
  );
});

describe("a supervisor", () => {
  const some = fc.array(
    fc.record({
      name: fc.string(),
      status: fc.constantFrom("idle", "running", "stopping", "stopped"),
      slots: fc.array(
        fc.record({
          state: fc.constantFrom<State>("ready", "starting", "waiting", "failed", "done", "empty"),
        }),
        { maxLength: 8 },
      ),
      minReady: fc.oneof(
        fc.nat(10),
        fc.nat(100).map((share): MinReady => `${share}%`),
      ),
      isWanted: fc.boolean(),
      fatal: fc.constantFrom(null, null, "its port is taken"),
    }) as fc.Arbitrary<Candidate>,
    { maxLength: 4 },
  );

  it("is never ready while it stops", () => {
    fc.assert(fc.property(some, (apps) => !readinessOf(apps, true).ready));
  });

  it("is ready exactly if no app lacks anything, and one more ready worker never takes that away", () => {
    fc.assert(
      fc.property(some, (apps) => {
        const before = readinessOf(apps, false);
        expect(before.ready).toBe(before.apps.every(({ missing }) => missing === null));
        for (const { have, need, of } of before.apps) {
          expect(need).toBeLessThanOrEqual(of);
          expect(have).toBeLessThanOrEqual(of);
        }
        if (!before.ready) return;
        const better = apps.map((each) => ({
          ...each,
          slots: each.slots.map(
            ({ state }) => ({ state: state === "done" ? state : "ready" }) as const,
          ),
        }));
        expect(readinessOf(better, false).ready).toBe(true);
      }),
    );
  });
});
