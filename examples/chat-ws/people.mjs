// Who is in a room, over all workers: each knows its own, and asks the others when somebody has come or gone.
import { bus } from "./bus.mjs";

/** A reload moves everybody at once; who is back by then was never away. */
const COUNT_AFTER_MS = 300;
const MOST_NAMED = 50;

/**
 * @param {(room: string) => [key: string, name: string][]} here Those of this worker.
 * @param {(room: string, event: object) => void} tell Tells them who is there, and that is all windows of one key once.
 */
export async function countPeople(here, tell) {
  const counts = new Map();
  async function count(room) {
    counts.delete(room);
    try {
      const { results } = await bus.gather("chat.people", { room }, { timeout: "2s" });
      const people = [...new Map(results.flatMap(({ data }) => data))];
      tell(room, { type: "people", count: people.length, people: people.slice(0, MOST_NAMED) });
    } catch (error) {
      // They are counted again when the next one comes or goes.
      console.error(`who is in the room is not known: ${error.message}`);
    }
  }
  await bus.reply("chat.people", ({ room }) => here(room));
  await bus.subscribe("chat.moved", ({ room }) => {
    if (counts.has(room) || here(room).length === 0) return;
    counts.set(room, setTimeout(count, COUNT_AFTER_MS, room));
  });
  return async function moved(room) {
    try {
      await bus.publish("chat.moved", { room });
    } catch (error) {
      console.error(`nobody is told who came or went: ${error.message}`);
    }
  };
}
