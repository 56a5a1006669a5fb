/** Commands that talk on the bus, and about its queues. */

import type { Command } from "commander";
import { type Done, given, withHome } from "./command.ts";

/** Their names: whoever uses one need not wait for the others to be loaded. */
export const MESSAGING: readonly string[] = ["publish", "subscribe", "request", "enqueue", "queue"];

export function addMessaging(program: Command, done: Done): void {
  program.commandsGroup("The bus:");
  addPublish(program, done);
  addSubscribe(program, done);
  addRequest(program, done);
  addEnqueue(program, done);
  addQueue(program, done);
}

function addPublish(program: Command, done: Done): void {
  withData(withBus(program.command("publish")))
    .description("send a message to all who have subscribed to its subject")
    .option("--retain", "keep it as the subject's last value; without data: delete that")
    .option("--key <text>", "messages with the same key go to the same member of a queue by key")
    .action(async (subject: string, data: string | undefined, _flags: unknown, self: Command) => {
      const { publishCommand } = await import("../commands/publish.ts");
      done(await publishCommand(subject, data, given(self)));
    });
}

function addSubscribe(program: Command, done: Done): void {
  const timeout = "end after so long; default never";
  withBus(program.command("subscribe"), "text|ndjson", timeout)
    .description("print messages as they come, a line each, until stopped")
    .argument("<pattern>", "a subject; * stands for one word, > at the end for the rest")
    .option("--queue <name>", "share the messages with others of this name")
    .option("--count <n>", "end after so many")
    .action(async (pattern: string, _flags: unknown, self: Command) => {
      const { subscribeCommand } = await import("../commands/subscribe.ts");
      done(await subscribeCommand(pattern, given(self)));
    });
}

function addRequest(program: Command, done: Done): void {
  const timeout = "how long the answer may take; default 5s";
  withData(withBus(program.command("request"), "text|json|ndjson", timeout))
    .description("ask one who answers the subject, and print the answer")
    .option("--gather", "ask all who answer, and print a line each")
    .option("--idempotent", "it may be done twice: ask another one where the first is lost")
    .option("--key <text>", "requests with the same key go to the same one who answers by key")
    .action(async (subject: string, data: string | undefined, _flags: unknown, self: Command) => {
      const { requestCommand } = await import("../commands/request.ts");
      done(await requestCommand(subject, data, given(self)));
    });
}

function addEnqueue(program: Command, done: Done): void {
  withData(
    withBus(program.command("enqueue")),
    "<queue>",
    "its name; it is there with its first message",
  )
    .description("put a message into a durable queue; prints its id when it is stored")
    .option("--key <text>", "messages of one key are worked on one at a time, in their order")
    .option("--delay <time>", "not before")
    .option("--ttl <time>", "not after: then it is removed")
    .option("--priority <n>", "0 to 9, higher first; default 4")
    .option("--dedupe <text>", "not stored where one with the same text was not long ago")
    .option("--dedupe-window <time>", "how long ago; default 5m")
    .option("--attempts <n>", "how often it is tried; default 5")
    .action(async (queue: string, data: string | undefined, _flags: unknown, self: Command) => {
      const { enqueueCommand } = await import("../commands/queue.ts");
      done(await enqueueCommand(queue, data, given(self)));
    });
}

function addQueue(program: Command, done: Done): void {
  withBus(program.command("queue"), "table|json|ndjson")
    .description(
      "durable queues: list them, look into one, try dead letters again, remove messages",
    )
    .argument("<what>", "list, peek, retry or purge")
    .argument("[queue]", "its name; list: default all")
    .option("--state <state>", "peek, purge: messages that are ready, delayed, leased or dead")
    .option("--dead", "the same as --state dead")
    .option("--id <id>", "retry, purge: only this message")
    .option("--limit <n>", "peek: so many at most; default 10")
    .option("--force", "purge: needed, for nothing brings back what it removes")
    .action(async (what: string, queue: string | undefined, _flags: unknown, self: Command) => {
      const { queueCommand } = await import("../commands/queue.ts");
      done(await queueCommand(what, queue, given(self)));
    });
}

function withBus(
  command: Command,
  outputs = "json",
  timeout = "how long all of it may take; default 5s",
): Command {
  return withHome(command, outputs, timeout).option(
    "--connect <url>",
    "the bus at unix:/path/bus.sock; default: that of the home's supervisor",
  );
}

function withData(
  command: Command,
  first = "<subject>",
  what = "words with dots between them, such as orders.created",
): Command {
  return command
    .argument(first, what)
    .argument("[data]", "JSON, unless --text or --bytes is given")
    .option("--text", "the data is text")
    .option("--bytes", "the data is bytes")
    .option("--file <path>", "the data is in this file; - for standard input");
}
