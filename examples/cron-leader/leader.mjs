// One of all workers does the job each second. When it drains or dies, the next one goes on at once.
import { once } from "node:events";
import { Cron } from "croner";
import { bus } from "holdfast/bus";
import { workOff } from "./report.mjs";

bus.on("error", (error) => console.error(error));

await bus.leader("report.leader", async ({ signal, fence }) => {
  let running = Promise.resolve();
  const work = () => {
    running = workOff("report.leader", { signal, fence });
    return running;
  };
  // Without `protect` a job that takes longer than a second would run beside itself.
  const options = { protect: true, catch: (error) => console.error(error) };
  const job = new Cron("* * * * * *", options, work);
  if (!signal.aborted) await once(signal, "abort");
  job.stop();
  // It leads until this function ends: the next one must not begin beside it. What fails is told by `catch`.
  await Promise.allSettled([running]);
});

process.send?.("ready");
