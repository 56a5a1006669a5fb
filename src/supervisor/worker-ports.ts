/** How listeners and gatekeeper reach workers: by messages, to those that are there. */

import type { Deliveries } from "./deliveries.ts";
import type { GatePort } from "./gatekeeper.ts";
import type { RunningWorker } from "./running-worker.ts";
import type { Attachments } from "./seating.ts";

type Workers = ReadonlyMap<number, RunningWorker>;

export function attachmentsOf(workers: Workers, deliveries: Deliveries): Attachments {
  return {
    attach: (worker, key, shard, handle) =>
      workers.get(worker)?.process.send({ t: "attach", key, shard }, handle, deliveries.begin()),
    detach: (worker, key, shard) => workers.get(worker)?.process.send({ t: "detach", key, shard }),
    giveBack: (worker, key, shard) =>
      workers.get(worker)?.process.send({ t: "return", key, shard }),
  };
}

export function gatePortOf(workers: Workers, listens: GatePort["listens"]): GatePort {
  return {
    listens,
    tell(worker, loads) {
      const { process } = workers.get(worker) ?? {};
      if (process && !process.isCongested()) process.send({ t: "loads", loads });
    },
    offer: (worker, offer, key) => workers.get(worker)?.process.send({ t: "offer", offer, key }),
    take(worker, key, connection, sent) {
      const found = workers.get(worker);
      if (found) found.process.send({ t: "take", key }, connection, (error) => sent(!error));
      else sent(false);
    },
  };
}
