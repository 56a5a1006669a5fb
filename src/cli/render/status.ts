/** `holdfast status`: one app on one screen: how it is, since when, why, and what happens next. Pure. */

import type { AppOverview, WorkerOverview } from "../../core/overview.ts";
import { paint } from "./colour.ts";
import type { RenderContext } from "./list.ts";
import { stateColour, stateOf, stateSign } from "./state.ts";
import { type Column, renderTable } from "./table.ts";
import { harmless } from "./text.ts";
import { humanBytes, humanDuration, humanPercent, humanSince } from "./units.ts";

export interface StatusContext extends RenderContext {
  /** The last lines of its logs, oldest first. */
  readonly lastLines: readonly string[];
}

/** Parts with a blank line between them: facts, workers, last words of one that failed, the log's end. */
export function renderStatus(app: AppOverview, context: StatusContext): string {
  const { colour, now } = context;
  const state = stateOf(app);
  const sign = paint(stateSign(state), stateColour(state), colour);
  const parts = [
    [`${sign} ${paint(harmless(app.name), "bold", colour)}`, ...factLines(app, now)],
    app.workers.length > 0 ? workerLines(app, context) : [],
    lastStack(app),
    lastWords(app),
    context.lastLines.map(harmless),
  ];
  const [first = [], ...rest] = parts.filter((lines) => lines.length > 0);
  return `${[first, ...rest.map((lines) => ["", ...lines.map(indented)])].flat().join("\n")}\n`;
}

function factLines(app: AppOverview, now: number): readonly string[] {
  const { ready, instances, generation, mixed, restarts, crashes } = app;
  const facts: readonly (readonly [string, string | null])[] = [
    [
      "state",
      `${stateOf(app)}, ${ready} of ${instances}${boundsOf(app)} ready, since ${humanSince(app.since, now)}`,
    ],
    ["listens", app.addresses.join(", ") || null],
    ["script", [app.file ?? app.script, ...app.args].join(" ")],
    ["file", app.configFile],
    ["node", nodeText(app)],
    ["release", `generation ${generation}${mixed ? ", mixed: two generations serve" : ""}`],
    ["reload", reloadText(app, now)],
    ["restarts", `${restarts}, crashes ${crashes}`],
    ["last exit", exitText(app, now)],
    ["next", nextText(app)],
    ["sticky", app.sticky?.join(", ") ?? null],
    ["at stop", stopText(app)],
  ];
  return facts.flatMap(([label, text]) =>
    text === null ? [] : [indented(`${label.padEnd(9)} ${harmless(text)}`)],
  );
}

/** "22.12.0 --max-old-space-size=400, cluster workers, /usr/bin/node" */
function nodeText({ nodeVersion, nodeArgs, interpreter, execMode }: AppOverview): string {
  const facts = [nodeVersion ?? "unknown version", ...nodeArgs];
  return `${facts.join(" ")}, ${execMode} mode, ${interpreter}`;
}

function stopText({ drainTimeoutMs, shutdownMessage }: AppOverview): string {
  const told = shutdownMessage ? 'told by the message "shutdown", ' : "";
  const within = drainTimeoutMs === 0 ? "at once" : `after ${humanDuration(drainTimeoutMs)}`;
  return `${told}drains; killed with all it has started ${within} at the latest`;
}

function boundsOf({ range }: AppOverview): string {
  return range ? ` (${range.min}..${range.max})` : "";
}

function reloadText({ lastReload, reloading, workers }: AppOverview, now: number): string | null {
  if (reloading) {
    const newest = Math.max(...workers.map(({ generation }) => generation));
    const renewed = workers.filter(({ generation, settled }) => generation === newest && settled);
    return `to generation ${newest} under way, ${renewed.length} settled`;
  }
  if (!lastReload) return null;
  const { at, generation, result, cause } = lastReload;
  const how = result === "done" ? "done" : `failed (${result}): ${cause}`;
  return `to generation ${generation} ${how}, ${humanSince(at, now)}`;
}

function exitText({ lastExit }: AppOverview, now: number): string | null {
  if (!lastExit) return null;
  const { at, slot, pid, cause, reason } = lastExit;
  const who = pid === null ? "" : ` (pid ${pid})`;
  return `slot ${slot}${who}: ${cause} [${reason}], ${humanSince(at, now)}`;
}

/** What happens by itself if nobody does anything. */
function nextText({ slots, status, name }: AppOverview): string | null {
  if (status === "stopped" || status === "idle") return `nothing, until \`holdfast start ${name}\``;
  const texts = slots.flatMap(({ slot, state, retryInMs }) => {
    const when = retryInMs === null ? null : `in ${humanDuration(retryInMs)}`;
    if (state === "waiting") return [`slot ${slot} restarts ${when ?? "soon"}`];
    if (state !== "failed") return [];
    const then = when === null ? "stays down" : `tries again ${when}`;
    return [`slot ${slot} has spent its restarts and ${then}`];
  });
  return texts.length === 0 ? null : texts.join("; ");
}

function workerLines(app: AppOverview, { columns, colour }: RenderContext): readonly string[] {
  const sorted = [...app.workers].sort((a, b) => a.slot - b.slot || a.generation - b.generation);
  const width = columns === null ? null : columns - INDENT.length;
  return renderTable(WORKER_COLUMNS, sorted, { columns: width, colour }).trimEnd().split("\n");
}

const WORKER_COLUMNS: readonly Column<WorkerOverview>[] = [
  { title: "SLOT", priority: 0, align: "right", cell: ({ slot }) => String(slot) },
  { title: "PID", priority: 0, align: "right", cell: ({ pid }) => String(pid ?? "-") },
  { title: "PHASE", priority: 0, cell: ({ phase }) => phase },
  { title: "GEN", priority: 2, align: "right", cell: ({ generation }) => String(generation) },
  { title: "UP", priority: 1, align: "right", cell: ({ ageMs }) => humanDuration(ageMs) },
  { title: "CPU", priority: 1, align: "right", cell: ({ cpuPercent }) => humanPercent(cpuPercent) },
  { title: "MEM", priority: 1, align: "right", cell: ({ memoryBytes }) => humanBytes(memoryBytes) },
];

/** Where a worker that did not respond stood: what is to be mended is in there, however well all is now. */
function lastStack({ lastExit }: AppOverview): readonly string[] {
  const lines = (lastExit?.stack ?? "").split("\n").filter((line) => line.trim() !== "");
  return lines.length === 0
    ? []
    : ["it stood still in:", ...lines.map((line) => `| ${harmless(line)}`)];
}

/** Of a worker that failed: while all is well they are history. */
function lastWords(app: AppOverview): readonly string[] {
  if (!app.lastExit || app.lastExit.lastOutput.length === 0 || stateOf(app) === "ready") return [];
  return ["its last words:", ...app.lastExit.lastOutput.map((line) => `| ${harmless(line)}`)];
}

const INDENT = "  ";

function indented(line: string): string {
  return line === "" ? "" : INDENT + line;
}
