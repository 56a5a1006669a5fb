/** The verb that has another Holdfast become the supervisor, while workers serve on. */

import { isAbsolute } from "node:path";
import { received } from "../config/received.ts";
import { HoldfastError } from "../errors.ts";
import { ADOPTION_PROTOCOL } from "../link/adoption.ts";
import type { Upgraded, Verbs } from "../link/control.ts";
import { startTicks } from "../system/proc.ts";
import { textIn } from "./control-takes.ts";
import type { Succession } from "./succession.ts";
import { type Candidate, tryCandidate } from "./upgrade/candidate.ts";

export interface UpgradeContext {
  readonly succession: Succession;
  readonly version: string;
  readonly home: string;
  isClosing(): boolean;
  /** Ends this process once the answer is sent, and leaves all that runs to the candidate. */
  stepDown(candidate: Candidate): void;
}

/** A candidate that is killed with its supervisor must not count as one that lived for a short time. */
const LONG_REIGN_MS = Number.MAX_SAFE_INTEGER;
const DEFAULT_WITHIN_MS = 30_000;
const LEAST_WITHIN_MS = 100;

/**
 * Starts a supervisor from the files that are named and steps down for it. Rejects with HF_UPGRADE_FAILED, and
 * nothing has changed then.
 */
export async function upgrade(
  context: UpgradeContext,
  takes: Partial<Verbs["upgrade"]["takes"]>,
): Promise<Upgraded> {
  const { version: from } = context;
  const candidate = await candidateFor(context, takes);
  // A shutdown that has begun meanwhile would stop what the candidate is to take over.
  if (context.isClosing()) {
    candidate.dismiss();
    throw new HoldfastError("HF_SHUTTING_DOWN", { pid: process.pid });
  }
  const { pid, version, node } = candidate;
  if (!context.succession.promise()) {
    candidate.dismiss();
    const reason = "another upgrade was faster";
    throw new HoldfastError("HF_UPGRADE_FAILED", { from, to: version, reason });
  }
  context.stepDown(candidate);
  return { from, to: version, node, pid };
}

async function candidateFor(
  { succession, version: from, home }: UpgradeContext,
  takes: Partial<Verbs["upgrade"]["takes"]>,
): Promise<Candidate> {
  const to = textIn(takes, "version");
  const failed = (reason: string): HoldfastError =>
    new HoldfastError("HF_UPGRADE_FAILED", { from, to, reason });
  if (!succession.settings) throw failed("process 1 has no successor: all others end with it");
  const { terms, priority } = succession.settings;
  const { pid } = process;
  const fork = {
    node: pathIn(takes, "node"),
    program: pathIn(takes, "heir"),
    logFile: terms.logFile,
    env: { ...process.env, ...terms.variables },
    will: {
      takeover: pathIn(takes, "takeover"),
      flags: terms.flags,
      ...{ shortReigns: 0, ruledMs: LONG_REIGN_MS, upgradeFrom: from },
      supervisor: { pid, startTicks: startTicks(pid) },
    },
  };
  const settings = {
    fork,
    terms: { directory: home, adoption: ADOPTION_PROTOCOL },
    shards: succession.shards(),
    withinMs: withinMsIn(takes.withinMs),
  };
  try {
    return await priority.asStarted(() => tryCandidate(settings));
  } catch (error) {
    throw failed((error as Error).message);
  }
}

function pathIn(takes: unknown, field: "node" | "heir" | "takeover"): string {
  const path = textIn(takes, field);
  if (isAbsolute(path)) return path;
  throw invalid(field, path, "an absolute path");
}

function withinMsIn(value: unknown): number {
  if (value === undefined) return DEFAULT_WITHIN_MS;
  if (typeof value === "number" && value >= LEAST_WITHIN_MS) return value;
  throw invalid("withinMs", value, `a number of at least ${LEAST_WITHIN_MS}`);
}

function invalid(path: string, value: unknown, expected: string): HoldfastError {
  const message = `received ${received(value)}, expected ${expected}`;
  return new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path, message }] });
}
