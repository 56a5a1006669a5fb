// The job, and which of its seconds are done. That is kept on the bus here; a program would keep it in its database.
import { setTimeout as sleep } from "node:timers/promises";
import { bus } from "holdfast/bus";
import { slot } from "holdfast/worker";

const TAKES_MS = 200;

/** Does the job for each second since the last one that was done, until `signal` fires; never stops within one. */
export async function workOff(name, { signal, fence = null }) {
  const now = Math.floor(Date.now() / 1000);
  const done = (await bus.state.get(`${name}.done`)) ?? now - 1;
  for (let second = done + 1; second <= now && !signal.aborted; second += 1) {
    say({ second, step: "begins", fence });
    await sleep(TAKES_MS);
    say({ second, step: "ends", fence });
    // Who dies before this leaves the second to be done once more.
    await bus.state.set(`${name}.done`, second);
  }
}

function say(step) {
  console.log(JSON.stringify({ ...step, slot, pid: process.pid }));
}
