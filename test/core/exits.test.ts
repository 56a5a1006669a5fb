/** What is said of a worker that was replaced: a sentence a person can act on. */
import { describe, expect, it } from "vitest";
import { classifyExit, describeExit, type Hang } from "../../src/core/exits.ts";
import { newWorker, type Worker } from "../../src/core/worker.ts";

const worker: Worker = {
  ...newWorker({ id: 3, slot: 1, generation: 2 }, 0, 1000),
  readyAt: 5,
  settled: true,
};
const death = {
  ...{ code: null, signal: "SIGKILL", uncaught: null },
  ...{ heapExhausted: false, oomKilled: false, stopped: false },
};
const hang = (more: Partial<Hang>): Hang => ({
  ...{ silence: "hung", silentMs: 10_040, stack: null },
  ...more,
});
const said = (reason: Parameters<typeof describeExit>[1], more: object = {}, who = worker) =>
  describeExit(who, reason, { ...death, ...more }, 1000, "").replace("worker 3 (slot 1) ", "");

describe("classifyExit", () => {
  const untold = { ...death, signal: null };

  it.each([
    ["unknown", {}],
    ["clean", { code: 0 }],
    ["error", { code: 7 }],
    ["uncaught", { uncaught: "Error: no database" }],
    ["oom", { heapExhausted: true }],
    ["stopped", { stopped: true }],
    ["signal", { signal: "SIGKILL" }],
    // Others of the control group may have been killed for want of memory.
    ["unknown", { oomKilled: true }],
  ])("%s: %j", (reason, more) => expect(classifyExit({ ...untold, ...more })).toBe(reason));
});

describe("describeExit", () => {
  it.each([
    [null, "did not respond: its event loop stood still, and it was replaced"],
    [hang({}), "did not respond for 10 s: its event loop stood still; it was replaced"],
    [
      hang({
        stack: "    at spin (/a.js:1:2)\n  at b (/a.js:3:4)\nc (/a.js:5:6)\nd (/a.js:7:8)\n",
      }),
      "did not respond for 10 s: its event loop stood still in spin (/a.js:1:2), called by b (/a.js:3:4), called by c (/a.js:5:6); it was replaced",
    ],
    [
      hang({
        stack:
          "at <anonymous> (node:internal/v:1:2)\nat f (node:internal/e:3:4)\nat now (node:internal/p:5:6)\nat spin (/a.js:7:8)\nat on (/a.js:9:1)\nat emit (node:events:2:3)",
      }),
      "did not respond for 10 s: its event loop stood still in now (node:internal/p:5:6), called by spin (/a.js:7:8), called by on (/a.js:9:1); it was replaced",
    ],
    [
      hang({ stack: "at a (node:a:1:2)\nat b (node:b:1:2)" }),
      "did not respond for 10 s: its event loop stood still in a (node:a:1:2), called by b (node:b:1:2); it was replaced",
    ],
    [
      hang({ stack: "in native code or a system call (futex_wait_queue)" }),
      "did not respond for 10 s: its event loop stood still in native code or a system call (futex_wait_queue); it was replaced",
    ],
    [
      hang({ silence: "swapped", silentMs: 31_260 }),
      "did not respond for 31.3 s: its memory was on disk; it was replaced",
    ],
    [hang({ silence: "starved" }), "did not respond for 10 s: it got no CPU time; it was replaced"],
  ])("unresponsive, %j", (found, text) => expect(said("unresponsive", { hang: found })).toBe(text));

  it("a stack cannot make a sentence endless", () => {
    const stack = `${"x".repeat(5000)}\n${"y".repeat(5000)}`;
    expect(said("unresponsive", { hang: hang({ stack }) }).length).toBeLessThan(1000);
  });

  it.each([
    ["stopped", {}, "was stopped (SIGSTOP) and killed at its deadline"],
    [
      "stopped",
      { hang: hang({ silence: "stopped" }) },
      "was stopped (SIGSTOP) for 10 s, and was replaced",
    ],
    [
      "unknown",
      { signal: null },
      "ended, for a reason nobody was told (the supervisor that started it is gone)",
    ],
    ["stop", { signal: null }, "ended"],
    ["max_lifetime", {}, "was replaced because it had reached its maxLifetime"],
    ["max_requests", {}, "was replaced because it had answered its maxRequests"],
    ["memory_limit", {}, "used more memory than its limit, and was replaced"],
  ] as const)("%s %j", (reason, more, text) => expect(said(reason, more)).toBe(text));

  it("killed above the hard limit, it was not replaced first", () => {
    const killed = { ...worker, killed: "memory_limit" as const };
    expect(said("memory_limit", {}, killed)).toBe(
      "used more memory than its hard limit, and was killed",
    );
  });

  it("says when, of one whose end nobody was told", () => {
    const young = { ...worker, readyAt: null, settled: false };
    expect(said("unknown", { signal: null }, young)).toBe(
      "ended, for a reason nobody was told (the supervisor that started it is gone), before it was ready",
    );
  });
});
