/** A worker that falls silent or unwell, as a step a person follows. */
import { describe, expect, it } from "vitest";
import { stepOf } from "../../../src/cli/render/step.ts";

const of = { app: "web", slot: 1, worker: 3, pid: 42 };

describe("stepOf", () => {
  it.each([
    [
      "worker:hung",
      { kind: "hung", replaced: true },
      "web:1 pid 42 silent (hung), is being replaced",
    ],
    [
      "worker:hung",
      { kind: "debugger", replaced: false },
      "web:1 pid 42 silent (debugger), is left alone",
    ],
    ["worker:unhealthy", { fault: "/ok answered 500" }, "web:1 pid 42 unhealthy: /ok answered 500"],
    ["worker:recovered", { from: "hung" }, "web:1 pid 42 recovered"],
  ])("%s %j", (name, more, line) => expect(stepOf(name, { ...of, ...more })?.line).toBe(line));

  it("lets no fault move the cursor", () => {
    const step = stepOf("worker:unhealthy", { ...of, fault: "\u001b[2Jgone" });
    expect(step?.line).not.toContain("\u001b");
  });
});
