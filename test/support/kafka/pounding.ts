import { Example } from "../examples/example.ts";
import { judge, numbers, type Verdict } from "../examples/judge.ts";
import { until } from "../until.ts";
import { Sayings } from "./sayings.ts";

export const WORKERS = 4;
export const RELOADS = 5;
export const KILLS = 5;
/** Sent and not worked on yet, so that there is always something to lose. */
const AHEAD = 60;
const SOON = { timeoutMs: 40_000 };
/** How often it is looked whether more may be sent: enough to be busy, and no test of speed. */
const PACE = { intervalMs: 100 };
const APP = "consumers";

export interface Setting {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  /** Instead of what stands in the example's own file. */
  readonly description?: Readonly<Record<string, string | number>>;
  /** Resolves when the broker has the message. */
  readonly send: (value: string, partition: number) => Promise<unknown>;
}

export interface Outcome extends Verdict {
  readonly sent: number;
  /** How often a message was worked on again before anybody was killed. */
  readonly doubledByReloads: number;
  /** Who began as an identity that another process had. */
  readonly twins: readonly object[];
}

/** The consumers of examples/kafka-consumers, and what they have said. */
export class Consumers {
  readonly example: Example;
  readonly sayings: Sayings;
  readonly #setting: Setting;

  private constructor(setting: Setting, example: Example, sayings: Sayings) {
    this.#setting = setting;
    this.example = example;
    this.sayings = sayings;
  }

  /** Resolves when all of them have a share of the partitions. */
  static async start(setting: Setting): Promise<Consumers> {
    const { brokers, topic, partitions, description } = setting;
    const sayings = new Sayings();
    const example = await Example.start("kafka-consumers", {
      instances: WORKERS,
      env: { KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic, KAFKA_GROUP: `group-of-${topic}` },
      apps: {
        [APP]: { ...description, outFile: sayings.file, mergeLogs: true },
        front: { autostart: false },
      },
    });
    const isShared = (): boolean => {
      const { shares } = sayings;
      const all = shares.reduce((sum, share) => sum + share, 0);
      return shares.length === WORKERS && !shares.includes(0) && all === partitions;
    };
    const consumers = new Consumers(setting, example, sayings);
    try {
      await until(isShared, { what: "everybody to have a share of the partitions", ...SOON });
      return consumers;
    } catch (error) {
      await consumers[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Reloads them again and again, then kills one after the other, while messages come all the time. */
  async pound(kills = KILLS): Promise<Outcome> {
    const { sayings, example } = this;
    const killed: number[] = [];
    const sender = this.#send();
    const between = async (): Promise<void> => {
      const before = sayings.count;
      await until(() => sayings.count >= before + AHEAD, { what: "more messages", ...SOON });
    };
    await between();
    for (let round = 0; round < RELOADS; round += 1) await example.reload(APP).then(between);
    const reloaded = sayings.repeats;
    for (let round = 0; round < kills; round += 1) {
      killed.push(await example.kill(APP, round % WORKERS));
      await between();
    }
    const sent = await sender.stop();
    // What does not come is told as lost, by number.
    await until(() => sayings.count >= sent, { what: "all messages", ...SOON }).catch(() => {});
    const verdict = judge(numbers(1, sent), sayings.done);
    return { ...verdict, ...{ sent, doubledByReloads: reloaded, twins: sayings.twins(killed) } };
  }

  /** Sends numbered messages, by turns to all partitions, until it is stopped. */
  #send() {
    const { send, partitions } = this.#setting;
    let sent = 0;
    let isOver = false;
    const sending = (async () => {
      while (!isOver) {
        const what = "messages to be worked on";
        await until(() => isOver || sent - this.sayings.count < AHEAD, { what, ...SOON, ...PACE });
        for (let left = partitions; left > 0; left -= 1) {
          await send(String(sent + 1), (sent + 1) % partitions);
          sent += 1;
        }
      }
    })();
    // Who waits for more to be done hears first that nothing comes; this is told by stop().
    sending.catch(() => {});
    return {
      async stop(): Promise<number> {
        isOver = true;
        await sending;
        return sent;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.example[Symbol.asyncDispose]();
    this.sayings[Symbol.dispose]();
  }
}
