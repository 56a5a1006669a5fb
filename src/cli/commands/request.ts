/** `holdfast request`: an answer from one who is ready, or from all. */

import type { Bus, Gathered, Sender } from "../../bus/api.ts";
import { BusRemoteError } from "../../bus/remote-error.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { badArgument, textsIn, timeoutIn } from "../bus/arguments.ts";
import { dataGiven } from "../bus/data-given.ts";
import { onBus } from "../bus/on-bus.ts";
import { envelope, formatOf, type OutputFormat, print } from "../bus/output.ts";
import { nameOf } from "../bus/sender-name.ts";
import { talkOf } from "../outcomes.ts";
import { dataFields, dataLine, plainData } from "../render/data.ts";
import { harmless } from "../render/text.ts";

type Flags = Record<string, unknown>;

const WITHIN_MS = 5000;
/** The bus tells by itself who has not answered in time; only what it cannot tell is told here. */
const GRACE_MS = 1000;

/**
 * Prints the answer. With --gather 1 where somebody failed, 5 where somebody has not answered in time. Rejects with
 * HF_BUS_NO_RESPONDERS, HF_BUS_ANSWER_FAILED, HF_BUS_TIMEOUT and others.
 */
export async function requestCommand(
  subject: string,
  word: string | undefined,
  flags: Flags,
): Promise<number> {
  const format = formatOf(flags);
  const timeoutMs = timeoutIn(flags, WITHIN_MS);
  const isForAll = flags.gather === true;
  if (isForAll) refuseForAll(flags);
  const data = await dataGiven(subject, word, flags);
  const doing = { command: "request", timeoutMs, graceMs: GRACE_MS };
  if (isForAll) {
    const ask = (bus: Bus, timeout: number): Promise<Gathered> =>
      bus.gather(subject, data, { timeout });
    return printAll(subject, await onBus(flags, doing, ask), format, flags);
  }
  const options = { idempotent: flags.idempotent === true, ...textsIn(flags, ["key"]) };
  const answer = await onBus(flags, doing, (bus, timeout) =>
    bus.request(subject, data, { ...options, timeout }).catch((error: unknown) => {
      throw toldHere(error, timeoutMs);
    }),
  );
  const isTerminal = process.stdout.isTTY === true;
  await print(format === "text" ? plainData(answer, isTerminal) : envelope(dataFields(answer)));
  return EXIT.done;
}

/** What the one who answers has thrown is no error of this program, and its time began before that of the bus. */
function toldHere(error: unknown, timeoutMs: number): unknown {
  if (error instanceof HoldfastError && error.code === "HF_BUS_TIMEOUT") {
    const { subject } = (error as HoldfastError<"HF_BUS_TIMEOUT">).details;
    return new HoldfastError("HF_BUS_TIMEOUT", { subject, afterMs: timeoutMs }, { cause: error });
  }
  if (!(error instanceof BusRemoteError)) return error;
  const { subject, from } = error;
  const reason = harmless(reasonOf(error));
  const details = { subject, who: from ? nameOf(from) : "somebody", reason };
  return new HoldfastError("HF_BUS_ANSWER_FAILED", details, { cause: error });
}

async function printAll(
  subject: string,
  gathered: Gathered,
  format: OutputFormat,
  flags: Flags,
): Promise<number> {
  const { results, errors, missing } = gathered;
  if (results.length + errors.length + missing.length === 0)
    throw new HoldfastError("HF_BUS_NO_RESPONDERS", { subject });
  const answers = results.map(({ from, data }) => ({ from, ...dataFields(data) }));
  const failures = errors.map(({ from, error }) => ({ from, error: fieldsOf(error) }));
  if (format === "json") await print(envelope({ answers, failures, missing }));
  else if (format === "ndjson") {
    const lines = [...answers, ...failures, ...missing.map((from) => ({ from, missing: true }))];
    await print(lines.map(envelope).join(""));
  } else {
    const isTerminal = process.stdout.isTTY === true;
    const line = ({ from, data }: { from: Sender; data: unknown }): string =>
      `${nameOf(from)} ${dataLine(data, isTerminal)}\n`;
    await print(results.map(line).join(""));
  }
  const talk = talkOf(flags);
  for (const { from, error } of errors)
    talk.say(`error: ${nameOf(from)}: ${harmless(reasonOf(error))}`);
  for (const from of missing) talk.say(`error: ${nameOf(from)}: no answer in time`);
  if (errors.length > 0) return EXIT.failed;
  return missing.length > 0 ? EXIT.timeout : EXIT.done;
}

function refuseForAll(flags: Flags): void {
  const named = ["idempotent", "key"].find((name) => flags[name] !== undefined);
  if (named === undefined) return;
  throw badArgument(`--${named}`, "is for one answer, and --gather asks all");
}

function fieldsOf(error: Error): object {
  const { name, message } = error;
  const { code } = error as { code?: unknown };
  return { name, message, ...(code === undefined ? {} : { code }) };
}

function reasonOf({ name, message }: Error): string {
  return name === "HoldfastError" ? message : `${name}: ${message}`;
}
