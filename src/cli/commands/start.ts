/** `holdfast start`: a script, a configuration file, or apps that are known already. */

import { existsSync } from "node:fs";
import type { AppOptions } from "../../config/app.ts";
import { parseConfig } from "../../config/parse.ts";
import { HoldfastError } from "../../errors.ts";
import { packageNameOf } from "../../system/places.ts";
import { workingDirectory } from "../../system/working-directory.ts";
import { adminAsked, applyAdmin } from "../admin.ts";
import { appInput } from "../app-input.ts";
import { callShown, timeoutOf } from "../call.ts";
import { ensureSupervisor, findSupervisor, homeOf } from "../connect.ts";
import { isConfigFile } from "../ecosystem.ts";
import { applyHeir, heirAsked } from "../heir.ts";
import { talkOf, tellOutcomes } from "../outcomes.ts";
import { applyCommand, applyOptions } from "./apply.ts";

/** Returns when the apps are ready, or says why they are not. Resolves with the exit status. */
export async function startCommand(
  words: readonly string[],
  flags: Record<string, unknown>,
): Promise<number> {
  const [first, ...rest] = words;
  if (first === undefined || isConfigFile(first)) {
    if (rest.length > 0) throw new HoldfastError("HF_ONE_FILE", { file: String(first) });
    return applyCommand(first, flags);
  }
  const known = await startKnown(words, flags);
  if (known !== null) return known;
  return applyOptions([optionsOf(first, rest, flags)], null, flags);
}

/** Words that are no files but name apps the supervisor knows; null where they do not. */
async function startKnown(
  words: readonly string[],
  flags: Record<string, unknown>,
): Promise<number | null> {
  if (words.some((word) => word.includes("/") || (existsSync(word) && word.includes(".")))) {
    return null;
  }
  const home = homeOf(flags);
  // What is written down is known, too, when no supervisor runs.
  const client = existsSync(home.stateFile)
    ? await ensureSupervisor(home)
    : await findSupervisor(home);
  if (!client) return null;
  try {
    const talk = talkOf(flags);
    const asked = { dryRun: false, timeoutMs: timeoutOf(flags), talk };
    const done = await callShown(client, "start", { targets: words }, flags);
    const statuses = [
      await applyAdmin(client, adminAsked(flags, undefined), asked),
      await applyHeir(client, heirAsked(flags, undefined), asked),
    ];
    talk.data(done);
    return tellOutcomes(done, talk) || (statuses.find((status) => status !== 0) ?? 0);
  } catch (error) {
    if ((error as { code?: string }).code === "HF_NO_SUCH_APP") return null;
    throw error;
  } finally {
    client.close();
  }
}

function optionsOf(
  script: string,
  args: readonly string[],
  flags: Record<string, unknown>,
): AppOptions {
  const directory = workingDirectory();
  const input = { cwd: directory, ...appInput(script, args, flags) };
  const parsed = parseConfig(input, { paths: "flags", directory, packageNameOf });
  const [options] = parsed.ok ? parsed.value : [];
  if (options) return options;
  throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.ok ? [] : parsed.faults });
}
