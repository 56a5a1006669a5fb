/** The measured part of a load: warms up, counts, and prints what bench/turn.mjs reads. */

/**
 * @typedef {object} Tally
 * @property {boolean} isCounting
 * @property {number} counted
 * @property {number} total
 * @property {number} [elsewhere]
 * @property {Record<string, number>} errors
 * @property {import("./latencies.mjs").Latencies} latencies
 */

/**
 * Ends the process.
 * @param {Tally} tally of a load that runs
 * @param {readonly { isStalled(): boolean }[]} clients
 * @param {{ warmup: number, seconds: number }} pace seconds
 */
export async function measureAndEnd(tally, clients, { warmup, seconds }) {
  await pause(warmup);
  tally.isCounting = true;
  const begin = performance.now();
  await pause(seconds);
  tally.isCounting = false;
  const took = (performance.now() - begin) / 1000;
  tally.errors.stalled = clients.filter((client) => client.isStalled()).length;
  const { user, system } = process.cpuUsage();
  const result = {
    seconds: took,
    counted: tally.counted,
    total: tally.total,
    elsewhere: tally.elsewhere ?? 0,
    errors: tally.errors,
    latencies: tally.latencies.counts(),
    cpuMs: (user + system) / 1000,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

/** @param {number} seconds */
function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
