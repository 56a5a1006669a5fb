/** `holdfast metrics`: once what a scrape would get, over the control socket. */

import { timeoutOf } from "../call.ts";
import { homeOf, needSupervisor } from "../connect.ts";

/** A scrape waits for nobody; a supervisor that needs longer is not well. */
const WITHIN_MS = 5000;

/** Prints the text, or with `-o json` an object around it. Resolves with the exit status. */
export async function metricsCommand(flags: Record<string, unknown>): Promise<number> {
  const client = await needSupervisor(homeOf(flags));
  try {
    const takes = { openMetrics: flags.openmetrics === true };
    const found = await client.call("metrics", takes, { timeoutMs: timeoutOf(flags, WITHIN_MS) });
    const isJson = flags.json === true || ["json", "ndjson"].includes(String(flags.output));
    process.stdout.write(isJson ? `${JSON.stringify({ version: 1, data: found })}\n` : found.body);
    return 0;
  } finally {
    client.close();
  }
}
