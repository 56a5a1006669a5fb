// A static member of a consumer group: a reload or a crash moves no partition, as the slot's next process takes its place.
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { draining, onActivate, onDrain } from "holdfast/worker";
import { BROKERS, fail, GROUP, IDENTITY, say, TOPIC } from "./kafka.mjs";

const consumer = new Consumer({
  groupId: GROUP,
  groupInstanceId: IDENTITY,
  clientId: IDENTITY,
  bootstrapBrokers: BROKERS,
  deserializers: stringDeserializers,
  autocommit: false,
  // How long the partitions wait for the slot's next process, before others get them.
  sessionTimeout: 30_000,
  heartbeatInterval: 1_000,
  maxWaitTime: 1_000,
});

consumer.on("consumer:group:join", ({ assignments }) =>
  say({ joined: assignments.flatMap(({ partitions }) => partitions).length }),
);
// Somebody else has this identity now. The client would go on with its heartbeats, in vain, and look well.
consumer.on("consumer:heartbeat:error", ({ error }) => {
  if (error.findBy?.("apiId", "FENCED_INSTANCE_ID")) fail(error);
});

let stream;
let consuming = Promise.resolve();

async function consume() {
  say({ began: IDENTITY });
  stream = await consumer.consume({ topics: [TOPIC], mode: "committed", fallbackMode: "earliest" });
  // The drain may have begun while the group was still sharing.
  if (draining.aborted) await stream.close();
  for await (const message of stream) {
    say({ done: Number(message.value), partition: message.partition });
    await message.commit();
  }
}

onActivate(() => {
  consuming = consume().catch(fail);
});

onDrain("consumers", async () => {
  // What was fetched and not begun stays uncommitted: the successor fetches it again.
  await stream?.close();
  await consuming;
  // close() would leave the group; without a member id there is nobody to leave it, and heartbeats end, too.
  consumer.memberId = null;
  await consumer.leaveGroup();
  await consumer.close();
  say({ ended: IDENTITY });
});

process.send?.("ready");
