/**
 * examples/kafka-consumers: a slot's identity is never had by two at once, and no message is lost, over reloads and kills.
 * Debian has no Kafka: what is tested against librdkafka's mock, or a stand-in of the tests' own, says so in its name.
 */

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Admin, Consumer, Producer, stringSerializers } from "@platformatic/kafka";
import { Kafka, logLevel } from "kafkajs";
import { expect, it } from "vitest";
import { Consumers, KILLS, type Outcome, RELOADS, WORKERS } from "../support/kafka/pounding.ts";
import { KafkaStandIn } from "../support/kafka/stand-in.ts";
import { hasKcat, KafkaMock } from "../support/kafka.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 8;
/** What librdkafka's mock gives a topic. */
const MOCK_PARTITIONS = 4;
/** Each costs the session timeout of a dynamic member, and then the group shares anew. */
const KILLS_ON_MOCK = 2;
const STATIC = { script: "static-member.mjs" };
/** A group that shares anew wants to have done so before the next worker is replaced. */
const DYNAMIC = { minUptime: 1500 };
const { KAFKA_BROKERS = "" } = process.env;

function staticSetting(brokers: string, topic: string) {
  const producer = new Producer({
    ...{ clientId: "test", bootstrapBrokers: brokers.split(","), serializers: stringSerializers },
  });
  return {
    ...{ brokers, topic, partitions: PARTITIONS, description: STATIC },
    send: (value: string, partition: number) =>
      producer.send({ messages: [{ topic, value, partition }], acks: -1 }),
    [Symbol.asyncDispose]: async () => producer.close(),
  };
}

async function kafkajsSetting(brokers: string, topic: string, partitions: number) {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  return {
    ...{ brokers, topic, partitions, description: DYNAMIC },
    send: (value: string, partition: number) =>
      producer.send({ topic, acks: -1, messages: [{ value, partition }] }),
    [Symbol.asyncDispose]: () => producer.disconnect(),
  };
}

async function newTopic(brokers: string): Promise<string> {
  const topic = `holdfast-${randomUUID()}`;
  const admin = new Admin({ clientId: "test", bootstrapBrokers: brokers.split(",") });
  await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
  await admin.close();
  return topic;
}

/** The counts; a failure shows the numbers of the messages, too. */
function tell(name: string, { sent, doubled, doubledByReloads, lost, twins }: Outcome): void {
  const counts = { sent, lost: lost.length, doubled: doubled.length, doubledByReloads };
  console.log(`${name}, ${RELOADS} reloads and ${KILLS} kills:`, JSON.stringify(counts), twins);
}

const NOTHING_AMISS = { lost: [], strange: [], twins: [] };

it("[no Kafka: a stand-in of the tests] static members: nothing moves or is lost; a kill repeats one message at most", async () => {
  await using standIn = await KafkaStandIn.start("numbers", PARTITIONS);
  await using setting = staticSetting(standIn.brokers, "numbers");
  await using consumers = await Consumers.start(setting);
  const before = { ...standIn.group.history };
  const outcome = await consumers.pound();
  tell("static members", outcome);
  expect(outcome).toMatchObject({ ...NOTHING_AMISS, doubledByReloads: 0 });
  expect(outcome.doubled.length).toBeLessThanOrEqual(KILLS);
  expect(consumers.sayings.late).toEqual([]);
  // No rebalance, and nobody who left, was fenced or was missed.
  expect(standIn.group.history).toEqual({ ...before, replaced: RELOADS * WORKERS + KILLS });
  // What is done is said before it is committed.
  await until(() => standIn.committed >= outcome.sent, { what: "all messages to be committed" });
  expect(standIn.committed).toBe(outcome.sent);
}, 400_000);

it("[no Kafka: a stand-in of the tests] a worker that has lost its identity to another ends, and does not stay ready", async () => {
  await using standIn = await KafkaStandIn.start("numbers", PARTITIONS);
  await using setting = staticSetting(standIn.brokers, "numbers");
  await using consumers = await Consumers.start(setting);
  const { example } = consumers;
  const [victim] = await example.workers("consumers");
  const groupInstanceId = `${hostname()}-${victim?.slot}`;
  const thief = new Consumer({
    ...{ groupId: "group-of-numbers", groupInstanceId, clientId: "thief" },
    bootstrapBrokers: [standIn.brokers],
  });
  thief.topics.track("numbers");
  await thief.joinGroup({});
  const ended = await until(
    async () => {
      const { apps } = await example.house.overview();
      const { lastExit } = apps.find(({ name }) => name === "consumers") ?? {};
      return lastExit?.pid === victim?.pid ? lastExit : null;
    },
    { what: "the worker to end", timeoutMs: 40_000 },
  );
  expect(ended.cause).toMatch(/code 1\b/);
  expect(ended.lastOutput.join("\n")).toMatch("FENCED_INSTANCE_ID");
  await thief.close(true);
}, 150_000);

// skip: KAFKA_BROKERS names no Kafka, and Debian has none
it.skipIf(!KAFKA_BROKERS)(
  "[KAFKA_BROKERS] static members: nothing is lost or had by two; a kill repeats one message at most",
  async () => {
    await using setting = staticSetting(KAFKA_BROKERS, await newTopic(KAFKA_BROKERS));
    await using consumers = await Consumers.start(setting);
    const outcome = await consumers.pound();
    tell("Kafka, static members", outcome);
    expect(outcome).toMatchObject({ ...NOTHING_AMISS, doubledByReloads: 0 });
    expect(outcome.doubled.length).toBeLessThanOrEqual(KILLS);
  },
  400_000,
);

// skip: KAFKA_BROKERS names no Kafka, and Debian has none
it.skipIf(!KAFKA_BROKERS)(
  "[KAFKA_BROKERS] kafkajs: no identity is had by two, and nothing is lost",
  async () => {
    const topic = await newTopic(KAFKA_BROKERS);
    await using setting = await kafkajsSetting(KAFKA_BROKERS, topic, PARTITIONS);
    await using consumers = await Consumers.start(setting);
    const outcome = await consumers.pound();
    tell("Kafka, kafkajs", outcome);
    expect(outcome).toMatchObject(NOTHING_AMISS);
  },
  400_000,
);

// skip: kcat is not installed (Debian: kcat)
it.skipIf(!hasKcat())(
  "[kcat: librdkafka's mock, no Kafka] kafkajs: no identity is had by two, and nothing is lost",
  async () => {
    await using mock = await KafkaMock.start();
    await using setting = await kafkajsSetting(mock.brokers, "numbers", MOCK_PARTITIONS);
    await using consumers = await Consumers.start(setting);
    const outcome = await consumers.pound(KILLS_ON_MOCK);
    tell("librdkafka's mock, kafkajs", outcome);
    expect(outcome).toMatchObject(NOTHING_AMISS);
  },
  400_000,
);
