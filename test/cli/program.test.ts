import { Command } from "commander";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Flags, given } from "../../src/cli/program/command.ts";
import { addLooking, LOOKING } from "../../src/cli/program/looking.ts";
import { addMachine } from "../../src/cli/program/machine.ts";
import { addMessaging, MESSAGING } from "../../src/cli/program/messaging.ts";
import { plainly } from "../../src/cli/program/quick.ts";
import { addRunning, withValues } from "../../src/cli/program/running.ts";
import { addSetup } from "../../src/cli/program/setup.ts";

function namesOf(...adds: ((program: Command, done: () => void) => void)[]): string[] {
  const program = new Command();
  for (const add of adds) add(program, () => {});
  return program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
}

describe("the command line", () => {
  it("knows which commands only look, so that they start without the others", () => {
    expect([...LOOKING].sort()).toEqual(namesOf(addLooking).sort());
    expect([...MESSAGING].sort()).toEqual(namesOf(addMessaging).sort());
  });
  it("has no name twice", () => {
    const names = namesOf(addRunning, addLooking, addMessaging, addMachine, addSetup);
    expect(names).toEqual([...new Set(names)]);
  });
});

interface Meant {
  readonly command: string;
  readonly words: readonly string[];
  readonly flags: Flags;
}

/** What commander makes of it; null where it shows help or a fault. */
function byCommander(argv: readonly string[]): Meant | null {
  const program = new Command();
  addLooking(program, () => {});
  let meant: Meant | null = null;
  for (const command of program.commands) {
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    command.action(() => {
      meant = { command: command.name(), words: command.args, flags: given(command) };
    });
  }
  try {
    program.parse(argv, { from: "user" });
  } catch {
    return null;
  }
  return meant;
}

describe("a command that is written plainly", () => {
  const names = ["list", "ls", "ps", "jlist", "status", "describe", "show"];

  it("is understood without commander, and as commander would", () => {
    const word = fc.constantFrom(
      ...["--home", "--timeout", "-o", "--output", "--json", "-q", "--quiet", "--color"],
      ...["--no-color", "-n", "--lines", "--columns", "--help", "-h", "--", "-", "--colour"],
      ...["-ojson", "--output=json", "-qo", "json", "api", "name,cpu", "5s", "all", ""],
      ...["__proto__", "--__proto__", "constructor"],
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(word, { maxLength: 6 }), (name, rest) => {
        const plain = plainly([name, ...rest]);
        if (plain !== null) expect(plain).toEqual(byCommander([name, ...rest]));
      }),
      { numRuns: 2000 },
    );
  });
  it.each([
    [["list"]],
    [["ls", "api", "web-*", "-o", "wide", "--no-color"]],
    [["ps", "--home", "/tmp/h", "--json", "-q", "--columns", "name,cpu"]],
    [["jlist", "--timeout", "2s"]],
    [["describe", "api", "-n", "5"]],
  ])("knows %j", (argv) => {
    expect(plainly(argv)).toEqual(byCommander(argv));
    expect(plainly(argv)).not.toBeNull();
  });
  it.each([[["list", "--help"]], [["list", "--colour"]], [["jlist", "api"]], [["logs"]], [[]]])(
    "leaves %j to commander",
    (argv) => {
      expect(plainly(argv)).toBeNull();
    },
  );
});

describe("a flag whose value may be left out", () => {
  /** The script, its arguments, and --sticky, as commander has them in the end. */
  const meant = (line: string): unknown => {
    const program = new Command();
    addRunning(program, () => {});
    const run = program.commands.find((command) => command.name() === "run");
    run?.action(() => {});
    program.parse(withValues(line.split(" ")), { from: "user" });
    return [run?.args, run?.opts<Flags>().sticky];
  };

  it.each([
    ["run --sticky server.js", [["server.js"], "true"]],
    ["run --sticky - -i 1", [["-"], "true"]],
    ["run server.js --sticky", [["server.js"], "true"]],
    ["run --sticky -i 1 server.js", [["server.js"], "true"]],
    ["run --sticky ip server.js x", [["server.js", "x"], "ip"]],
    ["run --sticky=cookie server.js", [["server.js"], "cookie"]],
    ["run server.js --sticky header:x-room x", [["server.js", "x"], "header:x-room"]],
    ["run server.js -- --sticky y", [["server.js", "--sticky", "y"], undefined]],
    ["run --sticky -- server.js", [["server.js"], "true"]],
  ])("%s", (line, expected) => expect(meant(line)).toEqual(expected));
});
