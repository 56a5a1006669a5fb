// The connection to RabbitMQ and the queues, for those who send jobs and those who do them.
import { connect } from "amqplib";

const { AMQP_URL = "amqp://127.0.0.1:5672" } = process.env;
/** A job that has brought down so many workers, or failed so often, goes to the dead letters. */
const DELIVERIES = 20;

export const JOBS = "jobs";
export const DEAD = "jobs.dead";

export async function open() {
  const connection = await connect(AMQP_URL);
  const channel = await connection.createConfirmChannel();
  // Whoever has lost the broker can do nothing: another process is started in its place, later and later.
  connection.on("error", fail);
  connection.on("close", (error) => error && fail(error));
  channel.on("error", fail);
  await channel.assertQueue(DEAD, { durable: true });
  await channel.assertQueue(JOBS, {
    durable: true,
    deadLetterExchange: "",
    deadLetterRoutingKey: DEAD,
    arguments: { "x-queue-type": "quorum", "x-delivery-limit": DELIVERIES },
  });
  return { connection, channel };
}

/** Not thrown: amqplib swallows what a listener of "close" throws. */
export function fail(error) {
  console.error(error);
  process.exit(1);
}
