/** `list`, `jlist`, `status`, `env`: what there is. Each loads what it shows with: they are used more than all others. */

import type { AppOverview, Overview } from "../../core/overview.ts";
import { select } from "../../core/targets.ts";
import { HoldfastError } from "../../errors.ts";
import { findOrRescue, homeOf, needSupervisor } from "../connect.ts";
import { wantsColour } from "../render/colour.ts";
import type { ListFormat } from "../render/list.ts";

/** Reading takes milliseconds; a supervisor that needs longer is not well. */
const LOOK_WITHIN_MS = 5000;
const FORMATS = ["table", "wide", "json", "ndjson", "name"] as const;

export async function listCommand(
  words: readonly string[],
  flags: Record<string, unknown>,
): Promise<number> {
  const chosenColumns = await columnsIn(flags);
  const overview = await look(flags);
  if (!overview) {
    const format = formatOf(flags);
    if (format === "json")
      process.stdout.write('{"version":1,"data":{"supervisor":null,"apps":[]}}\n');
    process.stderr.write(`no supervisor runs in ${homeOf(flags).directory}\n`);
    return 0;
  }
  const { renderList } = await import("../render/list.ts");
  const chosen = { ...overview, apps: chosenApps(overview, words) };
  process.stdout.write(
    renderList(chosen, formatOf(flags), { ...context(flags), chosen: chosenColumns }),
  );
  return 0;
}

export async function jlistCommand(flags: Record<string, unknown>): Promise<number> {
  const overview = await look(flags);
  const { renderJlist } = await import("../render/jlist.ts");
  const { packageVersionAbove } = await import("../../system/places.ts");
  const versionOf = ({ file }: AppOverview): string | null =>
    file === null ? null : packageVersionAbove(file);
  const shown = overview ? renderJlist(overview, { now: Date.now(), versionOf }) : "[]\n";
  process.stdout.write(shown);
  return 0;
}

/** 0 when every app named runs with all its workers, 3 when one does not. */
export async function statusCommand(
  words: readonly string[],
  flags: Record<string, unknown>,
): Promise<number> {
  const overview = await look(flags);
  if (!overview) {
    throw new HoldfastError("HF_NO_SUPERVISOR", { home: homeOf(flags).directory });
  }
  const apps = chosenApps(overview, words.length > 0 ? words : ["all"]);
  if (flags.output === "json" || flags.json === true) {
    const { talkOf } = await import("../outcomes.ts");
    talkOf({ output: "json" }).data({ supervisor: overview.supervisor, apps });
  } else {
    const { lastLines } = await import("../log-sources.ts");
    const { renderStatus } = await import("../render/status.ts");
    for (const app of apps) {
      const lines = await lastLines(app, Number(flags.lines ?? 10));
      process.stdout.write(`${renderStatus(app, { ...context(flags), lastLines: lines })}\n`);
    }
  }
  const isWell = apps.every((app) => app.status === "running" && app.ready >= app.instances);
  return isWell ? 0 : 3;
}

/** Names and, with --show, values: secrets stand in environments. */
export async function envCommand(
  words: readonly string[],
  flags: Record<string, unknown>,
): Promise<number> {
  const client = await needSupervisor(homeOf(flags));
  try {
    const { apps } = await client.call(
      "env",
      { targets: words },
      { timeoutMs: await timeoutIn(flags) },
    );
    for (const [name, variables] of Object.entries(apps)) {
      if (Object.keys(apps).length > 1) process.stdout.write(`# ${name}\n`);
      for (const [key, value] of Object.entries(variables).sort()) {
        process.stdout.write(`${key}=${flags.show === true ? value : "***"}\n`);
      }
    }
  } finally {
    client.close();
  }
  return 0;
}

/** What runs, null where no supervisor does. */
export async function look(flags: Record<string, unknown>): Promise<Overview | null> {
  const client = await findOrRescue(homeOf(flags));
  if (!client) return null;
  try {
    return await client.call("overview", {}, { timeoutMs: await timeoutIn(flags) });
  } finally {
    client.close();
  }
}

/** --timeout, in milliseconds. */
async function timeoutIn(flags: Record<string, unknown>): Promise<number> {
  if (flags.timeout === undefined) return LOOK_WITHIN_MS;
  const { timeoutOf } = await import("../call.ts");
  return timeoutOf(flags);
}

/** The apps that words mean, all for none. Throws HF_NO_SUCH_APP. */
export function chosenApps({ apps }: Overview, words: readonly string[]): readonly AppOverview[] {
  if (words.length === 0) return apps;
  const { targets, unknown } = select(words, apps);
  if (unknown.length > 0) {
    const known = apps.map(({ name }) => name);
    throw new HoldfastError("HF_NO_SUCH_APP", { app: unknown.join(", "), known });
  }
  return apps.filter(({ name }) => targets.some(({ app }) => app === name));
}

function formatOf(flags: Record<string, unknown>): ListFormat {
  if (flags.json === true) return "json";
  const asked = String(flags.output ?? "table");
  const found = FORMATS.find((format) => format === asked);
  if (found) return found;
  const message = `received "${asked}", expected one of ${FORMATS.join(", ")}`;
  throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: "--output", message }] });
}

/** --columns; null where it was not given. Throws HF_CONFIG_INVALID. */
async function columnsIn(flags: Record<string, unknown>): Promise<readonly string[] | null> {
  if (flags.columns === undefined) return null;
  const { columnNames } = await import("../render/list.ts");
  const known = columnNames();
  const asked = String(flags.columns).toLowerCase().split(",");
  const names = asked.map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.filter((name) => !known.includes(name));
  const isTable = ["table", "wide"].includes(formatOf(flags));
  if (isTable && names.length > 0 && unknown.length === 0) return names;
  const got = unknown.length > 0 ? unknown.join(", ") : String(flags.columns);
  const message = isTable
    ? `received ${JSON.stringify(got)}, expected some of ${known.join(", ")}, separated by commas`
    : `is for tables, but ${formatOf(flags)} is asked for`;
  throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: "--columns", message }] });
}

function context(flags: Record<string, unknown>): {
  columns: number | null;
  colour: boolean;
  now: number;
} {
  const { stdout } = process;
  return {
    columns: stdout.isTTY ? stdout.columns : null,
    colour: wantsColour(flags, process.env, stdout),
    now: Date.now(),
  };
}
