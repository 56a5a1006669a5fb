// The bus of Holdfast; `node server.mjs` without it has a bus of one process, and the rooms in its memory.
import { setTimeout as sleep } from "node:timers/promises";
import { bus as shared } from "holdfast/bus";
import { openLog } from "./log.mjs";
import { serveRooms } from "./serve-rooms.mjs";

export const isAlone = process.env.HOLDFAST_SLOT === undefined;
export const bus = isAlone ? busOfOne() : shared;
if (isAlone) await serveRooms(bus, openLog());

/** Who had it is gone, or nobody can take it now. */
const PASSING = [
  ...["HF_BUS_WORKER_LOST", "HF_BUS_CONNECTION_LOST", "HF_BUS_UNREACHABLE"],
  ...["HF_BUS_NO_RESPONDERS", "HF_BUS_OVERLOADED"],
];
const WITHIN_MS = 15_000;
const AGAIN_AFTER_MS = 20;

/** Asks the rooms, whoever dies meanwhile: all they are asked may be done twice. */
export async function ask(subject, data) {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    try {
      const timeout = Math.max(1, deadline - Date.now());
      return await bus.request(subject, data, { timeout, idempotent: true, hold: true });
    } catch (error) {
      if (!PASSING.includes(error.code) || Date.now() + AGAIN_AFTER_MS > deadline) throw error;
      await sleep(AGAIN_AFTER_MS);
    }
  }
}

function busOfOne() {
  const [replies, listeners] = [new Map(), new Map()];
  const request = async (subject, data) => replies.get(subject)(data);
  return {
    request,
    gather: async (subject, data) => ({ results: [{ data: await request(subject, data) }] }),
    reply: async (subject, handler) => void replies.set(subject, handler),
    publish: async (subject, data) => listeners.get(subject)?.(data),
    subscribe: async (subject, handler) => void listeners.set(subject, handler),
    on: () => {},
  };
}
