/** `holdfast validate`: whether a configuration file is right, and what it would run. */

import { addressText } from "../../config/admin.ts";
import { instancesKind } from "../../config/instances.ts";
import { readEcosystem } from "../ecosystem.ts";
import { talkOf } from "../outcomes.ts";
import { clientsOf } from "../remote.ts";

/** 0 when it is; HF_CONFIG_* with every fault when it is not. Nothing is started. */
export async function validateCommand(
  word: string | undefined,
  flags: Record<string, unknown>,
): Promise<number> {
  const { apps, admin, bus, file, notes } = await readEcosystem(word, flags);
  const talk = talkOf(flags);
  talk.data({
    ...{ file, notes, apps: apps.map(({ env: _secret, ...shown }) => shown) },
    ...(admin && { admin: { listen: addressText(admin.listen), tokenFile: admin.tokenFile } }),
    ...(bus && { bus: { listen: addressText(bus.listen), clients: clientsOf(bus) } }),
  });
  for (const { path, message } of notes) talk.say(`note: ${path} ${message}`);
  talk.say(
    `${file} is valid: ${apps.map(({ name, instances }) => `${name} (${instancesKind.show(instances)})`).join(", ")}`,
  );
  return 0;
}
