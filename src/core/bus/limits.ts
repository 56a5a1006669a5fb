/** What both ends of the bus hold its options to: the client says what is wrong, the supervisor believes nobody. */

/** Of `key`, `queue` and `name`. */
export const LONGEST_TEXT = 255;
/** Of `headers` as JSON: they travel in the frame's head, which everyone on the way reads. */
export const LONGEST_HEADERS_BYTES = 16 * 1024;
/** Of a subscription's `maxBytes`. */
export const LARGEST_MAX_BYTES = 1024 ** 3;
/** Who of a group is chosen. */
export const BYS = ["turns", "idle", "key"] as const;
