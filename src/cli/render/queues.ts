/** Durable queues and their messages, for people and for programs. Pure. */

import type { QueuedMessage, QueueState, QueueSummary } from "../../bus/queue-api.ts";
import { FORMAT } from "../../link/bus-frames.ts";
import { type Column, renderTable, type TableOptions } from "./table.ts";
import { humanBytes, humanDuration } from "./units.ts";

const SHOWN_CHARACTERS = 120;

interface Context extends TableOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A queue a line. */
export function queueTable(queues: readonly QueueSummary[], context: Context): string {
  const count = (title: string, of: (queue: QueueSummary) => number): Column<QueueSummary> => ({
    ...{ title, priority: 0, align: "right" },
    cell: (queue) => String(of(queue)),
  });
  const columns: readonly Column<QueueSummary>[] = [
    { title: "QUEUE", priority: 0, cell: ({ queue }) => queue },
    count("READY", ({ ready }) => ready),
    count("DELAYED", ({ delayed }) => delayed),
    count("LEASED", ({ leased }) => leased),
    { ...count("DEAD", ({ dead }) => dead), colour: ({ dead }) => (dead > 0 ? "red" : "dim") },
    { title: "SIZE", priority: 2, align: "right", cell: ({ bytes }) => humanBytes(bytes) },
    {
      ...{ title: "OLDEST", priority: 1, align: "right" },
      cell: ({ oldestAt }) => (oldestAt === null ? "-" : humanDuration(context.now - oldestAt)),
    },
  ];
  return renderTable(columns, queues, context);
}

/** A message a line. Of dead letters why, of leased ones who has them, of all how their data begins. */
export function messageTable(
  messages: readonly QueuedMessage[],
  state: QueueState,
  context: Context,
): string {
  const { now } = context;
  const columns: Column<QueuedMessage>[] = [
    { title: "ID", priority: 0, cell: ({ id }) => id },
    {
      ...{ title: "AGE", priority: 1, align: "right" },
      cell: ({ enqueuedAt }) => humanDuration(now - enqueuedAt),
    },
    {
      ...{ title: "TRIED", priority: 2, align: "right" },
      cell: ({ attempt, attempts }) => `${attempt}/${attempts}`,
    },
    { title: "KEY", priority: 3, cell: ({ key }) => key ?? "-" },
  ];
  if (state === "delayed") {
    columns.push({
      title: "DUE",
      priority: 0,
      cell: ({ dueAt }) => `in ${humanDuration(dueAt - now)}`,
    });
  }
  if (state === "leased") {
    columns.push({ title: "HOLDER", priority: 0, cell: holderOf });
  }
  if (state === "dead") {
    columns.push({ title: "WHY", priority: 0, cell: whyOf, colour: () => "red" });
  }
  columns.push({ title: "DATA", priority: 0, cell: beginningOf });
  return renderTable(columns, messages, context);
}

/** `mails:0` for a worker, else the name of a program: what tells its consumers apart is for programs. */
function holderOf({ holder }: QueuedMessage): string {
  const [, kind, name = ""] = /^(\w+) (.*) \S+$/.exec(holder ?? "") ?? [];
  if (kind === undefined) return holder ?? "-";
  return kind === "worker" ? name.replace(/\/(\d+)$/, ":$1") : name;
}

function whyOf({ reason, error }: QueuedMessage): string {
  return error ? `${error.name}: ${error.message}` : (reason ?? "-");
}

/** A message in JSON: data that is whole and JSON's as `data`, all other as the bytes that were kept to be looked at. */
export function messageFields({ body, format, ...rest }: QueuedMessage): object {
  const whole = format === FORMAT.json && body.length === rest.bodyBytes ? parsed(body) : undefined;
  if (whole !== undefined) return { ...rest, data: whole };
  return format === FORMAT.none ? rest : { ...rest, base64: body.toString("base64") };
}

/** How the data begins, as text where it is JSON. */
function beginningOf({ body, format, bodyBytes }: QueuedMessage): string {
  if (format === FORMAT.none) return "-";
  if (format !== FORMAT.json) return `${humanBytes(bodyBytes)}, no JSON`;
  const text = body.toString();
  const isWhole = body.length === bodyBytes && text.length <= SHOWN_CHARACTERS;
  return isWhole ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    // What was stored damaged is shown as the bytes it is.
    return undefined;
  }
}
