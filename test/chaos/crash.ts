/** A worker that crashes because it is asked to. */

import { formatRequest } from "../support/http1.ts";
import { Http1Connection } from "../support/load/connection.ts";
import { state } from "../support/processes.ts";
import { until } from "../support/until.ts";

const CLIENTS = 8;
const ANSWER_WITHIN_MS = 5000;

/** Resolves with true when the worker stands still, about to throw; with false when only others have answered. */
export async function toldToCrash(pid: number, port: number): Promise<boolean> {
  const path = `/crash?pid=${pid}`;
  const request = formatRequest({ path, host: "chaos", headers: { Connection: "close" } });
  let unanswered = CLIENTS;
  // At the same time: one after the other might all be taken by the worker that is quickest.
  const connections = Array.from({ length: CLIENTS }, () => {
    const connection = new Http1Connection({ port });
    const [reply] = connection.send([request], ANSWER_WITHIN_MS);
    void reply?.then(() => {
      unanswered -= 1;
    });
    return connection;
  });
  const isStill = (): boolean => state(pid) === "T";
  const patience = { what: "answers or a crash", intervalMs: 3 };
  await until(() => unanswered === 0 || isStill(), patience).catch(() => {});
  for (const connection of connections) connection.close();
  return isStill();
}
