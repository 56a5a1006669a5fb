/** `holdfast start <file>` and `holdfast reload <file>`: what runs becomes what is written. */

import { addressText, TOKEN_VARIABLE } from "../../config/admin.ts";
import type { AppOptions } from "../../config/app.ts";
import { inputOf } from "../../config/input.ts";
import type { Beside } from "../../config/parse.ts";
import type { Applied, Apply } from "../../link/control.ts";
import { adminAsked, applyAdmin } from "../admin.ts";
import { callShown, timeoutOf } from "../call.ts";
import { ensureSupervisor, findSupervisor, homeOf } from "../connect.ts";
import { readEcosystem } from "../ecosystem.ts";
import { applyHeir, heirAsked } from "../heir.ts";
import { type Talk, talkOf, tellOutcomes } from "../outcomes.ts";
import { applyBus, busAsked, keyVariables } from "../remote.ts";
import { wantsColour } from "../render/colour.ts";
import { renderPlan } from "../render/plan.ts";
import { isOfWorker } from "../worker-variables.ts";

/** Without a word the file is looked for in the working directory. Resolves with the exit status. */
export async function applyCommand(
  word: string | undefined,
  flags: Record<string, unknown>,
): Promise<number> {
  const { apps, admin, bus, heir, file, notes } = await readEcosystem(word, flags);
  for (const { path, message } of notes) process.stderr.write(`note: ${path} ${message}\n`);
  return applyOptions(apps, file, flags, { admin, bus, heir });
}

/** Has the apps run. A supervisor is started when none does, except for a dry run. */
export async function applyOptions(
  apps: readonly AppOptions[],
  configFile: string | null,
  flags: Record<string, unknown>,
  written: Beside = {},
): Promise<number> {
  const admin = adminAsked(flags, written.admin);
  const bus = busAsked(written.bus);
  const heir = heirAsked(flags, written.heir);
  const talk = talkOf(flags);
  const home = homeOf(flags);
  const asked: Apply = {
    apps: apps.map((options) => ({ options: inputOf(options) })),
    configFile,
    environment: environment(keyVariables(written.bus)),
    updateEnv: flags.updateEnv === true,
    // What --only leaves out is not gone.
    prune: flags.prune === true && flags.only === undefined,
    dryRun: flags.dryRun === true,
    reload: flags.reload === true,
  };
  const client = asked.dryRun ? await findSupervisor(home) : await ensureSupervisor(home);
  if (!client) {
    for (const { name } of apps) talk.say(`${name}: would be started (no supervisor runs yet)`);
    if (admin) talk.say(`admin server: would be on ${addressText(admin.listen)}`);
    if (heir === false) talk.say("heir: would be off");
    if (bus) talk.say(`bus for other machines: would be on ${addressText(bus.listen)}`);
    return 0;
  }
  try {
    const { dryRun } = asked;
    const how = { dryRun, timeoutMs: timeoutOf(flags), talk };
    const statuses = [
      await applyAdmin(client, admin, how),
      await applyBus(client, bus, how),
      await applyHeir(client, heir, how),
    ];
    const applied = await callShown(client, "apply", asked, flags);
    talk.data(applied);
    return tell(applied, asked, talk, flags) || (statuses.find((status) => status !== 0) ?? 0);
  } finally {
    client.close();
  }
}

function tell(applied: Applied, asked: Apply, talk: Talk, flags: Record<string, unknown>): number {
  const { plan, unchanged, outcomes } = applied;
  if (asked.dryRun) talk.say("would change, and did not:");
  if (plan.length > 0 || asked.dryRun) {
    const colour = wantsColour(flags, process.env, process.stderr);
    talk.say(renderPlan(plan, { colour }).trimEnd());
  }
  const done = outcomes.map(({ app }) => app);
  const kept = unchanged.filter((app) => !done.includes(app));
  if (kept.length > 0) talk.say(`unchanged: ${kept.join(", ")}`);
  return tellOutcomes(applied, talk);
}

/** What apps inherit: this shell's variables, but for those of a worker it may run in, and secrets of the supervisor. */
function environment(secrets: readonly string[]): Record<string, string> {
  const withheld = [TOKEN_VARIABLE, ...secrets];
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !isOfWorker(entry[0]) && !withheld.includes(entry[0]),
  );
  return Object.fromEntries(entries);
}
