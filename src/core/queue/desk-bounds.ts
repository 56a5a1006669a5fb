/** What both ends hold consumers of durable queues to, beside what the store says of messages. Pure. */

/** Of a handler's `timeout`, in milliseconds. */
export const LONGEST_HANDLER_MS = 24 * 60 * 60_000;
export const DEFAULT_HANDLER_MS = 60_000;
/** Of one consumer. */
export const MOST_CONCURRENCY = 10_000;
/** Of a retry's backoff. */
export const LARGEST_FACTOR = 100;
/** Of a message's data, also of one that no client of ours has made. */
export const LONGEST_QUEUED_BYTES = 1024 * 1024;
export const MOST_PEEKED = 100;
export const DEFAULT_PEEKED = 10;
/** Queues in one answer; with the longest names they fit one frame. */
export const MOST_LISTED = 1000;
/** What is shown of the data of one that is peeked at. */
export const PEEKED_BYTES = 4096;
/** What is kept of the error of a message that failed, its causes among it: characters. */
export const LONGEST_ERROR = 16 * 1024;
export const QUEUE_STATES = ["ready", "delayed", "leased", "dead"] as const;
