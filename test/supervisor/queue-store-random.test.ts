/** Whatever is done in whatever order: what holds of a store afterwards. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Leased, QueueStore, Settlement } from "../../src/supervisor/queue/store.ts";
import { QueueFolder } from "./queue-folder.ts";

const queue = fc.constantFrom("mails", "bills");
const which = fc.nat(20);
const step = fc.oneof(
  fc.record({ do: fc.constant("add" as const), queue, key: fc.constantFrom(null, "k", "l") }),
  fc.record({ do: fc.constant("take" as const), queue, limit: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    do: fc.constant("settle" as const),
    which,
    how: fc.constantFrom("done" as const, "retry" as const, "dead" as const, "release" as const),
    delayMs: fc.constantFrom(0, 3_600_000),
  }),
  fc.record({ do: fc.constant("retry" as const), queue }),
  fc.record({
    do: fc.constant("purge" as const),
    queue,
    state: fc.constantFrom("ready" as const, "delayed" as const, "leased" as const),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Does one step; `out` are the leases that have not been settled, as their holder sees it. */
async function perform(folder: QueueFolder, store: QueueStore, out: Leased[], one: Step) {
  if (one.do === "add") {
    await store.add(folder.message("a", { queue: one.queue, key: one.key, attempts: 2 }));
  } else if (one.do === "take") {
    out.push(...(await store.take(one.queue, one.limit, "w1")));
  } else if (one.do === "settle") {
    const [lease] = out.splice(one.which % Math.max(out.length, 1), 1);
    if (lease === undefined) return;
    const how = { how: one.how, delayMs: one.delayMs, error: null, reason: "failed" };
    await store.settle({ id: lease.id, attempt: lease.attempt, ...how } as Settlement);
  } else if (one.do === "retry") {
    await store.retry(one.queue, null);
  } else {
    await store.purge(one.queue, one.state, null);
  }
}

describe("a store after any steps", () => {
  it("has one of a key out at most, strands nobody, and counts in memory what is in the file", async () => {
    const steps = fc.array(step, { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await using folder = new QueueFolder();
        const store = await folder.open();
        const out: Leased[] = [];
        for (const one of all) {
          await perform(folder, store, out, one);
          const held = new Set((await store.held()).map(({ id, attempt }) => `${id} ${attempt}`));
          const keys = out
            .filter(({ id, attempt, key }) => key !== null && held.has(`${id} ${attempt}`))
            .map((lease) => `${lease.queue} ${lease.key}`);
          expect(new Set(keys).size).toBe(keys.length);
        }
        const { depth, queues } = store.reading;
        await store.close();
        const again = await folder.open({ clockAheadMs: 3_600_000 });
        // What was delayed is ready by now.
        const { ready, delayed, ...others } = again.reading.depth;
        expect({ ...others, waiting: ready + delayed }).toEqual({
          ...{ leased: depth.leased, dead: depth.dead, bytes: depth.bytes },
          waiting: depth.ready + depth.delayed,
        });
        expect([...again.reading.queues.keys()].sort()).toEqual([...queues.keys()].sort());
        expect(await drained(again)).toBe(depth.ready + depth.delayed + depth.leased);
      }),
      { numRuns: 15 },
    );
  });
});

/** How many come when all that is out is done, again and again. */
async function drained(store: QueueStore): Promise<number> {
  let count = 0;
  for (;;) {
    const held = await store.held();
    const done = held.map(({ id, attempt }) => store.settle({ id, attempt, how: "done" }));
    count += (await Promise.all(done)).filter(Boolean).length;
    const taken = [await store.take("mails", 100, "w1"), await store.take("bills", 100, "w1")];
    if (taken.flat().length === 0) return count;
  }
}
