/** examples/amqp-jobs: over reloads no job is lost or done twice; what a kill repeats is marked, and bounded. */

import { type ConfirmChannel, connect } from "amqplib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { JsonLines } from "../support/examples/json-lines.ts";
import { judge, numbers } from "../support/examples/judge.ts";
import { hasRabbitmq, Rabbitmq } from "../support/rabbitmq.ts";
import { until } from "../support/until.ts";

const WORKERS = 4;
/** As in the example. */
const PREFETCH = 10;
/** Sent and not done yet: more than the workers hold, so that each kill hits jobs. */
const AHEAD = 2 * WORKERS * PREFETCH;
/** Long enough for jobs to come faster than they are done. */
const JOB_MS = 200;
const RELOADS = 5;
const KILLS = 5;
const DONE_WITHIN_MS = 30_000;

interface Done {
  readonly done: number | string;
  readonly redelivered: boolean;
}

/** What the workers say they have done. */
class Results extends JsonLines<Done> {
  /** How many different jobs. */
  get count(): number {
    return new Set(this.lines.map(({ done }) => done)).size;
  }

  /** How often one was done again. */
  get repeats(): number {
    const { lines } = this;
    return lines.length - new Set(lines.map(({ done }) => done)).size;
  }
}

function start(url: string, results: Results): Promise<Example> {
  return Example.start("amqp-jobs", {
    instances: WORKERS,
    env: { AMQP_URL: url },
    apps: { workers: { outFile: results.file, mergeLogs: true } },
  });
}

/** Sends numbered jobs until it is stopped, some at a time, once the broker has confirmed those before. */
function send(channel: ConfirmChannel, results: Results) {
  let sent = 0;
  let isOver = false;
  const sending = (async () => {
    while (!isOver) {
      await until(() => isOver || sent - results.count < AHEAD, {
        ...{ what: "jobs to be done", timeoutMs: DONE_WITHIN_MS },
      });
      for (const id of numbers(sent + 1, sent + PREFETCH)) {
        const job = Buffer.from(JSON.stringify({ id, ms: JOB_MS }));
        channel.sendToQueue("jobs", job, { persistent: true });
      }
      await channel.waitForConfirms();
      sent += PREFETCH;
    }
  })();
  // Who waits for more to be done hears first that nothing comes; this is told by stop().
  sending.catch(() => {});
  return {
    /** Resolves with how many have been sent. */
    async stop(): Promise<number> {
      isOver = true;
      await sending;
      return sent;
    },
  };
}

/** Reloads again and again, then kills, while jobs come all the time. */
async function pound(url: string) {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  using results = new Results();
  await using example = await start(url, results);
  const sender = send(channel, results);
  const between = async (): Promise<void> => {
    const before = results.count;
    const what = "more jobs to be done";
    await until(() => results.count >= before + AHEAD, { what, timeoutMs: DONE_WITHIN_MS });
  };
  await between();
  for (let round = 0; round < RELOADS; round += 1) await example.reload().then(between);
  const doubledByReloads = results.repeats;
  for (let round = 0; round < KILLS; round += 1) {
    await example.kill("workers", round % WORKERS);
    await between();
  }
  const sent = await sender.stop();
  // What is not done then is told as lost, by number.
  const what = "all jobs to be done";
  await until(() => results.count === sent, { what, timeoutMs: DONE_WITHIN_MS }).catch(() => {});
  const { messageCount: waiting } = await channel.checkQueue("jobs");
  const { messageCount: dead } = await channel.checkQueue("jobs.dead");
  await connection.close();
  const done = results.lines.map((line) => Number(line.done));
  const marked = results.lines.filter(({ redelivered }) => redelivered);
  const { lost, doubled, strange } = judge(numbers(1, sent), done);
  const counts = { sent, lost: lost.length, doubled: doubled.length, doubledByReloads };
  console.log(`${RELOADS} reloads, ${KILLS} kills:`, { ...counts, marked: marked.length });
  const again = marked.map((line) => Number(line.done));
  return { ...{ lost, strange, waiting, dead, doubledByReloads }, doubled, again };
}

describe("RabbitMQ", () => {
  const servers: Rabbitmq[] = [];
  const url = (): string => servers[0]?.url ?? "";

  beforeAll(async () => {
    if (hasRabbitmq()) servers.push(await Rabbitmq.start());
  }, 150_000);
  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }, 30_000);

  // skip: rabbitmq-server is not installed (Debian: rabbitmq-server)
  it.skipIf(!hasRabbitmq())(
    "[rabbitmq-server] does every job once over reloads; what is done twice after kills is marked, and bounded",
    async () => {
      const { doubled, again, ...outcome } = await pound(url());
      const nothing = { lost: [], strange: [], waiting: 0, dead: 0 };
      expect(outcome).toEqual({ ...nothing, doubledByReloads: 0 });
      expect(doubled.filter((job) => !again.includes(job))).toEqual([]);
      expect(doubled.length).toBeLessThanOrEqual(PREFETCH * KILLS);
      // The kills have hit jobs that workers held.
      expect(again.length).toBeGreaterThan(0);
    },
    400_000,
  );

  // skip: rabbitmq-server is not installed (Debian: rabbitmq-server)
  it.skipIf(!hasRabbitmq())(
    "[rabbitmq-server] answers 202 for what the broker has, and puts aside what cannot be done",
    async () => {
      using results = new Results();
      await using example = await start(url(), results);
      const jobs = `http://${await example.address("front")}/jobs?ms=1`;
      const ids = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const response = await fetch(jobs, { method: "POST" });
          expect(response.status).toBe(202);
          return ((await response.json()) as { id: string }).id;
        }),
      );
      await until(() => results.count === ids.length, {
        what: "the jobs to be done",
        timeoutMs: DONE_WITHIN_MS,
      });
      expect(results.lines.map(({ done }) => String(done)).toSorted()).toEqual(ids.toSorted());

      const connection = await connect(url());
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue("jobs", Buffer.from("no job"), { persistent: true });
      const within = { what: "the dead letter", timeoutMs: DONE_WITHIN_MS };
      const dead = await until(() => channel.get("jobs.dead", { noAck: true }), within);
      expect(dead.content.toString()).toBe("no job");
      await connection.close();
    },
    150_000,
  );
});
