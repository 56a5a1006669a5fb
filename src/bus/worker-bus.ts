/** The bus of this process: of the supervisor that has started it. */

import { HOOKS, type WorkerHooks } from "../agent/hooks.ts";
import { HoldfastError } from "../errors.ts";
import type { Bus } from "./api.ts";
import { BusClient } from "./client.ts";
import type { BusTarget } from "./connection.ts";

/** Connects when it is first used, and not before: most workers never do. */
export function createWorkerBus(hooks: () => WorkerHooks | undefined): Bus {
  const client: BusClient = new BusClient(() => {
    const found = hooks();
    const target = targetOf(found);
    leaveWith(found, client);
    return target;
  });
  return client;
}

/** Throws HF_BUS_UNREACHABLE where this process has no supervisor with a bus. */
function targetOf(hooks: WorkerHooks | undefined): BusTarget {
  if (!hooks) {
    const reason =
      "this process is no worker of Holdfast, nor is a thread or a child of one; connect() takes a socket's address";
    throw new HoldfastError("HF_BUS_UNREACHABLE", { reason });
  }
  const { bus } = hooks;
  if (!bus) {
    const reason = "the supervisor could not open it; its log says why";
    throw new HoldfastError("HF_BUS_UNREACHABLE", { reason });
  }
  return { path: bus.path, hello: { worker: { id: bus.worker, token: bus.token } } };
}

/** A worker that drains takes nothing more of what others could do, and ends what it has. */
function leaveWith(hooks: WorkerHooks | undefined, client: BusClient): void {
  if (hooks?.draining.aborted) void client.drain();
  else hooks?.onDrain("consumers", () => client.drain());
}

/** The hooks the agent has left for the app. */
export function ownHooks(): WorkerHooks | undefined {
  return (globalThis as { [HOOKS]?: WorkerHooks })[HOOKS];
}
