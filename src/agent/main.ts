/**
 * The agent: preloaded into every worker with `--require`, before the app. It makes an unchanged app
 * accept from the supervisor's sockets, drain and stop. Bundled to one CommonJS file without
 * dependencies. Everything here runs in the app's process.
 */

import { isMainThread } from "node:worker_threads";
import type { AgentSettings, SupervisorMessage } from "../link/agent-messages.ts";
import { AppMetrics } from "./app-metrics.ts";
import { type Channel, openChannel } from "./channel.ts";
import { Debugger } from "./debugger.ts";
import { Drain } from "./drain.ts";
import { outliveFullDisk } from "./full-disk.ts";
import { Gate } from "./gate.ts";
import { guardDescriptors } from "./guard.ts";
import { Health } from "./health.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { createHooks, HOOKS, type HookRunner } from "./hooks.ts";
import { closeBeforeDisconnect, raiseStop, watchMessageListeners } from "./leave.ts";
import { ListenHook } from "./listen.ts";
import { Measure } from "./measure.ts";
import type { Handle, InternalServer } from "./node-internals.ts";
import { probeUntilReady } from "./probe.ts";
import { hideAgent, keepOutputWhole } from "./quiet.ts";
import { Traffic } from "./traffic.ts";

/** Left of the drain timeout for the app's own clean-up when connections will not end. */
const CLEANUP_RESERVE_MS = 2000;
/** A signal raised in this process arrives in its event loop, which must still be there. */
const SIGNAL_ARRIVES_MS = 100;

function start(settings: AgentSettings, debug: Debugger): void {
  const channel = openChannel();
  const traffic = new Traffic(() => gate.changed());
  if (settings.countRequests) traffic.requests.count();
  const gate = new Gate(channel, traffic, String(settings.worker), (key, client) => {
    listen.deliver(key, client);
  });
  const guard = guardDescriptors((reached) => {
    if (reached) listen.vacate();
    channel.send({ t: "limit", reached });
  });
  const probeOnce = readiness(settings.probe, channel);
  const listen = new ListenHook(
    channel,
    {
      listening(server) {
        traffic.watch(server);
        probeOnce(server);
      },
      accepted(key, client) {
        guard.accepted();
        return gate.passes(key, client);
      },
    },
    settings.slot,
  );
  const metrics = new AppMetrics(channel, settings.metrics);
  const hooks = createHooks(settings, channel.hold, (registry) => metrics.register(registry));
  (globalThis as Record<symbol, unknown>)[HOOKS] = hooks.hooks;
  closeBeforeDisconnect(traffic.servers, channel.hold);
  const health = new Health(settings.health, {
    servers: traffic.servers,
    check: hooks.healthCheck,
    tell: (fault) => channel.send({ t: "health", fault }),
  });
  const measure = new Measure({ channel, traffic, debug }, settings.metrics.collect);
  // At once, so that all is known of a worker that hangs as soon as it is ready.
  measure.beat();
  startHeartbeat(settings.hangTimeoutMs, () => measure.beat());
  const leave = createLeave({ traffic, listen, hooks, gate, channel, measure, metrics }, settings);
  channel.on((message, handle) =>
    obey(message, handle, { listen, hooks, gate, channel, health, debug, leave }),
  );
  process.on("uncaughtExceptionMonitor", (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    channel.send({ t: "uncaught", text: text.slice(0, 4000) });
  });
}

/** Asks the first server that listens, until it says that it is ready; with `null` nobody is asked. */
function readiness(path: string | null, channel: Channel): (server: InternalServer) => void {
  let isProbed = false;
  return (server) => {
    if (path === null || isProbed) return;
    isProbed = true;
    server.once("listening", () => {
      const failed = (result: string): void => channel.send({ t: "probe", result });
      probeUntilReady(server, path, () => channel.send({ t: "ready" }), failed);
    });
  };
}

interface Parts {
  readonly listen: ListenHook;
  readonly hooks: HookRunner;
  readonly gate: Gate;
  readonly channel: Channel;
  readonly health: Health;
  readonly debug: Debugger;
  readonly leave: Leave;
}

function obey(message: SupervisorMessage, handle: Handle | undefined, parts: Parts): void {
  const { listen, hooks, gate, channel, health, debug, leave } = parts;
  switch (message.t) {
    case "bound":
      return listen.answer(message);
    case "attach":
      if (handle) listen.attach(message.key, message.shard, handle);
      return;
    case "detach":
      return listen.detach(message.key, message.shard);
    case "passed":
      return gate.passed();
    case "take":
      gate.taken();
      if (handle && !listen.deliver(message.key, handle)) handle.close();
      return;
    case "offer":
      return channel.send({ t: gate.acceptsOffer() ? "accept" : "refuse", offer: message.offer });
    case "loads":
      return gate.heard(message.loads);
    case "activate":
      // It serves from now on.
      health.start();
      return hooks.activate();
    case "inspected":
      return debug.close();
    case "drain":
      health.stop();
      return leave.begin(message.timeoutMs);
    case "hurry":
      return leave.hurry(message.withinMs);
  }
}

interface Leave {
  begin(timeoutMs: number): void;
  hurry(withinMs: number): void;
}

function createLeave(
  parts: Omit<Parts, "leave" | "health" | "debug"> & {
    readonly traffic: Traffic;
    readonly measure: Measure;
    readonly metrics: AppMetrics;
  },
  settings: AgentSettings,
): Leave {
  const { traffic, listen, hooks, gate, channel, measure, metrics } = parts;
  let drain: Drain | null = null;
  let isRaised = false;
  let release = (): void => {};
  const listensToMessages = watchMessageListeners();

  const raise = (): void => {
    if (isRaised) return;
    isRaised = true;
    setTimeout(release, SIGNAL_ARRIVES_MS);
    // An app without handlers of its own ends by the signal, without a word.
    measure.tell();
    raiseStop(settings.shutdownMessage, listensToMessages);
  };
  /** Whatever is still open: the app's own clean-up gets its time before the supervisor's kill. */
  const raiseBefore = (deadlineMs: number): void => {
    const reserve = Math.min(CLEANUP_RESERVE_MS, deadlineMs / 10);
    setTimeout(raise, deadlineMs - reserve).unref();
  };

  return {
    begin(timeoutMs) {
      if (drain) return;
      release = channel.hold();
      listen.leave();
      gate.leave();
      const hooked = hooks.drain(() => channel.send({ t: "released" }));
      const drained = new Promise<void>((done) => {
        drain = new Drain(traffic, timeoutMs, () => gate.underWay() > 0, done);
      });
      void Promise.all([hooked, drained])
        .then(() => metrics.last())
        .then(raise);
      raiseBefore(timeoutMs);
    },
    hurry(withinMs) {
      drain?.hurry();
      raiseBefore(withinMs);
    },
  };
}

const settings = process.env.HOLDFAST_AGENT;
const debug = new Debugger();
// In the app's threads, too: they inherit the --require.
hideAgent();
if (settings !== undefined && isMainThread) {
  keepOutputWhole();
  outliveFullDisk();
  start(JSON.parse(settings) as AgentSettings, debug);
}
