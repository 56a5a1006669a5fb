import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addLooking, LOOKING } from "../../src/cli/program/looking.ts";
import { addMachine } from "../../src/cli/program/machine.ts";
import { addRunning } from "../../src/cli/program/running.ts";
import { addSetup } from "../../src/cli/program/setup.ts";

function namesOf(...adds: ((program: Command, done: () => void) => void)[]): string[] {
  const program = new Command();
  for (const add of adds) add(program, () => {});
  return program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
}

describe("the command line", () => {
  it("knows which commands only look, so that they start without the others", () => {
    expect([...LOOKING].sort()).toEqual(namesOf(addLooking).sort());
  });
  it("has no name twice", () => {
    const names = namesOf(addRunning, addLooking, addMachine, addSetup);
    expect(names).toEqual([...new Set(names)]);
  });
});
