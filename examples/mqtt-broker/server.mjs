// An MQTT 3.1.1 broker in every worker, and all of them are one: clients may connect to any.
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Aedes } from "aedes";
import { bus } from "holdfast/bus";
import { onDrain, slot } from "holdfast/worker";
import { createEmitter } from "./emitter.mjs";
import { SharedPersistence } from "./persistence.mjs";

const { HOST = "127.0.0.1", PORT = "1884" } = process.env;
/** Between two clients that are sent away, and for all of them at most. */
const APART_MS = 5;
const ALL_WITHIN_MS = 10_000;

class Broker extends Aedes {
  #underWay = new Set();

  /** Aedes acknowledges first and passes on then: this knows what is between the two. */
  publish(packet, client, done) {
    const [by, told] = typeof client === "function" ? [null, client] : [client, done];
    const passedOn = new Promise((resolve) => {
      super.publish(packet, by, (error) => {
        told?.(error);
        resolve();
      });
    });
    this.#underWay.add(passedOn);
    passedOn.then(() => this.#underWay.delete(passedOn));
  }

  async settled() {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }
}

const persistence = new SharedPersistence();
const broker = new Broker({
  id: `${slot}-${process.pid}`,
  mq: await createEmitter(),
  persistence,
  // A client that does not read holds all others up no longer than that.
  drainTimeout: 5000,
  // The second half of QoS 2 may come to another worker, which knows nothing of the first.
  authorizePublish: (_client, { topic, qos }, done) => {
    const isAllowed = qos < 2 && !topic.startsWith("$SYS/");
    done(isAllowed ? null : new Error(`QoS ${qos} to ${topic} is not taken here`));
  },
});
broker.on("clientError", ({ id }, error) => console.error(`${id}: ${error.message}`));
await broker.listen();

const server = createServer(broker.handle).listen(Number(PORT), HOST, () => {
  console.log(`broker: mqtt://${HOST}:${server.address().port}`);
});

// MQTT 3.1.1 has no word for it: a connection that ends is how clients hear of it, and they connect to other workers.
onDrain(async () => {
  const clients = Object.values(broker.clients);
  for (const client of clients) {
    client.close();
    await sleep(Math.min(APART_MS, ALL_WITHIN_MS / clients.length));
  }
  await new Promise((closed) => broker.close(closed));
  await broker.settled();
  await persistence.settled();
  await bus.flush();
});
