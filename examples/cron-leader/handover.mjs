// The worker of slot 0 does the job each second. With `handover` its successor begins when it has let go; HTTP overlaps as ever.
import { createServer } from "node:http";
import { Cron } from "croner";
import { onActivate, onDrain, slot } from "holdfast/worker";
import { workOff } from "./report.mjs";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;

if (slot === 0) {
  const stopping = new AbortController();
  let running = Promise.resolve();
  const work = () => {
    running = workOff("report.handover", { signal: stopping.signal });
    return running;
  };
  const options = { protect: true, paused: true, catch: (error) => console.error(error) };
  const job = new Cron("* * * * * *", options, work);
  onActivate(() => {
    if (!stopping.signal.aborted) job.resume();
  });
  onDrain("consumers", async () => {
    stopping.abort();
    job.stop();
    await Promise.allSettled([running]);
  });
}

createServer((_request, response) => response.end(`slot ${slot}\n`)).listen(Number(PORT), HOST);
