/** The lines of what the bus counts. Pure. */

import { BUS_DROPS, BUS_KINDS, BUS_RESULTS } from "../core/bus/counts.ts";
import { QUEUE_STATES } from "../core/queue/desk-bounds.ts";
import { namedLevels, QUEUE_EVENTS } from "../core/queue/reading.ts";
import type { Sample } from "./histogram.ts";
import type { Scene } from "./scene.ts";

export const BUS_VALUES = {
  holdfast_bus_members: ({ bus }: Scene) => [{ labels: {}, value: bus.members }],
  holdfast_bus_locks: ({ bus }: Scene) => [{ labels: {}, value: bus.locks }],
  holdfast_bus_lock_waiters: ({ bus }: Scene) => [{ labels: {}, value: bus.lockWaiters }],
  holdfast_bus_messages_total: ({ bus }: Scene) => lines("kind", BUS_KINDS, bus.messages),
  holdfast_bus_dropped_total: ({ bus }: Scene) => lines("reason", BUS_DROPS, bus.dropped),
  holdfast_bus_requests_total: ({ bus }: Scene) => lines("result", BUS_RESULTS, bus.requests),
  holdfast_bus_auth_failures_total: ({ bus }: Scene) => [{ labels: {}, value: bus.authFailures }],
  holdfast_queue_messages: ({ bus }: Scene) =>
    [...namedLevels(bus.queues.queues)].flatMap(([queue, levels]) =>
      QUEUE_STATES.map((state) => ({ labels: { queue, state }, value: levels[state] })),
    ),
  holdfast_queue_events_total: ({ bus }: Scene) => lines("event", QUEUE_EVENTS, bus.queues.events),
} as const;

function lines<Name extends string>(
  label: string,
  names: readonly Name[],
  values: Readonly<Record<Name, number>>,
): Sample[] {
  return names.map((name) => ({ labels: { [label]: name }, value: values[name] }));
}
