/** `holdfast publish`: one message on the bus. */

import { textsIn, timeoutIn } from "../bus/arguments.ts";
import { dataGiven } from "../bus/data-given.ts";
import { onBus } from "../bus/on-bus.ts";
import { formatOf } from "../bus/output.ts";
import { talkOf } from "../outcomes.ts";

type Flags = Record<string, unknown>;

const WITHIN_MS = 5000;

/** Resolves with the exit status when the supervisor has passed it on. */
export async function publishCommand(
  subject: string,
  word: string | undefined,
  flags: Flags,
): Promise<number> {
  formatOf(flags);
  const timeoutMs = timeoutIn(flags, WITHIN_MS);
  const data = await dataGiven(subject, word, flags);
  const options = { confirm: true, retain: flags.retain === true, ...textsIn(flags, ["key"]) };
  const doing = { command: "publish", timeoutMs };
  await onBus(flags, doing, (bus) => bus.publish(subject, data, options));
  const talk = talkOf(flags);
  talk.say(`published on ${subject}`);
  talk.data({ subject });
  return 0;
}
