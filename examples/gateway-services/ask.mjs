// A request that outlives the workers it is given to, as long as there is time: what it asks for only reads, and may be done twice.
import { setTimeout as sleep } from "node:timers/promises";
import { bus } from "holdfast/bus";

/** Who had it is gone, or nobody can take it now. The code is also that of an error one service got from another. */
const PASSING = [
  ...["HF_BUS_WORKER_LOST", "HF_BUS_CONNECTION_LOST", "HF_BUS_NO_RESPONDERS"],
  "HF_BUS_OVERLOADED",
];
const AGAIN_AFTER_MS = 20;

/**
 * The answer, before `deadline` (milliseconds since 1970). `hold` waits where nobody is ready, `idempotent` asks
 * another worker where the first is lost; the loop is for those who lose the second one, too.
 */
export async function ask(subject, data, { deadline, signal }) {
  for (;;) {
    const timeout = Math.max(1, deadline - Date.now());
    try {
      return await bus.request(subject, data, { timeout, signal, idempotent: true, hold: true });
    } catch (error) {
      const isInTime = Date.now() + AGAIN_AFTER_MS < deadline;
      if (!PASSING.includes(error.code) || !isInTime) throw error;
      await sleep(AGAIN_AFTER_MS, undefined, { signal });
    }
  }
}
