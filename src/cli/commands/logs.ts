/** `logs` and `flush`: read and emptied by this process; the supervisor takes no part. */

import type { Overview } from "../../core/overview.ts";
import { select } from "../../core/targets.ts";
import { HoldfastError } from "../../errors.ts";
import { flushLogs } from "../../logs/flush.ts";
import { type FollowOptions, followLogs, streamSink } from "../../logs/follow.ts";
import { LOG_LEVELS } from "../../logs/log.ts";
import type { LogSource } from "../../logs/store.ts";
import { instantOf, patternOf } from "../../logs/when.ts";
import { onUnread } from "../../system/pipe-reader.ts";
import { homeOf } from "../connect.ts";
import { sourcesOf } from "../log-sources.ts";
import { talkOf } from "../outcomes.ts";
import { wantsColour } from "../render/colour.ts";
import { look } from "./look.ts";

const STDOUT_FD = 1;
const READER_LOOKED_FOR_EVERY_MS = 250;

type Flags = Record<string, unknown>;

/** Resolves at the end of what there is, or, with --follow, on Ctrl-C and when its reader goes away. */
export async function logsCommand(words: readonly string[], flags: Flags): Promise<number> {
  const options = optionsOf(flags);
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  const discover = async (): Promise<readonly LogSource[]> => chosen(await overview(flags), words);
  const sources = await discover();
  // Where nothing is written, as after `| head`, nobody would notice that the reader has gone.
  const unwatch = onUnread(STDOUT_FD, READER_LOOKED_FOR_EVERY_MS, () => stopped.abort());
  try {
    await followLogs(sources, { ...options, discover }, streamSink(process.stdout), stopped.signal);
  } finally {
    unwatch();
  }
  return 0;
}

/** Empties the logs of apps, all for no word, and deletes their archives. */
export async function flushCommand(words: readonly string[], flags: Flags): Promise<number> {
  const sources = chosen(await overview(flags), words);
  const { emptied, deleted, busy } = flushLogs(sources.map(({ path }) => path));
  const talk = talkOf(flags);
  talk.data({ emptied, deleted, busy });
  talk.say(`${emptied} files emptied, ${deleted} archives deleted`);
  for (const path of busy) talk.say(`error: ${path} is being rotated: try again in a moment`);
  return busy.length > 0 ? 1 : 0;
}

async function overview(flags: Flags): Promise<Overview> {
  const found = await look(flags);
  if (!found) throw new HoldfastError("HF_NO_SUPERVISOR", { home: homeOf(flags).directory });
  return found;
}

function chosen({ apps }: Overview, words: readonly string[]): readonly LogSource[] {
  const { targets, unknown } = select(words.length > 0 ? words : ["all"], apps);
  if (unknown.length > 0) {
    const known = apps.map(({ name }) => name);
    throw new HoldfastError("HF_NO_SUCH_APP", { app: unknown.join(", "), known });
  }
  return targets.flatMap(({ app, slots }) => {
    const found = apps.find(({ name }) => name === app);
    return found ? sourcesOf(found, slots) : [];
  });
}

function optionsOf(flags: Flags): FollowOptions {
  const raw = flags.raw === true;
  const since = instantFlag(flags, "since");
  return {
    follow: flags.follow === true,
    ...linesFlag(flags),
    since,
    until: instantFlag(flags, "until"),
    grep: grepFlag(flags),
    level: levelFlag(flags),
    stream: flags.err === true ? "err" : flags.out === true ? "out" : null,
    raw,
    json: flags.json === true,
    prefix: flags.prefix !== false,
    colour: !raw && wantsColour(flags, process.env, process.stdout),
  };
}

function linesFlag({ lines }: Flags): { lines?: number | null } {
  if (lines === undefined) return {};
  if (lines === "all") return { lines: null };
  if (/^\d{1,9}$/.test(String(lines))) return { lines: Number(lines) };
  throw bad("--lines", `received "${String(lines)}", expected a number or all`);
}

function instantFlag(flags: Flags, name: "since" | "until"): number | null {
  const said = flags[name];
  if (said === undefined) return null;
  const at = instantOf(String(said), Date.now());
  if (at !== null) return at;
  throw bad(
    `--${name}`,
    `received "${String(said)}", expected "10m", "2h" or a date such as 2026-11-21T07:00`,
  );
}

function grepFlag({ grep }: Flags): RegExp | null {
  if (grep === undefined) return null;
  try {
    return patternOf(String(grep));
  } catch (error) {
    throw bad("--grep", (error as Error).message);
  }
}

function levelFlag({ level }: Flags): string | null {
  if (level === undefined) return null;
  if ((LOG_LEVELS as readonly string[]).includes(String(level))) return String(level);
  throw bad("--level", `received "${String(level)}", expected one of ${LOG_LEVELS.join(", ")}`);
}

function bad(path: string, message: string): HoldfastError {
  return new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path, message }] });
}
