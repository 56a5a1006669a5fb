/** Everything that is asked of the app meanwhile. */

import type { Http1Response } from "../support/http1.ts";
import type { Load } from "../support/load/run.ts";
import type { Ledger } from "./ledger.ts";
import { startHttpLoad } from "./load-http.ts";
import { startWsLoad } from "./load-ws.ts";

/** Loads that were started together. */
export interface Loads {
  /** Begins nothing more, and resolves when all is answered and every connection is closed. */
  stop(): Promise<void>;
}

export function startLoads(port: number, ledger: Ledger): Loads {
  const http = { port, clients: 2, thinkMs: 20, keepAlive: true };
  const loads: Load<null>[] = [
    startHttpLoad({ ...http, name: "keep-alive", clients: 6, request: plain }, ledger),
    startHttpLoad({ ...http, name: "fresh", clients: 3, keepAlive: false, request: plain }, ledger),
    startHttpLoad({ ...http, name: "slow", clients: 4, request: slow }, ledger),
    startHttpLoad({ ...http, name: "ask", request: asking }, ledger),
    startHttpLoad({ ...http, name: "publish", request: publishing }, ledger),
    startHttpLoad(
      { ...http, name: "enqueue", thinkMs: 150, request: () => enqueuing(ledger) },
      ledger,
    ),
    startWsLoad({ name: "websocket", port, clients: 8, intervalMs: 100 }, ledger),
  ];
  return {
    async stop() {
      for (const { failures, name } of await Promise.all(loads.map((load) => load.stop()))) {
        for (const { detail } of failures) throw new Error(`the load ${name} itself: ${detail}`);
      }
    },
  };
}

const plain = () => ({ path: "/" });

const slow = (n: number) => ({
  path: `/slow?ms=${100 + ((n * 37) % 400)}`,
  answered: ({ body }: Http1Response) =>
    body.toString().endsWith("done\n") ? null : "the end is missing",
});

const asking = (n: number) => ({
  path: `/ask?n=${n}`,
  answered: ({ body }: Http1Response) =>
    JSON.parse(body.toString()).n === String(n) ? null : `answer ${body.toString()} to ${n}`,
});

const publishing = () => ({ path: "/publish" });

function enqueuing(ledger: Ledger) {
  const n = ledger.nextMessage();
  const name = `m${n}`;
  return {
    path: "/enqueue",
    body: { name, waitMs: (n * 7) % 40 },
    answered(_response: Http1Response, at: number) {
      ledger.accepted.set(name, at);
      return null;
    },
  };
}
