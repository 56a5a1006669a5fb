/** Commands that look: what runs, how it is, what it wrote. */

import type { Command } from "commander";
import { type Done, given, withHome } from "./command.ts";

/** Their names and aliases: whoever uses one need not wait for the others to be loaded. */
export const LOOKING: readonly string[] = [
  ...["list", "ls", "ps", "jlist", "status", "describe", "show", "env"],
  ...["logs", "log", "flush", "events", "wait", "signal", "sendSignal", "metrics"],
];

export function addLooking(program: Command, done: Done): void {
  program.commandsGroup("See:");
  addLists(program, done);
  addLogs(program, done);
  addEvents(program, done);
}

function addLists(program: Command, done: Done): void {
  withHome(program.command("list").aliases(["ls", "ps"]), "table|wide|json|ndjson|name")
    .description("all apps, a line each")
    .argument("[targets...]", "only these")
    .option("--columns <names>", "of the table only these, in this order, such as name,state,cpu")
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { listCommand } = await import("../commands/look.ts");
      done(await listCommand(words, given(command)));
    });
  withHome(program.command("jlist"))
    .description("all apps in the shape of pm2 jlist")
    .action(async (_flags: unknown, command: Command) => {
      const { jlistCommand } = await import("../commands/look.ts");
      done(await jlistCommand(given(command)));
    });
  withHome(program.command("status").aliases(["describe", "show"]))
    .description("apps on a screen each: state, last exit, what happens next, last lines")
    .argument("[targets...]", "default: all")
    .option("-n, --lines <n>", "how many last lines", "10")
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { statusCommand } = await import("../commands/look.ts");
      done(await statusCommand(words, given(command)));
    });
  withHome(program.command("env"))
    .description("the variables apps are started with; values are hidden")
    .argument("<targets...>")
    .option("--show", "show values")
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { envCommand } = await import("../commands/look.ts");
      done(await envCommand(words, given(command)));
    });
}

function addLogs(program: Command, done: Done): void {
  withHome(program.command("logs").alias("log"))
    .description("what apps wrote")
    .argument("[targets...]", "names, name:slot, namespaces, patterns; default: all")
    .option("-f, --follow", "go on with what comes")
    .option("-n, --lines <n>", "how many last lines, or all")
    .option("--since <time>", "10m, 2h, or a date")
    .option("--until <time>", "10m, 2h, or a date")
    .option("--grep <pattern>", "lines that hold this text, or match /this/i")
    .option("--level <level>", "JSON lines of this level and worse")
    .option("--err", "only what was written to stderr")
    .option("--out", "only what was written to stdout")
    .option("--raw", "as it was written, without names")
    .option("--no-prefix", "no names before lines")
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { logsCommand } = await import("../commands/logs.ts");
      done(await logsCommand(words, given(command)));
    });
  withHome(program.command("flush"))
    .description("empty logs and delete their archives")
    .argument("[targets...]", "default: all")
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { flushCommand } = await import("../commands/logs.ts");
      done(await flushCommand(words, given(command)));
    });
}

function addEvents(program: Command, done: Done): void {
  withHome(program.command("events"))
    .description("what happens, a line of JSON each, until stopped")
    .argument("[targets...]", "default: all")
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { eventsCommand } = await import("../commands/operate.ts");
      done(await eventsCommand(words, given(command)));
    });
  withHome(program.command("metrics"))
    .description("what Prometheus would be told now, also where no admin server is")
    .option("--openmetrics", "as OpenMetrics")
    .action(async (_flags: unknown, command: Command) => {
      const { metricsCommand } = await import("../commands/metrics.ts");
      done(await metricsCommand(given(command)));
    });
  withHome(program.command("wait"))
    .description("wait until apps are ready, or stopped")
    .argument("<targets...>")
    .option("--for <state>", "ready or stopped", "ready")
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { waitCommand } = await import("../commands/operate.ts");
      done(await waitCommand(words, given(command)));
    });
  withHome(program.command("signal").alias("sendSignal"))
    .description("send a signal to workers")
    .argument("<signal>")
    .argument("<targets...>")
    .action(async (signal: string, words: string[], _flags: unknown, command: Command) => {
      const { signalCommand } = await import("../commands/operate.ts");
      done(await signalCommand(signal, words, given(command)));
    });
}
