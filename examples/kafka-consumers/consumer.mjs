// A member of a consumer group with kafkajs, which knows dynamic members only: whoever comes or goes has the group share anew.
import { onActivate, onDrain } from "holdfast/worker";
import { Kafka, logLevel } from "kafkajs";
import { BROKERS, fail, GROUP, IDENTITY, say, TOPIC } from "./kafka.mjs";

const kafka = new Kafka({ clientId: IDENTITY, brokers: BROKERS, logLevel: logLevel.ERROR });
const consumer = kafka.consumer({
  groupId: GROUP,
  // So long the partitions of a killed worker lie idle.
  sessionTimeout: 6_000,
  // By it the others hear that somebody has come or gone, and the group waits for the last of them.
  heartbeatInterval: 300,
  // So long a drain may have to wait for a fetch that brings nothing.
  maxWaitTimeInMs: 500,
});
let consuming = Promise.resolve();

consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => restart || fail(error));
consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) =>
  say({ joined: Object.values(memberAssignment).flat().length }),
);

async function eachMessage({ partition, message, heartbeat }) {
  say({ done: Number(message.value), partition });
  await heartbeat();
}

async function consume() {
  say({ began: IDENTITY });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  // Committed after each message: what a kill repeats is one message, and not all that were fetched.
  await consumer.run({ autoCommitThreshold: 1, eachMessage });
}

onActivate(() => {
  consuming = consume().catch(fail);
});

// Ends the message in hand, commits it and leaves the group; the successor joins after that.
onDrain("consumers", async () => {
  await consuming;
  await consumer.disconnect();
  say({ ended: IDENTITY });
});

process.send?.("ready");
