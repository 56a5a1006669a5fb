/** Commands that set up a machine, a shell or a project. */

import type { Command } from "commander";
import { type Done, given, withHome } from "./command.ts";

export function addSetup(program: Command, done: Done): void {
  program.commandsGroup("This machine:");
  addInit(program, done);
  addDoctor(program, done);
  addStartup(program, done);
  addCompletion(program, done);
}

function addInit(program: Command, done: Done): void {
  withHome(program.command("init"), "json")
    .description("write a configuration file to begin with, from what package.json says")
    .option("--format <format>", "mjs, json, or ecosystem (PM2 reads it, too)", "mjs")
    .option("--force", "replace a file that is there")
    .action(async (_flags: unknown, command: Command) => {
      const { initCommand } = await import("../commands/init.ts");
      done(await initCommand(given(command)));
    });
}

function addDoctor(program: Command, done: Done): void {
  withHome(program.command("doctor"), "json")
    .description("check this machine, the home and the supervisor, and say what to mend")
    .action(async (_flags: unknown, command: Command) => {
      const { doctorCommand } = await import("../commands/doctor.ts");
      done(await doctorCommand(given(command)));
    });
}

function addStartup(program: Command, done: Done): void {
  const startup = addServiceFlags(program.command("startup"))
    .description("have the supervisor come up with the machine (systemd, OpenRC, launchd)")
    .option("--print", "print the file and change nothing")
    .option("--now", "also start it now")
    .option("--group <name>", "the group apps run as; default: the user's own")
    .option("--node <path>", "the Node that runs the supervisor; default: the one of this command")
    .option("--stop-timeout <time>", "how long all apps may take to drain; default 10m")
    .option(
      "--watchdog <time>",
      "restart a supervisor that hangs for so long; 0 for never; default 1m",
    )
    .option("--keep-workers", "workers outlive a restart of the service (systemd)")
    .option("--low-ports", "let an ordinary user listen on ports below 1024")
    .option("--no-hardening", "leave out the restrictions")
    .action(async (_flags: unknown, command: Command) => {
      const { startupCommand } = await import("../commands/startup.ts");
      done(await startupCommand(given(command)));
    });
  const unstartup = addServiceFlags(program.command("unstartup"))
    .description("undo startup: stop, disable and remove the service")
    .action(async (_flags: unknown, command: Command) => {
      const { unstartupCommand } = await import("../commands/startup.ts");
      done(await unstartupCommand(given(command)));
    });
  for (const command of [startup, unstartup]) withHome(command, "json");
}

function addServiceFlags(command: Command): Command {
  return command
    .option("--user <name>", "whom the apps run as; default: who calls this, also through sudo")
    .option("--name <service>", "default: holdfast, or holdfast-<user> for others than root")
    .option("--platform <name>", "systemd, openrc or launchd; default: what runs here")
    .option("--root <directory>", "set up the system below this folder, such as an image")
    .option("--force", "also replace or remove a file that startup has not written");
}

function addCompletion(program: Command, done: Done): void {
  program
    .command("completion")
    .description("print the completion script of a shell")
    .argument("<shell>", "bash, zsh or fish")
    .action(async (shell: string) => {
      const { completionCommand } = await import("../commands/completion.ts");
      done(await completionCommand(shell));
    });
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const { completeCommand } = await import("../commands/completion.ts");
      await completeCommand(words, {}, program);
    });
}
