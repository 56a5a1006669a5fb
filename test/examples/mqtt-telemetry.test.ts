/** examples/mqtt-telemetry: each reading is stored, over reloads, kills, scaling and a stop; twice only what a kill cut off. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import mqtt from "mqtt";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { judge, numbers } from "../support/examples/judge.ts";
import { hasMosquitto, Mosquitto } from "../support/mosquitto.ts";
import { until } from "../support/until.ts";

/** What the publisher sends all the time, and at once before each blow: the workers are busy when it comes. */
const STEP = 10;
const EVERY_MS = 100;
const BURST = 400;
const SENSORS = 7;
const SLOTS = 4;
const STORED_WITHIN_MS = 20_000;
/** Of what the broker keeps for a slot nothing may be dropped: its default is 1000 messages. */
const SETTINGS = ["max_queued_messages 100000"];

interface Reading {
  readonly sensor: string;
  readonly value: string;
  readonly slot: number;
  readonly pid: number;
  /** The broker has sent it before. */
  readonly dup: boolean;
}

/** Sends numbers, and knows how many the broker has acknowledged. */
class Sensors {
  readonly #client: mqtt.MqttClient;
  readonly #publishing: Promise<unknown>[] = [];
  #last = 0;
  #isOver = false;
  readonly #steps: Promise<void>;

  constructor(url: string) {
    this.#client = mqtt.connect(url, { protocolVersion: 5 });
    this.#steps = this.#goOn();
  }

  publish(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#last += 1;
      const topic = `telemetry/${this.#last % SENSORS}`;
      this.#publishing.push(this.#client.publishAsync(topic, String(this.#last), { qos: 1 }));
    }
  }

  /** Resolves with how many there were when the broker has them all. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#steps;
    await Promise.all(this.#publishing);
    await this.#client.endAsync();
    return this.#last;
  }

  async #goOn(): Promise<void> {
    while (!this.#isOver) {
      this.publish(STEP);
      await sleep(EVERY_MS);
    }
  }
}

/** What workers have stored so far, slot by slot. */
function stored(example: Example): readonly Reading[] {
  return numbers(0, SLOTS - 1).flatMap((slot) => {
    const file = join(example.house.home, "logs", "telemetry", `${slot}-out.log`);
    const lines = readFileSync(file, "utf8").split("\n");
    // The last one is empty, or is being written.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as Reading);
  });
}

const valuesOf = (readings: readonly Reading[]): readonly number[] =>
  readings.map(({ value }) => Number(value));

async function more(example: Example): Promise<void> {
  const before = stored(example).length;
  const isMore = (): boolean => stored(example).length >= before + 100;
  await until(isMore, { what: "more readings", timeoutMs: STORED_WITHIN_MS, intervalMs: 100 });
}

/** The verdict when all has been stored, or when no more comes. */
async function verdictOf(example: Example, sent: number) {
  const verdict = () => judge(numbers(1, sent), valuesOf(stored(example)));
  const isAll = (): boolean => verdict().lost.length === 0;
  // What is lost is in the verdict.
  await until(isAll, { what: "", timeoutMs: STORED_WITHIN_MS, intervalMs: 200 }).catch(() => {});
  const { lost, doubled, strange } = verdict();
  return { lost, doubled, strange };
}

// skip: mosquitto is not installed (Debian: mosquitto)
it.skipIf(!hasMosquitto())(
  "[mosquitto] stores each reading, over reloads and kills",
  async () => {
    await using broker = await Mosquitto.start(SETTINGS);
    await using example = await Example.start("mqtt-telemetry", { env: { MQTT_URL: broker.url } });
    const sensors = new Sensors(broker.url);
    const killed: number[] = [];
    let before: readonly number[] = [];
    const pids = async (): Promise<readonly number[]> =>
      (await example.workers()).flatMap(({ pid }) => (pid === null ? [] : [pid]));
    await example.pound({
      between: async (after) => {
        const now = await pids();
        if (after === "kill") killed.push(...before.filter((pid) => !now.includes(pid)));
        before = now;
        await more(example);
        sensors.publish(BURST);
      },
    });
    const sent = await sensors.stop();
    const { doubled, ...verdict } = await verdictOf(example, sent);
    const all = stored(example);
    const counts = {
      ...{ sent, killed: killed.length, doubled: doubled.length },
      again: all.filter(({ dup }) => dup).length,
      by: numbers(0, SLOTS - 1).map((slot) => all.filter((each) => each.slot === slot).length),
    };
    expect(verdict, JSON.stringify(counts)).toEqual({ lost: [], strange: [] });
    expect(killed, JSON.stringify(counts)).toHaveLength(5);
    // Stored, and killed before the broker knew: a worker has one at a time in hand.
    const firstBy = doubled.map((value) => all.find((each) => Number(each.value) === value)?.pid);
    expect(
      firstBy.filter((pid) => !killed.includes(pid ?? 0)),
      JSON.stringify(counts),
    ).toEqual([]);
    expect(new Set(firstBy).size, JSON.stringify(counts)).toBe(firstBy.length);
    // The kills have hit readings that were handed out.
    expect(counts.again, JSON.stringify(counts)).toBeGreaterThan(0);
    expect(broker.said).not.toContain("dropped");
  },
  300_000,
);

// skip: mosquitto is not installed (Debian: mosquitto)
it.skipIf(!hasMosquitto())(
  "[mosquitto] stores each reading once, when scaled and stopped",
  async () => {
    await using broker = await Mosquitto.start(SETTINGS);
    await using example = await Example.start("mqtt-telemetry", { env: { MQTT_URL: broker.url } });
    const sensors = new Sensors(broker.url);
    await more(example);
    for (const count of ["2", "4", "1"]) {
      sensors.publish(BURST);
      await example.house.ok(["scale", "telemetry", count]);
      await more(example);
    }
    await example.house.ok(["stop", "telemetry"]);
    // Nobody is there, and the session keeps them.
    sensors.publish(BURST);
    const sent = await sensors.stop();
    await example.house.ok(["start", "telemetry"]);
    const counts = `${sent} sent`;
    expect(await verdictOf(example, sent), counts).toEqual({ lost: [], doubled: [], strange: [] });
    expect(broker.said).not.toContain("dropped");
  },
  120_000,
);
