// What brokers say to one another: an mqemitter whose messages go over the bus, to the brokers of all workers.
import { bus } from "holdfast/bus";
import mqemitter from "mqemitter";

const SUBJECT = "mqtt.packets";

/** Resolves when it hears all that is said from now on. */
export async function createEmitter() {
  const local = mqemitter();
  const deliver = (packet) => new Promise((delivered) => local.emit(packet, delivered));
  // Who publishes waits for the slowest broker, as it waits for the slowest client of a single one.
  await bus.subscribe(SUBJECT, deliver, { policy: "wait" });
  let waiting = [];
  // One that is overtaken by a later one of its broker counts as a double there, and is dropped; retained ones and those
  // for kept sessions take some steps more than others before they come here.
  const send = () => {
    for (const { packet, done } of waiting.sort((a, b) => order(a) - order(b))) {
      bus.publish(SUBJECT, { ...packet }, { encoding: "clone" }).then(() => done(), done);
    }
    waiting = [];
  };
  return {
    on: (topic, listener, done) => local.on(topic, listener, done),
    removeListener: (topic, listener, done) => local.removeListener(topic, listener, done),
    // This worker's own clients hear of it by the bus, too: all hear in one order. `clone` keeps payloads bytes.
    emit(packet, done = () => {}) {
      if (waiting.push({ packet, done }) === 1) setImmediate(send);
    },
    close: (done) => local.close(done),
  };
}

const order = ({ packet }) => packet.brokerCounter;
