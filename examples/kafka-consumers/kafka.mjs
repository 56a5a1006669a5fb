// What all of them need to know: where Kafka is, the topic, the group, and who this worker is in it.
import { hostname } from "node:os";
import { draining, slot } from "holdfast/worker";

const { KAFKA_BROKERS = "127.0.0.1:9092" } = process.env;

export const BROKERS = KAFKA_BROKERS.split(",");
export const { KAFKA_TOPIC: TOPIC = "events", KAFKA_GROUP: GROUP = "workers" } = process.env;

/** The same for every process that ever fills this slot, and for no two at once. */
export const IDENTITY = `${hostname()}-${slot}`;

export function say(what) {
  console.log(JSON.stringify({ identity: IDENTITY, pid: process.pid, ...what }));
}

/** A worker that consumes no more must not look well: it ends, and another one is started in its place. */
export function fail(error) {
  console.error(error);
  // One that leaves ends by itself: the group may refuse it what it no longer needs.
  if (draining.aborted) return;
  say({ ended: IDENTITY, because: error.message });
  process.exit(1);
}
