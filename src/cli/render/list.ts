/** `holdfast list`: all apps, a line each, for people or for programs. Pure. */

import type { AppOverview, Overview, WorkerOverview } from "../../core/overview.ts";
import { stateColour, stateOf, stateText } from "./state.ts";
import { type Column, renderTable } from "./table.ts";
import { harmless } from "./text.ts";
import { humanBytes, humanDuration, humanPercent } from "./units.ts";

export type ListFormat = "table" | "wide" | "json" | "ndjson" | "name";

export interface RenderContext {
  /** Of the terminal; null where it is none. */
  readonly columns: number | null;
  readonly colour: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface ListContext extends RenderContext {
  /** The table's columns by their titles in lower case, in the order they are wanted; null for the usual ones. */
  readonly chosen?: readonly string[] | null;
}

/**
 * JSON is `{"version":1,"data":{supervisor, apps}}`; ndjson one app a line, each with its version; both are
 * described in docs/cli-output.md. `wide` has every column, and cuts none. Columns that were chosen are all shown.
 */
export function renderList(overview: Overview, format: ListFormat, context: ListContext): string {
  const { version, ...data } = overview;
  if (format === "json") return `${JSON.stringify({ version, data })}\n`;
  if (format === "ndjson")
    return lines(data.apps.map((app) => JSON.stringify({ version, data: app })));
  if (format === "name") return lines(data.apps.map(({ name }) => harmless(name)));
  if (data.apps.length === 0) return "no apps\n";
  const isWide = format === "wide";
  const columns = context.chosen
    ? chosenColumns(context, context.chosen)
    : columnsFor(context).filter(({ priority }) => isWide || priority < WIDE_ONLY);
  return renderTable(columns, data.apps, { ...context, columns: isWide ? null : context.columns });
}

/** What may be chosen, in the table's order. */
export function columnNames(): readonly string[] {
  return columnsFor({ now: 0 }).map(nameOf);
}

const WIDE_ONLY = 100;

function chosenColumns(
  context: RenderContext,
  chosen: readonly string[],
): readonly Column<AppOverview>[] {
  const all = columnsFor(context);
  return chosen.flatMap((name) => {
    const found = all.find((column) => nameOf(column) === name);
    // Whoever asks for a column wants to see it, however narrow the terminal is.
    return found ? [{ ...found, priority: 0 }] : [];
  });
}

function nameOf({ title }: Column<AppOverview>): string {
  return title.toLowerCase();
}

function columnsFor({ now }: Pick<RenderContext, "now">): readonly Column<AppOverview>[] {
  const right = "right";
  return [
    { title: "NAME", priority: 0, cell: ({ name }) => name },
    {
      title: "STATE",
      priority: 0,
      cell: (app) => stateText(stateOf(app)),
      colour: (app) => stateColour(stateOf(app)),
    },
    { title: "READY", priority: 1, align: right, cell: ready },
    { title: "SINCE", priority: 3, align: right, cell: ({ since }) => humanDuration(now - since) },
    { title: "CPU", priority: 5, align: right, cell: ({ workers }) => cpu(workers) },
    { title: "MEM", priority: 4, align: right, cell: ({ workers }) => memory(workers) },
    { title: "RESTARTS", priority: 6, align: right, cell: ({ restarts }) => String(restarts) },
    { title: "CRASHES", priority: 2, align: right, cell: ({ crashes }) => String(crashes) },
    { title: "GEN", priority: 8, align: right, cell: generation },
    { title: "ADDRESS", priority: 7, cell: ({ addresses }) => addresses.join(" ") || "-" },
    { title: "NAMESPACE", priority: 9, cell: ({ namespace }) => namespace },
    { title: "PIDS", priority: WIDE_ONLY, cell: ({ workers }) => pids(workers) },
    { title: "SCRIPT", priority: WIDE_ONLY, cell: ({ file, script }) => file ?? script },
    { title: "FILE", priority: WIDE_ONLY, cell: ({ configFile }) => configFile ?? "-" },
  ];
}

/** "3/3", and of an app whose number of workers follows the load "3/3 (2..8)". */
function ready({ ready, instances, range }: AppOverview): string {
  const bounds = range ? ` (${range.min}..${range.max})` : "";
  return `${ready}/${instances}${bounds}`;
}

function generation(app: AppOverview): string {
  return app.mixed ? `${app.generation} mixed` : String(app.generation);
}

/** Of all workers; "-" where it is known of none. */
function cpu(workers: readonly WorkerOverview[]): string {
  return humanPercent(sum(workers.map(({ cpuPercent }) => cpuPercent)));
}

function memory(workers: readonly WorkerOverview[]): string {
  return humanBytes(sum(workers.map(({ memoryBytes }) => memoryBytes)));
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

function pids(workers: readonly WorkerOverview[]): string {
  return workers.flatMap(({ pid }) => (pid === null ? [] : [pid])).join(" ") || "-";
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
