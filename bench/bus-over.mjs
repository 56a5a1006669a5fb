/**
 * What carries the messages of the benchmark `bus` between two processes: the bus of Holdfast, Node's own IPC by way
 * of a cluster primary, or Redis pub/sub. Each as its manual has it, and at the pace that suits it best.
 */

const SUBJECT = "bench.line";
const QUESTIONS = "bench.questions";
const QUEUE = "bench-jobs";
/** Messages given and not taken yet; when half of them are left, more are given. More do not make either faster. */
const GIVEN = { cluster: 100, redis: 1000 };
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * @typedef {{ n: number, text: string }} Message
 *
 * @typedef {object} Transport
 * @property {(next: () => Message) => unknown} pump sends for ever, as fast as it is taken
 * @property {(hear: (message: Message) => void) => Promise<unknown>} listen
 * @property {(message: Message) => Promise<Message>} ask
 * @property {(answer: (message: Message) => Message) => Promise<unknown>} serve
 * @property {(message: Message) => Promise<unknown>} [enqueue]
 */

/** @type {Record<string, () => Promise<Transport>>} */
const TRANSPORTS = { holdfast, cluster, redis };

/** @param {string} name */
export function transport(name) {
  return /** @type {() => Promise<Transport>} */ (TRANSPORTS[name])();
}

/** A subscriber that cannot follow slows its publisher down, so that all that is counted has arrived and all arrives. */
async function holdfast() {
  const { bus } = await import("../dist/src/bus.js");
  const queues = /** @type {any} */ (bus);
  return {
    async pump(/** @type {() => Message} */ next) {
      for (;;) await bus.publish(SUBJECT, next());
    },
    listen: (/** @type {(message: Message) => void} */ hear) =>
      bus.subscribe(SUBJECT, hear, { policy: "wait" }),
    ask: (/** @type {Message} */ message) =>
      bus.request(QUESTIONS, message, { timeout: REQUEST_TIMEOUT_MS }),
    serve: (/** @type {(message: Message) => Message} */ answer) => bus.reply(QUESTIONS, answer),
    enqueue: (/** @type {Message} */ message) => queues.enqueue(QUEUE, message),
  };
}

/** The primary passes on what it gets from either worker to the other one. */
async function cluster() {
  const send = /** @type {(message: unknown, done?: () => void) => void} */ (
    process.send?.bind(process)
  );
  return {
    pump: (/** @type {() => Message} */ next) =>
      keepGiven(GIVEN.cluster, (done) => send(next(), done)),
    listen: async (/** @type {(message: Message) => void} */ hear) => process.on("message", hear),
    ...correlated((heard) => process.on("message", heard), send),
  };
}

/** A connection that is subscribed can do nothing else, so there are two. */
async function redis() {
  const { createClient } = await import(/** @type {string} */ (process.env.BENCH_REDIS));
  const url = process.env.BENCH_REDIS_URL;
  const publisher = createClient({ url });
  const subscriber = createClient({ url });
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const own = `bench.of.${process.pid}`;
  return {
    pump: (/** @type {() => Message} */ next) =>
      keepGiven(GIVEN.redis, (done) => {
        publisher.publish(SUBJECT, JSON.stringify(next())).then(done);
      }),
    listen: (/** @type {(message: Message) => void} */ hear) =>
      subscriber.subscribe(SUBJECT, (/** @type {string} */ text) => hear(JSON.parse(text))),
    ...correlated(
      async (heard, isAsking) => {
        const channel = isAsking ? own : QUESTIONS;
        await subscriber.subscribe(channel, (/** @type {string} */ text) =>
          heard(JSON.parse(text)),
        );
      },
      ({ to = QUESTIONS, ...parcel }) =>
        void publisher.publish(to, JSON.stringify({ ...parcel, back: own })),
    ),
  };
}

/**
 * @param {number} most
 * @param {(done: () => void) => void} give
 */
function keepGiven(most, give) {
  let given = 0;
  const done = () => {
    given -= 1;
    if (given <= most / 2) fill();
  };
  const fill = () => {
    while (given < most) {
      given += 1;
      give(done);
    }
  };
  fill();
}

/**
 * Requests over what only carries messages: each has a number, and a channel for the answer where there are channels.
 * @param {(heard: (parcel: any) => void, isAsking: boolean) => unknown} listen
 * @param {(parcel: any) => void} send
 */
function correlated(listen, send) {
  /** @type {Map<number, (message: Message) => void>} */
  const open = new Map();
  /** @type {unknown} */
  let listening;
  const ask = async (/** @type {Message} */ message) => {
    listening ??= listen(({ id, message: answer }) => {
      open.get(id)?.(answer);
      open.delete(id);
    }, true);
    await listening;
    return new Promise((resolve) => {
      open.set(message.n, resolve);
      send({ id: message.n, message });
    });
  };
  const serve = async (/** @type {(message: Message) => Message} */ answer) =>
    listen(({ id, message, back }) => send({ id, message: answer(message), to: back }), false);
  return /** @type {Pick<Transport, "ask" | "serve">} */ ({ ask, serve });
}
