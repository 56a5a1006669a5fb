/**
 * The agent: preloaded into every worker with `--require`, before the app. It makes an unchanged app
 * accept from the supervisor's sockets, drain and stop. Bundled to one CommonJS file without
 * dependencies. Everything here runs in the app's process.
 */

import { isMainThread } from "node:worker_threads";
import type { AgentSettings, SupervisorMessage } from "../link/agent-messages.ts";
import { AppMetrics } from "./app-metrics.ts";
import { type Channel, openChannel } from "./channel.ts";
import { take } from "./claim.ts";
import { Debugger } from "./debugger.ts";
import { createLeave, type Leave } from "./departure.ts";
import { outliveFullDisk } from "./full-disk.ts";
import { Gate } from "./gate.ts";
import { guardDescriptors } from "./guard.ts";
import { Health } from "./health.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { outliveSupervisor } from "./home/outlive.ts";
import { createHooks, HOOKS, type HookRunner } from "./hooks.ts";
import { closeBeforeDisconnect } from "./leave.ts";
import { ListenHook } from "./listen.ts";
import { Measure } from "./measure.ts";
import type { Handle, InternalServer } from "./node-internals.ts";
import { probeUntilReady } from "./probe.ts";
import { hideAgent, keepOutputWhole } from "./quiet.ts";
import { Sticky } from "./sticky/sticky.ts";
import { Traffic } from "./traffic.ts";

function start(settings: AgentSettings, debug: Debugger): void {
  const channel = openChannel();
  const traffic = new Traffic(() => gate.changed());
  if (settings.countRequests) traffic.requests.count();
  const gate = new Gate(channel, traffic, String(settings.worker), (key, client) => {
    if (!listen.deliver(key, client)) client.close();
  });
  // Before what listens in this process is the supervisor's affair: it listens for its peers by itself.
  const sticky =
    settings.sticky &&
    new Sticky(settings.sticky, { channel, traffic, gate, listening: () => listen });
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
        return sticky?.passes(key, client) || gate.passes(key, client);
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
  const measure = new Measure({ channel, traffic, debug, sticky }, settings.metrics.collect);
  // At once, so that all is known of a worker that hangs as soon as it is ready.
  measure.beat();
  startHeartbeat(settings.hangTimeoutMs, () => measure.beat());
  const parts = { traffic, listen, hooks, gate, channel, measure, metrics, sticky };
  const leave = createLeave(parts, settings);
  channel.on((message, handle) => obey(message, handle, { ...parts, health, debug, leave }));
  outliveSupervisor(settings, { ...parts, leave });
  tellUncaught(channel);
}

function tellUncaught(channel: Channel): void {
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
  readonly sticky: Sticky | null;
}

function obey(message: SupervisorMessage, handle: Handle | undefined, parts: Parts): void {
  const { listen, hooks, gate, channel, health, debug, leave, sticky } = parts;
  switch (message.t) {
    case "bound":
      return listen.answer(message);
    case "attach":
      if (handle) listen.attach(message.key, message.shard, handle);
      return;
    case "detach":
      return listen.detach(message.key, message.shard);
    case "return":
      return listen.giveBack(message.key, message.shard);
    case "passed":
      return gate.passed(message.id);
    case "given":
      return gate.given(message.id);
    case "take":
      gate.taken();
      if (handle && !(take(handle) && listen.deliver(message.key, handle))) handle.close();
      return;
    case "offer":
      return channel.send({ t: gate.acceptsOffer() ? "accept" : "refuse", offer: message.offer });
    case "loads":
      return gate.heard(message.loads);
    case "activate":
      // It serves from now on.
      health.start();
      return hooks.activate();
    case "peers":
      return sticky?.heard(message.peers);
    case "handed":
      if (sticky && handle) sticky.handed(message.id, message.key, message.head, handle);
      else handle?.close();
      return;
    case "inspected":
      return debug.close();
    case "drain":
      health.stop();
      return leave.begin(message.timeoutMs, message.reason ?? null);
    case "hurry":
      return leave.hurry(message.withinMs);
  }
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
