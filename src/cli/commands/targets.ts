/** `stop`, `restart`, `reload`, `delete`: done to apps that are named, or to those of a file. */

import { HoldfastError } from "../../errors.ts";
import { callShown } from "../call.ts";
import { homeOf, needSupervisor } from "../connect.ts";
import { isConfigFile, namesIn } from "../ecosystem.ts";
import { talkOf, tellOutcomes } from "../outcomes.ts";
import { applyCommand } from "./apply.ts";

export type TargetVerb = "stop" | "restart" | "reload" | "delete";

/** Resolves with the exit status. Words that are configuration files stand for the apps in them. */
export async function targetsCommand(
  verb: TargetVerb,
  words: readonly string[],
  flags: Record<string, unknown>,
): Promise<number> {
  const file = words.find(isConfigFile);
  if (verb === "reload" && (file !== undefined || words.length === 0)) {
    return applyCommand(file, { ...flags, reload: true });
  }
  if (words.length === 0) throw new HoldfastError("HF_NO_TARGET", { verb });
  const targets = await wordsToTargets(words, flags);
  const talk = talkOf(flags);
  const client = await needSupervisor(homeOf(flags));
  try {
    const done = await callShown(client, verb, { targets }, flags);
    talk.data(done);
    if (done.outcomes.length === 0) talk.say("nothing to do: there are no such apps");
    return tellOutcomes(done, talk);
  } finally {
    client.close();
  }
}

async function wordsToTargets(
  words: readonly string[],
  flags: Record<string, unknown>,
): Promise<readonly string[]> {
  const targets: string[] = [];
  for (const word of words) {
    targets.push(...(isConfigFile(word) ? await namesIn(word, flags) : [word]));
  }
  return targets;
}
