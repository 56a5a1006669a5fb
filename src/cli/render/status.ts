/** `holdfast status`: one app on one screen: how it is, since when, why, and what happens next. Pure. */

import type { AppOverview } from "../../core/overview.ts";
import { paint } from "./colour.ts";
import type { RenderContext } from "./list.ts";
import { showSign, stateOf } from "./state.ts";
import { renderTable } from "./table.ts";
import { harmless } from "./text.ts";
import { humanBytes, humanDuration, humanSince } from "./units.ts";

export interface StatusContext extends RenderContext {
  /** The last lines of its logs, oldest first. */
  readonly lastLines: readonly string[];
}

export function renderStatus(app: AppOverview, context: StatusContext): string {
  const { colour, now } = context;
  const facts: readonly (readonly [string, string | null])[] = [
    ["state", `${stateOf(app)} ${app.ready}/${app.instances}, since ${humanSince(app.since, now)}`],
    ["listens", app.addresses.join(", ") || null],
    ["script", `${app.file ?? app.script}${app.args.map((arg) => ` ${arg}`).join("")}`],
    ["file", app.configFile],
    [
      "release",
      `generation ${app.generation}${app.mixed ? ", mixed: slots of two generations serve" : ""}`,
    ],
    ["reload", reloadText(app, now)],
    ["restarts", `${app.restarts}, crashes ${app.crashes}`],
    ["last exit", exitText(app, now)],
    ["next", nextText(app)],
  ];
  const parts = [
    `${showSign(stateOf(app), colour)} ${paint(harmless(app.name), "bold", colour)}`,
    ...facts.flatMap(([label, text]) =>
      text === null ? [] : [`  ${label.padEnd(9)} ${harmless(text)}`],
    ),
  ];
  if (app.workers.length > 0) parts.push("", indented(workersTable(app, context)));
  const said = app.lastExit && stateOf(app) !== "ready" ? app.lastExit.lastOutput : [];
  if (said.length > 0)
    parts.push("", "  its last words:", ...said.map((line) => `  | ${harmless(line)}`));
  if (context.lastLines.length > 0) {
    parts.push("", ...context.lastLines.map((line) => `  ${harmless(line)}`));
  }
  return `${parts.join("\n")}\n`;
}

function reloadText({ lastReload, reloading }: AppOverview, now: number): string | null {
  if (reloading) return "under way";
  if (!lastReload) return null;
  const { at, generation, result, cause } = lastReload;
  const how = result === "done" ? "done" : `failed (${result}): ${cause}`;
  return `generation ${generation} ${how}, ${humanSince(at, now)}`;
}

function exitText({ lastExit }: AppOverview, now: number): string | null {
  if (!lastExit) return null;
  const { at, slot, pid, cause, reason } = lastExit;
  return `slot ${slot}${pid === null ? "" : ` (pid ${pid})`}: ${cause} [${reason}], ${humanSince(at, now)}`;
}

/** What happens by itself if nobody does anything. */
function nextText({ slots, status, name }: AppOverview): string | null {
  if (status === "stopped" || status === "idle") return `nothing, until \`holdfast start ${name}\``;
  const waiting = slots.filter(({ state }) => state === "waiting" || state === "failed");
  const texts = waiting.map(({ slot, state, retryInMs }) => {
    const when = retryInMs === null ? "soon" : `in ${humanDuration(retryInMs)}`;
    return `slot ${slot} ${state === "failed" ? "has spent its restarts, tries" : "restarts"} ${when}`;
  });
  return texts.length === 0 ? null : texts.join("; ");
}

function workersTable(app: AppOverview, { columns, colour }: RenderContext): string {
  return renderTable(
    [
      { title: "SLOT", priority: 0, align: "right", cell: ({ slot }) => String(slot) },
      { title: "PID", priority: 0, align: "right", cell: ({ pid }) => String(pid ?? "-") },
      { title: "PHASE", priority: 0, cell: ({ phase }) => phase },
      { title: "GEN", priority: 2, align: "right", cell: ({ generation }) => String(generation) },
      { title: "UP", priority: 1, align: "right", cell: ({ ageMs }) => humanDuration(ageMs) },
      {
        title: "CPU",
        priority: 1,
        align: "right",
        cell: ({ cpuPercent }) => (cpuPercent === null ? "-" : `${cpuPercent}%`),
      },
      {
        title: "MEM",
        priority: 1,
        align: "right",
        cell: ({ memoryBytes }) => humanBytes(memoryBytes),
      },
    ],
    [...app.workers].sort((a, b) => a.slot - b.slot || a.generation - b.generation),
    { width: columns === null ? null : columns - 2, colour },
  );
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
