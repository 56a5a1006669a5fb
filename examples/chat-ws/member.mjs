// One client's connection: it is given every message of its room once, in order, from the number it came with.
import { ask } from "./bus.mjs";
import { words } from "./site.mjs";

/** What it may leave unread; then it is let go, and reads on from its number when it comes back. */
const MOST_UNREAD = 4 * 1024 * 1024;
const MOST_WAITING = 1000;

export class Member {
  #isLooking = false;
  #isBehind = false;
  #waiting = 0;
  #turn = Promise.resolve();

  constructor(socket, asked) {
    this.socket = socket;
    this.key = words(asked.get("me"), 32);
    this.name = words(asked.get("name"), 24) || "someone";
    this.room = words(asked.get("room"), 32) || "lobby";
    // The number of the last message it has, and the log that it is a number of.
    this.log = words(asked.get("log"), 32);
    this.seq = Number(asked.get("seq")) || 0;
  }

  /** One after the other: its second message does not go before the first, which comes again where it fails. */
  say(data) {
    if (++this.#waiting > MOST_WAITING) return this.socket.close(1008, "too much at once");
    this.#turn = this.#turn.then(() => this.#accept(data));
    this.#turn.catch((error) => this.#giveUp("say", error));
  }

  async #accept(data) {
    this.#waiting -= 1;
    const { id, text } = JSON.parse(data);
    const said = { room: this.room, id: words(id, 64), from: this.name, text: words(text, 2000) };
    if (said.id === "" || said.text === "") return this.send({ type: "refused", id });
    const { seq } = await ask("rooms.say", said);
    this.send({ type: "accepted", id, seq });
  }

  hear(message) {
    const isKnown = message.log === this.log && message.seq <= this.seq;
    const isNext = message.log === this.log && message.seq === this.seq + 1;
    if (isNext && !this.#isLooking) this.#give(message);
    else if (!isKnown) this.look();
  }

  /** Gives it what it has not seen yet, until nothing more is there. */
  async look() {
    this.#isBehind = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      for (let head = 0; this.#isBehind || this.seq < head; ) {
        this.#isBehind = false;
        const page = await since(this);
        for (const message of page.messages) this.#give(message);
        if (page.messages.length === 0) Object.assign(this, { log: page.log, seq: page.head });
        head = page.head;
      }
    } catch (error) {
      this.#giveUp("look", error);
    }
    this.#isLooking = false;
  }

  #give({ room: _, ...message }) {
    this.log = message.log;
    this.seq = message.seq;
    this.send({ type: "message", ...message });
  }

  send(event) {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.bufferedAmount > MOST_UNREAD) return this.socket.terminate();
    this.socket.send(JSON.stringify(event));
  }

  /** It comes back, and says again what was not accepted: that, and what has waited behind it. */
  #giveUp(what, error) {
    if (this.socket.readyState !== this.socket.OPEN) return;
    console.error(`${what}: ${error.message}`);
    this.socket.close(1013, "try again later");
  }
}

/** All who ask the same in one turn, as when the bus is back, ask it once. */
const questions = new Map();
function since({ room, log, seq }) {
  const key = JSON.stringify([room, log, seq]);
  if (!questions.has(key)) {
    questions.set(key, ask("rooms.since", { room, log, seq }));
    queueMicrotask(() => questions.delete(key));
  }
  return questions.get(key);
}
