/** `holdfast list`: all apps, a line each, for people or for programs. Pure. */

import type { AppOverview, Overview, WorkerOverview } from "../../core/overview.ts";
import { showState, stateOf } from "./state.ts";
import { type Column, renderTable } from "./table.ts";
import { harmless } from "./text.ts";
import { humanBytes, humanDuration } from "./units.ts";

export type ListFormat = "table" | "wide" | "json" | "ndjson" | "name";

export interface RenderContext {
  /** Of the terminal; null where it is none. */
  readonly columns: number | null;
  readonly colour: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** JSON is `{"version":1,"data":{supervisor, apps}}`; ndjson one app a line, each with its version. */
export function renderList(overview: Overview, format: ListFormat, context: RenderContext): string {
  const { version, ...data } = overview;
  if (format === "json") return `${JSON.stringify({ version, data })}\n`;
  if (format === "ndjson")
    return lines(data.apps.map((app) => JSON.stringify({ version, data: app })));
  if (format === "name") return lines(data.apps.map(({ name }) => name));
  if (data.apps.length === 0) return "no apps\n";
  const width = format === "wide" ? null : context.columns;
  const columns = columnsFor(context).filter(
    ({ priority }) => format === "wide" || context.columns === null || priority < WIDE_ONLY,
  );
  return renderTable(columns, data.apps, { width, colour: context.colour });
}

const WIDE_ONLY = 100;

function columnsFor({ colour, now }: RenderContext): readonly Column<AppOverview>[] {
  return [
    { title: "NAME", priority: 0, cell: ({ name }) => harmless(name) },
    { title: "STATE", priority: 0, cell: (app) => showState(stateOf(app), colour) },
    { title: "READY", priority: 1, align: "right", cell: (app) => `${app.ready}/${app.instances}` },
    {
      title: "SINCE",
      priority: 3,
      align: "right",
      cell: ({ since }) => humanDuration(now - since),
    },
    { title: "CPU", priority: 4, align: "right", cell: ({ workers }) => cpu(workers) },
    { title: "MEM", priority: 4, align: "right", cell: ({ workers }) => memory(workers) },
    { title: "RESTARTS", priority: 2, align: "right", cell: ({ restarts }) => String(restarts) },
    { title: "CRASHES", priority: 2, align: "right", cell: ({ crashes }) => String(crashes) },
    {
      title: "GEN",
      priority: 6,
      align: "right",
      cell: ({ generation, mixed }) => (mixed ? `${generation} mixed` : String(generation)),
    },
    {
      title: "ADDRESS",
      priority: 5,
      cell: ({ addresses }) => harmless(addresses.join(" ")) || "-",
    },
    { title: "NAMESPACE", priority: 7, cell: ({ namespace }) => harmless(namespace) },
    { title: "PIDS", priority: WIDE_ONLY, cell: ({ workers }) => pids(workers) },
    { title: "SCRIPT", priority: WIDE_ONLY, cell: ({ file, script }) => harmless(file ?? script) },
    { title: "FILE", priority: WIDE_ONLY, cell: ({ configFile }) => harmless(configFile ?? "-") },
  ];
}

function cpu(workers: readonly WorkerOverview[]): string {
  const known = workers.flatMap(({ cpuPercent }) => (cpuPercent === null ? [] : [cpuPercent]));
  return known.length === 0 ? "-" : `${known.reduce((sum, each) => sum + each, 0).toFixed(1)}%`;
}

function memory(workers: readonly WorkerOverview[]): string {
  const known = workers.flatMap(({ memoryBytes }) => (memoryBytes === null ? [] : [memoryBytes]));
  return known.length === 0 ? "-" : humanBytes(known.reduce((sum, each) => sum + each, 0));
}

function pids(workers: readonly WorkerOverview[]): string {
  return workers.flatMap(({ pid }) => (pid === null ? [] : [pid])).join(" ") || "-";
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
