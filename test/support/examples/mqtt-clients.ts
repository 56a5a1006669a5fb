/** MQTT 3.1.1 clients that count. */

import { setTimeout as sleep } from "node:timers/promises";
import mqtt from "mqtt";
import { numbers } from "./judge.ts";

const EVERY_MS = 10;

/** What a subscriber has heard: `a` 17, or null where its connection ended. */
type Heard = readonly [publisher: string, number: number] | null;

export interface ClientOptions extends mqtt.IClientOptions {
  readonly clientId: string;
}

/** Resolves when it is; from then on it connects again by itself. */
export function connected(url: string, options: ClientOptions): Promise<mqtt.MqttClient> {
  return mqtt.connectAsync(url, { protocolVersion: 4, reconnectPeriod: 100, ...options });
}

/** Sends number after number, each when the one before has been acknowledged; MQTT.js repeats what was not. */
export class Publisher {
  readonly #client: mqtt.MqttClient;
  readonly #name: string;
  readonly #done: Promise<void>;
  /** Acknowledged last before its worker was killed: Aedes acknowledges before it passes on. */
  readonly cutOff = new Set<number>();
  acknowledged = 0;
  /** Of its connection. */
  ends = 0;
  isKillNext = false;
  #isOver = false;

  constructor(client: mqtt.MqttClient, name: string) {
    this.#client = client;
    this.#name = name;
    client.on("close", () => {
      this.ends += 1;
      if (this.isKillNext) this.cutOff.add(this.acknowledged);
    });
    this.#done = this.#goOn();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    await this.#client.endAsync();
  }

  async #goOn(): Promise<void> {
    while (!this.#isOver) {
      const next = this.acknowledged + 1;
      await this.#client.publishAsync(`count/${this.#name}`, String(next), { qos: 1 });
      this.acknowledged = next;
      await sleep(EVERY_MS);
    }
  }
}

/** Notes all that it hears on `count/<publisher>`. */
export class Subscriber {
  readonly client: mqtt.MqttClient;
  readonly name: string;
  readonly #heard: Heard[] = [];
  readonly #last: Record<string, number> = {};

  private constructor(client: mqtt.MqttClient, name: string) {
    this.client = client;
    this.name = name;
    client.on("message", (topic, payload) => {
      const [, publisher = ""] = topic.split("/");
      const number = Number(payload);
      this.#heard.push([publisher, number]);
      this.#last[publisher] = Math.max(this.lastOf(publisher), number);
    });
    client.on("close", () => this.#heard.push(null));
  }

  static async start(url: string, options: ClientOptions, qos: 0 | 1): Promise<Subscriber> {
    const client = await connected(url, options);
    const subscriber = new Subscriber(client, options.clientId);
    await client.subscribeAsync("count/+", { qos });
    return subscriber;
  }

  lastOf(publisher: string): number {
    return this.#last[publisher] ?? 0;
  }

  /** What it has missed of a publisher while it was `away`, from a connection to the next one, and otherwise. */
  missed(publisher: string) {
    const away: number[] = [];
    const connected: number[] = [];
    const seen = new Set(this.#heard.flatMap((one) => (one?.[0] === publisher ? [one[1]] : [])));
    let hasBeenAway = false;
    let last = 0;
    for (const one of this.#heard) {
      if (one === null) hasBeenAway = true;
      if (one?.[0] !== publisher) continue;
      const missing = numbers(last + 1, one[1] - 1).filter((number) => !seen.has(number));
      (hasBeenAway ? away : connected).push(...missing);
      last = Math.max(last, one[1]);
      hasBeenAway = false;
    }
    return { away, connected };
  }

  /** What it has heard of a publisher once more in `another` connection, and in the `same` one. */
  doubled(publisher: string) {
    const counts = { another: 0, same: 0 };
    const heardIn = new Map<number, number>();
    let connection = 0;
    for (const one of this.#heard) {
      if (one === null) connection += 1;
      if (one?.[0] !== publisher) continue;
      const before = heardIn.get(one[1]);
      if (before !== undefined) counts[before === connection ? "same" : "another"] += 1;
      heardIn.set(one[1], connection);
    }
    return counts;
  }
}

/** Of each client, which workers it has connected to, as brokers tell one another. */
export async function watchArrivals(url: string) {
  const arrivals: Map<string, readonly string[]> = new Map();
  const client = await connected(url, { clientId: "watcher" });
  client.on("message", (topic, payload) => {
    const [, worker = ""] = topic.split("/");
    arrivals.set(String(payload), [...(arrivals.get(String(payload)) ?? []), worker]);
  });
  await client.subscribeAsync("$SYS/+/new/clients", { qos: 0 });
  return { arrivals, stop: () => client.endAsync() };
}
