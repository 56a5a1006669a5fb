/** examples/redis-pubsub, its jobs: each is done once, whatever is reloaded or killed, as a slot's worker takes up what the last one left. */

import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "redis";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { FAULTLESS, judge, numbers } from "../support/examples/judge.ts";
import { hasRedis, Redis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const ROUNDS = 5;
const JOBS = "example:{jobs}";
const DONE = `${JOBS}:done`;

async function connectTo({ url }: Redis) {
  const client = createClient({ url }).on("error", (error) => console.error(error));
  await client.connect();
  return client;
}

/** There are always more jobs than all workers have in hand: each drain and kill finds them at work. */
function keepBusy(client: Awaited<ReturnType<typeof connectTo>>) {
  let isOver = false;
  let last = 0;
  const run = async (): Promise<void> => {
    while (!isOver) {
      const batch = numbers(last + 1, last + Math.max(0, 200 - (last - (await client.lLen(DONE)))));
      await Promise.all(batch.map((number) => client.xAdd(JOBS, "*", { text: `${number}` })));
      last += batch.length;
      await pause(50);
    }
  };
  const done = run();
  return {
    /** Resolves with the number of the last one. */
    async stop(): Promise<number> {
      isOver = true;
      await done;
      return last;
    },
  };
}

// skip: redis-server is not installed (Debian: redis-server)
it.skipIf(!hasRedis())(
  "[redis-server] does each job of a stream once, over reloads and kills",
  async () => {
    await using redis = await Redis.start();
    await using example = await Example.start("redis-pubsub", {
      env: { REDIS_URL: redis.url },
      apps: { feed: { instances: 1 } },
    });
    const client = await connectTo(redis);
    const poster = keepBusy(client);
    try {
      const between = async (): Promise<void> => {
        const before = await client.lLen(DONE);
        await until(async () => (await client.lLen(DONE)) >= before + 40, { what: "more done" });
      };
      await example.pound({ apps: ["jobs"], reloads: ROUNDS, between });
      const last = await poster.stop();
      await until(async () => (await client.lLen(DONE)) >= last, { what: `${last} to be done` });
      const pending = await client.xPending(JOBS, "workers");
      const done = (await client.lRange(DONE, 0, -1)).map(Number);
      const begun = Number(await client.get(`${JOBS}:begun`));
      // Slots work side by side: jobs end in another order than they came.
      expect({ ...judge(numbers(1, last), done), late: [] }).toEqual(FAULTLESS);
      expect(pending.pending).toBe(0);
      // A kill cuts off the job that the worker is at.
      expect(begun - done.length).toBeLessThanOrEqual(ROUNDS);
    } finally {
      await poster.stop();
      client.destroy();
    }
  },
  240_000,
);
