/** `holdfast validate`: whether a configuration file is right, and what it would run. */

import { readEcosystem } from "../ecosystem.ts";
import { talkOf } from "../outcomes.ts";

/** 0 when it is; HF_CONFIG_* with every fault when it is not. Nothing is started. */
export async function validateCommand(
  word: string | undefined,
  flags: Record<string, unknown>,
): Promise<number> {
  const { apps, file, notes } = await readEcosystem(word, flags);
  const talk = talkOf(flags);
  talk.data({ file, notes, apps: apps.map(({ env: _secret, ...shown }) => shown) });
  for (const { path, message } of notes) talk.say(`note: ${path} ${message}`);
  talk.say(
    `${file} is valid: ${apps.map(({ name, instances }) => `${name} (${instances})`).join(", ")}`,
  );
  return 0;
}
