// What all have said, in one order. The supervisor has the last messages, and each worker a copy that it answers from.
import { EventEmitter } from "node:events";
import { bus } from "holdfast/bus";

const KEPT = 200;

let messages = [];
/** Emits "more" when there are more. */
export const feed = new EventEmitter().setMaxListeners(0);

/** What comes after a cursor, and the next cursor; `missed` says that some of it is not kept any more. */
export function since(after) {
  const first = messages[0]?.id ?? 0;
  const found = messages.slice(Math.max(0, after + 1 - first));
  const cursor = found.at(-1)?.id ?? after;
  return { messages: found, cursor, missed: after > 0 && after + 1 < first };
}

const newestOf = (kept) => kept.at(-1)?.id ?? 0;

// Each value holds all that is kept: who is new, or has missed one, has everything with the next.
await bus.state.watch("longpoll.messages", (kept) => {
  if (newestOf(kept) <= newestOf(messages)) return;
  messages = kept;
  feed.emit("more");
});
await bus.reply("longpoll.kept", () => messages);

/** The supervisor has it, unless it was killed: then the worker that knows most. */
async function current() {
  const kept = await bus.state.get("longpoll.messages");
  if (kept) return kept;
  const { results } = await bus.gather("longpoll.kept", undefined, { timeout: "1s" });
  return results.map(({ data }) => data).reduce((a, b) => (newestOf(b) > newestOf(a) ? b : a), []);
}

/** Resolves with its number when the supervisor has it. What was said with the same key is not said again. */
export async function say(key, text) {
  const lock = await bus.lock("longpoll.messages", { timeout: "5s" });
  try {
    const kept = await current();
    const known = kept.find((message) => message.key === key);
    if (known) return known.id;
    // Numbers that begin with the time: no cursor of before ever means something else.
    const id = (newestOf(kept) || Date.now()) + 1;
    lock.signal.throwIfAborted();
    await bus.state.set("longpoll.messages", [...kept, { id, key, text }].slice(-KEPT));
    return id;
  } finally {
    await lock.release();
  }
}
