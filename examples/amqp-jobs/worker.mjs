// Does the jobs of the queue, some at once; each is acknowledged when it is done, and not before.
import { setTimeout as sleep } from "node:timers/promises";
import { onDrain, slot } from "holdfast/worker";
import { fail, JOBS, open } from "./broker.mjs";

/** What a worker may hold at once: all of it comes again when the worker is killed. */
const PREFETCH = 10;

const { connection, channel } = await open();
const busy = new Set();

async function work(message) {
  const { id, ms = 20 } = JSON.parse(message.content.toString());
  await sleep(ms);
  const { redelivered } = message.fields;
  // The result comes before the acknowledgement: a kill in between repeats the job, and loses nothing.
  console.log(JSON.stringify({ done: id, by: slot, redelivered }));
  channel.ack(message);
}

function take(message) {
  if (message === null) return fail(new Error(`the broker has ended the consumer of ${JOBS}`));
  const job = work(message)
    .catch((error) => {
      console.error(error);
      channel.nack(message);
    })
    .finally(() => busy.delete(job));
  busy.add(job);
}

await channel.prefetch(PREFETCH);
const { consumerTag } = await channel.consume(JOBS, take);

// In this order: what still waits in the queue goes to others, and what is here is done and acknowledged.
onDrain("consumers", async () => {
  await channel.cancel(consumerTag);
  await Promise.all(busy);
  await channel.close();
  await connection.close();
});

process.send?.("ready");
