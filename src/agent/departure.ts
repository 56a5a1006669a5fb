/** How this worker leaves: what is open is drained, the app's hooks run, then the stop signal is raised. */

import type { LeaveReason } from "../core/worker.ts";
import type { AgentSettings } from "../link/agent-messages.ts";
import type { AppMetrics } from "./app-metrics.ts";
import type { Channel } from "./channel.ts";
import { Drain } from "./drain.ts";
import type { Gate } from "./gate.ts";
import type { HookRunner } from "./hooks.ts";
import { handlesStop, raiseStop, watchMessageListeners } from "./leave.ts";
import type { ListenHook } from "./listen.ts";
import type { Measure } from "./measure.ts";
import type { Sticky } from "./sticky/sticky.ts";
import type { Traffic } from "./traffic.ts";

/** Left of the drain timeout for the app's own clean-up when connections will not end. */
const CLEANUP_RESERVE_MS = 2000;
/** The supervisor kills at the end of the drain timeout: one that has not by then is gone, or stands still. */
const UNKILLED_MS = 2000;
/** A signal raised in this process arrives in its event loop, which must still be there. */
const SIGNAL_ARRIVES_MS = 100;

export interface Leave {
  begin(timeoutMs: number, reason: LeaveReason | null): void;
  hurry(withinMs: number): void;
}

interface LeaveParts {
  readonly traffic: Traffic;
  readonly listen: ListenHook;
  readonly hooks: HookRunner;
  readonly gate: Gate;
  readonly channel: Channel;
  readonly measure: Measure;
  readonly metrics: AppMetrics;
  readonly sticky: Sticky | null;
}

export function createLeave(parts: LeaveParts, settings: AgentSettings): Leave {
  const { traffic, listen, hooks, gate, channel, measure, metrics, sticky } = parts;
  let drain: Drain | null = null;
  let isRaised = false;
  let release = (): void => {};
  const listensToMessages = watchMessageListeners();

  const isAwaited = (): boolean => gate.underWay() > 0 || (sticky?.isAwaited() ?? false);
  const raise = (): void => {
    if (isRaised) return;
    isRaised = true;
    setTimeout(release, SIGNAL_ARRIVES_MS);
    // An app without handlers of its own ends by the signal, without a word.
    measure.tell();
    raiseStop(settings.shutdownMessage, listensToMessages);
  };
  const isHandled = (): boolean => handlesStop(settings.shutdownMessage, listensToMessages);

  return {
    begin(timeoutMs, reason) {
      if (drain) return;
      release = channel.hold();
      listen.leave();
      gate.leave();
      sticky?.leave(timeoutMs);
      // Before the hooks: what an app answers in one of them is answered in a drain.
      const drained = new Promise<void>((done) => {
        drain = new Drain(traffic, timeoutMs, isAwaited, done);
      });
      const hooked = hooks.drain(reason, () => channel.send({ t: "released" }));
      void Promise.all([hooked, drained])
        .then(() => metrics.last())
        .then(turn)
        .then(raise);
      raiseBefore(timeoutMs, raise, isHandled);
    },
    hurry(withinMs) {
      drain?.hurry();
      raiseBefore(withinMs, raise, isHandled);
    },
  };
}

/**
 * Whatever is still open: the app's own clean-up gets its time before the supervisor's kill. Where there is none
 * the drain goes on until that kill, which says what it was.
 */
function raiseBefore(deadlineMs: number, raise: () => void, isHandled: () => boolean): void {
  const reserve = Math.min(CLEANUP_RESERVE_MS, deadlineMs / 10);
  setTimeout(() => {
    if (isHandled()) raise();
    else setTimeout(raise, reserve + UNKILLED_MS).unref();
  }, deadlineMs - reserve).unref();
}

/** What was said last in this turn is written at its end: the bus, for one, collects until then. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
