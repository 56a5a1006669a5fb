/** Commands that ask the supervisor for one thing: scale, signal, wait, events, save, resurrect, shutdown. */

import { HoldfastError, isExplained } from "../../errors.ts";
import type { ControlClient } from "../../link/control-client.ts";
import { callShown, timeoutOf } from "../call.ts";
import { ensureSupervisor, findOrRescue, homeOf, needSupervisor } from "../connect.ts";
import { talkOf, tellOutcomes } from "../outcomes.ts";

/** A command that waits in silence looks as if it hung. */
const SAYS_SO_AFTER_MS = 2000;

type Flags = Record<string, unknown>;

/** `scale api 4`, `scale api +1`, `scale api=max`. */
export async function scaleCommand(words: readonly string[], flags: Flags): Promise<number> {
  const [app, instances] = words.length === 1 ? (words[0]?.split("=") ?? []) : words;
  if (!app || !instances) throw new HoldfastError("HF_NO_TARGET", { verb: "scale" });
  return withSupervisor(flags, async (client) => {
    const done = await callShown(client, "scale", { app, instances }, flags);
    talkOf(flags).data(done);
    return tellOutcomes(done, talkOf(flags));
  });
}

export async function signalCommand(
  signal: string,
  targets: readonly string[],
  flags: Flags,
): Promise<number> {
  return withSupervisor(flags, async (client) => {
    const { pids } = await client.call(
      "signal",
      { signal, targets },
      { timeoutMs: timeoutOf(flags) },
    );
    talkOf(flags).data({ pids });
    talkOf(flags).say(
      `sent to ${pids.length === 0 ? "nobody: no such worker runs" : pids.join(", ")}`,
    );
    return 0;
  });
}

/** 0 when the apps are as asked, 5 when --timeout is over first. */
export async function waitCommand(targets: readonly string[], flags: Flags): Promise<number> {
  const state = flags.for === "stopped" ? "stopped" : "ready";
  if (flags.for !== undefined && flags.for !== state) {
    const message = `received "${String(flags.for)}", expected ready or stopped`;
    throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: "--for", message }] });
  }
  return withSupervisor(flags, async (client) => {
    const talk = talkOf(flags);
    const waits = `waiting for ${targets.join(", ")} to be ${state}`;
    const saying = setTimeout(
      () => talk.say(`${waits}; Ctrl-C ends the waiting, not the work`),
      SAYS_SO_AFTER_MS,
    );
    const { apps } = await callShown(client, "wait", { targets, for: state }, flags).finally(() =>
      clearTimeout(saying),
    );
    talk.say(`${apps.join(", ")}: ${state}`);
    return 0;
  });
}

/** Prints events, a line of JSON each, until it is stopped or the supervisor goes. */
export async function eventsCommand(targets: readonly string[], flags: Flags): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  return withSupervisor(flags, async (client) => {
    const onEvent = (name: string, data: unknown): void => {
      process.stdout.write(`${JSON.stringify({ event: name, ...(data as object) })}\n`);
    };
    try {
      await client.call("events", { targets }, { onEvent, signal: stopped.signal });
    } catch (error) {
      const code = isExplained(error) ? error.code : null;
      // Whoever watches has seen it all when the supervisor ends in order.
      if (code === "HF_SHUTTING_DOWN" || code === "HF_HANDED_OVER")
        talkOf(flags).say("note: the supervisor has ended");
      else if (code !== "HF_ABORTED") throw error;
    }
    return 0;
  });
}

export async function saveCommand(flags: Flags): Promise<number> {
  return withSupervisor(flags, async (client) => {
    const { file, apps } = await client.call("save", {}, { timeoutMs: timeoutOf(flags) });
    talkOf(flags).data({ file, apps });
    talkOf(flags).say(`${apps} apps are written down in ${file} (every change is, by itself)`);
    return 0;
  });
}

/** Starts what should run, with a supervisor when there is none. */
export async function resurrectCommand(flags: Flags): Promise<number> {
  const client = await ensureSupervisor(homeOf(flags));
  try {
    const done = await callShown(client, "resurrect", {}, flags);
    talkOf(flags).data(done);
    if (done.outcomes.length === 0) talkOf(flags).say("nothing was written down to be started");
    return tellOutcomes(done, talkOf(flags));
  } finally {
    client.close();
  }
}

/** Ends the supervisor and all apps; 0 also when none runs. */
export async function shutdownCommand(flags: Flags): Promise<number> {
  const client = await findOrRescue(homeOf(flags));
  if (!client) {
    talkOf(flags).say(`no supervisor runs in ${homeOf(flags).directory}`);
    return 0;
  }
  try {
    const { stopped } = await callShown(client, "shutdown", {}, flags);
    talkOf(flags).data({ stopped });
    talkOf(flags).say(
      `the supervisor has ended${stopped.length > 0 ? `; stopped: ${stopped.join(", ")}` : ""}`,
    );
    return 0;
  } finally {
    client.close();
  }
}

async function withSupervisor(
  flags: Flags,
  act: (client: ControlClient) => Promise<number>,
): Promise<number> {
  const client = await needSupervisor(homeOf(flags));
  try {
    return await act(client);
  } finally {
    client.close();
  }
}
