/**
 * "holdfast/socket.io": the adapter that makes the Socket.IO servers of all workers of an app one. Needs the package
 * socket.io-adapter, which comes with socket.io.
 */

import type { Adapter } from "socket.io-adapter";
import { HoldfastAdapter } from "./socket-io/adapter.ts";
import { Cluster } from "./socket-io/cluster.ts";
import type { Namespace } from "./socket-io/namespace.ts";
import { type AdapterOptions, readTerms } from "./socket-io/options.ts";
import { busOfThisWorker } from "./socket-io/worker.ts";

/**
 * For `io.adapter(createAdapter())`: rooms, broadcasts and all that asks for sockets span the workers of the app, and
 * clients get their session and what they have missed from whichever worker they come back to. Throws
 * HF_BUS_OPTION_INVALID.
 */
export function createAdapter(options?: AdapterOptions): typeof Adapter {
  const terms = readTerms(options);
  const clusters = new WeakMap<object, Cluster>();
  return class extends HoldfastAdapter {
    constructor(nsp: Namespace) {
      const known = clusters.get(nsp.server);
      const cluster = known ?? new Cluster({ ...terms, bus: terms.bus ?? busOfThisWorker() });
      clusters.set(nsp.server, cluster);
      super(nsp, cluster);
    }
  };
}

export type { AdapterOptions };
