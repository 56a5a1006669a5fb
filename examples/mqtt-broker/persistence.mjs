// What outlives a connection, and the worker it was to: retained messages, kept sessions and what waits for them.
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import MemoryPersistence from "aedes-persistence/asyncPersistence.js";
import { bus } from "holdfast/bus";

/** Topics and client ids are users' text: no words of a subject. */
const wordOf = (text) => createHash("sha256").update(text).digest("hex").slice(0, 32);
const outOf = (clientId) => `mqtt.out.${wordOf(clientId)}`;

/**
 * Last values of the bus. What goes to it stays in its order: who hears of a message finds it stored, although
 * nobody waits for that here. And nobody must: a packet that is overtaken by the next one counts as its double.
 */
export class SharedPersistence extends MemoryPersistence {
  /** By client and message id, of clients of this worker: where the message that is not acknowledged is. */
  #unacknowledged = new Map();
  /** What clients that are still connecting have been given as new. */
  #arriving = new Map();
  #underWay = new Set();
  /** Retained messages and kept sessions, by subject. */
  #known = new Map();

  async setup(broker) {
    await super.setup(broker);
    broker.on("clientDisconnect", ({ id }) => this.#unacknowledged.delete(id));
    await this.#follow("mqtt.retained.*", (packet) => super.storeRetained(packet));
    await this.#follow("mqtt.session.*", (session) => this.#heard(session));
    // Another supervisor begins with none of them.
    bus.on("up", () => {
      for (const [subject, value] of this.#known) this.#set(subject, value);
    });
  }

  async #follow(pattern, hear) {
    await bus.state.watch(pattern, (value, { subject }) => {
      if (value === undefined) return this.#known.delete(subject);
      this.#known.set(subject, value);
      return hear(value);
    });
  }

  async storeRetained(packet) {
    const subject = `mqtt.retained.${wordOf(packet.topic)}`;
    this.#set(subject, { ...packet });
    // All have heard that it is empty; who comes later need not.
    if (packet.payload.length === 0) this.#set(subject, undefined);
  }

  async addSubscriptions(client, subscriptions) {
    await super.addSubscriptions(client, subscriptions);
    await this.#tell(client);
  }

  async removeSubscriptions(client, topics) {
    await super.removeSubscriptions(client, topics);
    await this.#tell(client);
  }

  async cleanSubscriptions(client) {
    if ((await super.subscriptionsByClient(client)).length === 0) return;
    await super.cleanSubscriptions(client);
    await this.#tell(client);
  }

  async #tell({ id }) {
    const subject = `mqtt.session.${wordOf(id)}`;
    const subscriptions = await super.subscriptionsByClient({ id });
    this.#set(subject, { id, subscriptions, by: this.broker.id });
    if (subscriptions.length === 0) this.#set(subject, undefined);
    await this.settled();
  }

  #heard({ id, subscriptions, by }) {
    if (by === this.broker.id) return;
    super.cleanSubscriptions({ id });
    if (subscriptions.length > 0) super.addSubscriptions({ id }, subscriptions);
  }

  async outgoingEnqueue({ clientId }, packet) {
    const { brokerId, brokerCounter } = packet;
    const waiting = { ...packet, at: Date.now() };
    this.#set(`${outOf(clientId)}.${brokerId}.${brokerCounter}`, waiting);
  }

  async outgoingEnqueueCombi(subscriptions, packet) {
    for (const each of subscriptions) this.outgoingEnqueue(each, packet);
  }

  async outgoingUpdate({ id }, { messageId, brokerId, brokerCounter }) {
    const subject = `${outOf(id)}.${brokerId}.${brokerCounter}`;
    if (!this.#unacknowledged.has(id)) this.#unacknowledged.set(id, new Map());
    this.#unacknowledged.get(id).set(messageId, subject);
    this.#arriving.get(id)?.add(subject);
  }

  async outgoingClearMessageId({ id }, { messageId }) {
    const subject = this.#unacknowledged.get(id)?.get(messageId);
    if (subject === undefined) return;
    this.#unacknowledged.get(id).delete(messageId);
    this.#set(subject, undefined);
  }

  /** A client connects: from here on it is given what is new. */
  async subscriptionsByClient(client) {
    this.#arriving.set(client.id, new Set());
    return super.subscriptionsByClient(client);
  }

  outgoingStream({ id }) {
    return Readable.from(this.#waitingFor(id));
  }

  async *#waitingFor(id) {
    const waiting = new Map();
    const watching = await bus.state.watch(`${outOf(id)}.>`, (packet, { subject }) => {
      if (packet) waiting.set(subject, packet);
    });
    await watching.unsubscribe();
    const given = this.#arriving.get(id) ?? new Set();
    const oldestFirst = ([, a], [, b]) => a.at - b.at || a.brokerCounter - b.brokerCounter;
    for (const [subject, packet] of [...waiting].sort(oldestFirst)) {
      if (!given.has(subject)) yield packet;
    }
    this.#arriving.delete(id);
  }

  /** Resolves when the bus has all that was given to it. */
  async settled() {
    await Promise.all(this.#underWay);
  }

  #set(subject, value) {
    const stored = bus.state.set(subject, value, { encoding: "clone" });
    // As many as may be, for one: a client that stays away for long must not stop those who publish.
    const told = stored.catch((error) => console.error(`not stored: ${error.message}`));
    this.#underWay.add(told);
    told.finally(() => this.#underWay.delete(told));
  }
}
