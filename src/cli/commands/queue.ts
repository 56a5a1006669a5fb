/** `holdfast enqueue` and `holdfast queue`: durable queues from the outside. */

import type { Bus } from "../../bus/api.ts";
import type { QueueState } from "../../bus/queue-api.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { badArgument, countIn, textsIn, timeoutIn } from "../bus/arguments.ts";
import { dataGiven } from "../bus/data-given.ts";
import { onBus } from "../bus/on-bus.ts";
import { envelope, formatOf, type OutputFormat, print } from "../bus/output.ts";
import { talkOf } from "../outcomes.ts";
import { wantsColour } from "../render/colour.ts";
import { messageFields, messageTable, queueTable } from "../render/queues.ts";

type Flags = Record<string, unknown>;

const WITHIN_MS = 5000;
const PEEKED = 10;
const STATES: readonly QueueState[] = ["ready", "delayed", "leased", "dead"];
const WHATS = { list: listQueues, peek, retry, purge } as const;

/** Prints the message's id when it is stored. Resolves with the exit status. */
export async function enqueueCommand(
  queue: string,
  word: string | undefined,
  flags: Flags,
): Promise<number> {
  const format = formatOf(flags);
  const [priority, attempts] = [countIn(flags, "priority", 0), countIn(flags, "attempts")];
  const options = {
    ...textsIn(flags, ["key", "dedupe", "delay", "ttl", "dedupeWindow"]),
    ...(priority === undefined ? {} : { priority }),
    ...(attempts === undefined ? {} : { attempts }),
  };
  const data = await dataGiven(queue, word, flags);
  const stored = await onQueues(flags, "enqueue", (bus) => bus.enqueue(queue, data, options));
  if (stored.duplicate) talkOf(flags).say(`${queue} has it already: not stored again`);
  await print(format === "text" ? `${stored.id}\n` : envelope(stored));
  return EXIT.done;
}

/** `list`, `peek`, `retry` or `purge`. Resolves with the exit status. */
export async function queueCommand(
  what: string,
  queue: string | undefined,
  flags: Flags,
): Promise<number> {
  const found = Object.entries(WHATS).find(([name]) => name === what)?.[1];
  if (!found) {
    throw badArgument("what", `received "${what}", expected ${Object.keys(WHATS).join(", ")}`);
  }
  const format = formatOf(flags, "table");
  if (found === listQueues) return listQueues(queue, flags, format);
  if (queue === undefined) throw badArgument("queue", `is missing, and ${what} needs it`);
  return found(queue, flags, format);
}

async function listQueues(
  queue: string | undefined,
  flags: Flags,
  format: OutputFormat,
): Promise<number> {
  const all = await onQueues(flags, "queue list", (bus) => bus.queues.list());
  const chosen = all.filter((each) => queue === undefined || each.queue === queue);
  if (format === "json") await print(envelope({ queues: chosen }));
  else if (format === "ndjson") await print(chosen.map(envelope).join(""));
  else if (chosen.length > 0) await print(queueTable(chosen, tableContext(flags)));
  else talkOf(flags).say(queue === undefined ? "no queue holds anything" : `${queue} is empty`);
  return EXIT.done;
}

async function peek(queue: string, flags: Flags, format: OutputFormat): Promise<number> {
  const state = stateIn(flags) ?? "ready";
  const limit = countIn(flags, "limit") ?? PEEKED;
  const found = await onQueues(flags, "queue peek", (bus) =>
    bus.queues.peek(queue, { state, limit }),
  );
  const messages = found.map(messageFields);
  if (format === "json") await print(envelope({ queue, state, messages }));
  else if (format === "ndjson") await print(messages.map(envelope).join(""));
  else if (found.length > 0) await print(messageTable(found, state, tableContext(flags)));
  else talkOf(flags).say(`no ${state} messages in ${queue}`);
  return EXIT.done;
}

async function retry(queue: string, flags: Flags): Promise<number> {
  const which = textsIn(flags, ["id"]);
  const count = await onQueues(flags, "queue retry", (bus) => bus.queues.retry(queue, which));
  return tellCount(flags, queue, count, "back in the queue", which.id);
}

async function purge(queue: string, flags: Flags): Promise<number> {
  const state = stateIn(flags);
  const which = textsIn(flags, ["id"]);
  if (flags.force !== true) {
    const all = state === undefined ? "all messages" : `all ${state} messages`;
    const meant = which.id === undefined ? all : `message ${which.id}`;
    throw badArgument("--force", `is missing, and purge removes ${meant} of ${queue} for good`);
  }
  const options = { ...(state ? { state } : {}), ...which };
  const count = await onQueues(flags, "queue purge", (bus) => bus.queues.purge(queue, options));
  return tellCount(flags, queue, count, "removed", which.id);
}

/** One that is meant by its id and is not there is a failure; to have nothing to do is none. */
function tellCount(
  flags: Flags,
  queue: string,
  count: number,
  did: string,
  id: string | undefined,
): number {
  const talk = talkOf(flags);
  talk.data({ queue, count });
  if (count === 0 && id !== undefined)
    throw new HoldfastError("HF_BUS_QUEUE_NO_MESSAGE", { queue, id });
  talk.say(`${queue}: ${count} ${count === 1 ? "message" : "messages"} ${did}`);
  return EXIT.done;
}

function onQueues<Result>(
  flags: Flags,
  command: string,
  act: (bus: Bus) => Promise<Result>,
): Promise<Result> {
  const doing = { command, timeoutMs: timeoutIn(flags, WITHIN_MS) };
  return onBus(flags, doing, act);
}

function stateIn(flags: Flags): QueueState | undefined {
  if (flags.state === undefined) return flags.dead === true ? "dead" : undefined;
  const found = STATES.find((state) => state === flags.state);
  if (found && flags.dead === true && found !== "dead")
    throw badArgument("--dead", `cannot be given together with --state ${found}`);
  if (found) return found;
  throw badArgument(
    "--state",
    `received "${String(flags.state)}", expected one of ${STATES.join(", ")}`,
  );
}

function tableContext(flags: Flags): { columns: number | null; colour: boolean; now: number } {
  const { stdout } = process;
  const columns = stdout.isTTY ? stdout.columns : null;
  return { columns, colour: wantsColour(flags, process.env, stdout), now: Date.now() };
}
