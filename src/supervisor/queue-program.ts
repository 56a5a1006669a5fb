import { fileURLToPath } from "node:url";

/** The thread of the durable queues stands beside the compiled sources, as the agent does: dist/queue-thread.cjs. */
export const QUEUE_PROGRAM = fileURLToPath(new URL("../../queue-thread.cjs", import.meta.url));
