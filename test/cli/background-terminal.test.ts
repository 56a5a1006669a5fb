/** What commands of the background supervisor look like to a person at a terminal. */

import { describe, expect, it } from "vitest";
import { widthOf } from "../../src/cli/render/text.ts";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { terminal } from "../support/terminal.ts";

const PUPPET = fixture("puppet.mjs");
const ESCAPE = "\u001b";
const shell = terminal(["sh", "-c", 'stty cols "$COLS"; exec "$@"', "sh"]);
const program = [...(shell ?? []), process.execPath, `${projectRoot}dist/bin/holdfast.cjs`];

const COLOUR = new RegExp(`${ESCAPE}\\[\\d*m`, "g");

function plain(line: string): string {
  return line.replaceAll(COLOUR, "");
}

function lines(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => line !== "");
}

// skip: without python3 and script(1) there is no terminal to be had, which is said aloud.
describe.skipIf(shell === null)("on a terminal", () => {
  it("tables fit it, in colour, and lose their least columns first", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "a-name-that-is-not-short", "-i", "1"]);
    for (const columns of [40, 80, 120]) {
      const env = { COLS: String(columns), TERM: "xterm", NO_COLOR: "" };
      const { stdout } = await house.ok(["list"], { program, env });
      expect(stdout).toContain(`${ESCAPE}[`);
      for (const line of lines(stdout)) {
        expect(widthOf(plain(line))).toBeLessThanOrEqual(columns);
      }
      expect(stdout).toContain("STATE");
      expect(stdout.includes("ADDRESS")).toBe(columns === 120);
    }
    const noColour = { COLS: "80", TERM: "xterm", NO_COLOR: "1" };
    expect((await house.ok(["list"], { program, env: noColour })).stdout).not.toContain(ESCAPE);
  });

  it("a reload shows each worker on a line of its own that changes in place", async () => {
    await using house = new House();
    await house.ok(["start", PUPPET, "-n", "web", "-i", "2", "--min-uptime", "300ms"]);
    const env = { COLS: "80", TERM: "xterm", NO_COLOR: "1" };
    const { stdout } = await house.ok(["reload", "web"], { program, env });
    expect(stdout).toContain(`${ESCAPE}[2K`);
    expect(stdout).toMatch(new RegExp(`${ESCAPE}\\[\\dA`));
    const last = stdout.slice(stdout.lastIndexOf(`${ESCAPE}[?2026h`));
    expect(last).toContain("2/2 slots replaced");
    expect(stdout).toContain("web: reloaded, generation 2");
    const piped = await house.ok(["reload", "web"]);
    expect(piped.stderr).not.toContain(ESCAPE);
    expect(piped.stderr.split("\n").filter((line) => line.includes("ready"))).toHaveLength(2);
  });
});
