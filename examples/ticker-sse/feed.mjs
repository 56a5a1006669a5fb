// One feed for all workers: one of them makes the ticks, and each keeps the last ones, so that any can serve any client.
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { bus } from "holdfast/bus";

const EVERY_MS = Number(process.env.TICK_MS ?? 1000);
const KEPT = 300;

/** The last ticks. Their numbers leave none out. */
let ticks = [];
/** Emits "more" when there are more. */
export const feed = new EventEmitter().setMaxListeners(0);

/** What comes after a number, or the newest one; `missed` says that some of it is not kept any more. */
export function since(last) {
  if (last === null) return { ticks: ticks.slice(-1), missed: false };
  const first = ticks[0]?.id ?? 0;
  return { ticks: ticks.slice(Math.max(0, last + 1 - first)), missed: last + 1 < first };
}

const newestOf = (kept) => kept.at(-1)?.id ?? 0;

// Each value holds all that is kept: who is new, or has missed one, has everything with the next.
await bus.state.watch("ticker.ticks", (kept) => {
  if (newestOf(kept) <= newestOf(ticks)) return;
  ticks = kept;
  feed.emit("more");
});
await bus.reply("ticker.kept", () => ticks);

/** What the last leader has left. The supervisor has it, unless it was killed: then the worker that knows most. */
async function left(signal) {
  const kept = await bus.state.get("ticker.ticks");
  if (kept) return kept;
  const { results } = await bus.gather("ticker.kept", undefined, { timeout: "1s", signal });
  return results.map(({ data }) => data).reduce((a, b) => (newestOf(b) > newestOf(a) ? b : a), []);
}

await bus.leader("ticker.leader", async ({ signal }) => {
  let kept = await left(signal);
  while (!signal.aborted) {
    // A feed that begins anew begins with the time: no number ever comes twice.
    const id = (newestOf(kept) || Date.now()) + 1;
    const tick = { id, at: new Date().toISOString(), slot: Number(process.env.HOLDFAST_SLOT) };
    kept = [...kept, tick].slice(-KEPT);
    // Nobody has seen a tick that the supervisor has not: whoever leads next finds it there.
    await bus.state.set("ticker.ticks", kept);
    await sleep(EVERY_MS, undefined, { signal });
  }
});
