import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ERRORS, type ErrorCode } from "../src/errors.ts";

/** What is told in the words of others, and how it may end. */
const ENDINGS = ["nobody answers", "nobody answers.", "nobody answers. ", "who answers?", "no!"];

/** Details for every message: each asks for some of them. */
function detailsWith(said: string, lines: readonly string[], nothing: boolean): object {
  const none = nothing ? null : 7;
  const paths = { file: "/srv/a.json", directory: "/srv", home: "/h", script: "a.js" };
  const words = { reason: said, cause: said, said, missing: said, what: said, outcome: "" };
  return {
    ...{ ...paths, log: "/h/log", socket: "/h/sock", tried: ["a.js", "b.js"] },
    ...{ app: "api", known: ["api"], action: "stop", status: "stopped", dependency: "db" },
    ...{ address: "127.0.0.1:80", holder: nothing ? null : "nginx (pid 7)", source: "env" },
    ...{ pid: 7, next: 8, line: none, version: "1.0.0", from: "1.0.0", to: "1.1.0" },
    ...{ verb: "fly", kind: "user", name: "www" },
    ...{ signal: "SIGX", step: "systemctl", afterMs: 1500 },
    ...{ subject: "a.b", who: "Worker 7", call: "bus.publish()", option: "key", fault: said },
    ...{ bytes: 2, times: 7, limitBytes: 1, queue: "mails", id: "7", attempt: 3 },
    ...{ argument: "--key", pattern: "a.>", wanted: 3, came: 1 },
    ...{ ...words, lastOutput: lines, faults: [{ path: "name", message: said }] },
  };
}

describe("every error", () => {
  // A list of faults, and a stack trace, end as they end.
  const isProse = (code: string) => !["HF_CONFIG_INVALID", "HF_BUG"].includes(code);

  it.each(Object.keys(ERRORS) as ErrorCode[])("%s speaks in whole sentences", (code) => {
    const { message, remedy } = ERRORS[code];
    const lines = fc.constantFrom([], ["its last line."]);
    fc.assert(
      fc.property(fc.constantFrom(...ENDINGS), lines, fc.boolean(), (said, last, nothing) => {
        const whole = (message as (details: unknown) => string)(detailsWith(said, last, nothing));
        const [text = ""] = whole.split("\nIts last output:");
        expect(text).not.toMatch(/undefined|null|\[object|(?<!\.)\.\.(?!\.)|[?!]\.|\.[?!]/);
        expect(text).not.toMatch(/\S {2}/);
        expect(text).toMatch(/^[A-Z/a]/);
        if (isProse(code)) expect(text).toMatch(/[^.\s][.?!]$/);
      }),
    );
    expect(remedy).toMatch(/^[A-Z`].*[^.\s]\.$/);
    expect(remedy).not.toMatch(/(?<!\.)\.\.(?!\.)| {2}/);
  });
  it("of a reload says what serves now, where something does", () => {
    const details = { app: "api", cause: "it threw.", lastOutput: [] };
    const { message } = ERRORS.HF_RELOAD_FAILED;
    expect(message({ ...details, outcome: "" })).toBe("The reload of api failed: it threw.");
    expect(message({ ...details, outcome: "Nothing has changed." })).toBe(
      "The reload of api failed: it threw. Nothing has changed.",
    );
  });
});
