/**
 * The lines of a worker's IPC channel, within bounds. What cannot be read is dropped, but for one thing:
 * an app that writes to its own channel may leave half a line, and what Node writes next ends that line.
 * A message of Node's own is found at its end again. Pure, but for the bytes it keeps.
 */

const NEWLINE = 0x0a;
/** A longer message is dropped. Socket handles and our own messages are far smaller. */
export const LONGEST_MESSAGE_BYTES = 8 * 1024 * 1024;
/** How much of the end of a broken line is searched: the agent's messages are shorter. */
const SEARCHED_BYTES = 16 * 1024;
/** How Node's and the agent's messages begin, and how many such beginnings are tried. */
const BEGINNING = '{"cmd":"NODE_';
const TRIES_MAX = 4;

export interface Line {
  readonly bytes: Buffer;
  /** It was too long: only its end is left. */
  readonly isCut: boolean;
}

export interface Lines {
  /** The lines that these bytes complete. */
  push(chunk: Buffer): readonly Line[];
  /** A line has begun and is not complete. */
  isOpen(): boolean;
}

/** `onTooLong` is called once for each line that is longer than `LONGEST_MESSAGE_BYTES`. */
export function boundedLines(onTooLong: () => void): Lines {
  let parts: Buffer[] = [];
  let size = 0;
  let isCut = false;
  const keep = (bytes: Buffer): void => {
    parts.push(bytes);
    size += bytes.length;
    if (!isCut && size <= LONGEST_MESSAGE_BYTES) return;
    if (!isCut) onTooLong();
    isCut = true;
    parts = [Buffer.concat(parts).subarray(-SEARCHED_BYTES)];
  };
  return {
    push(chunk) {
      const found: Line[] = [];
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        found.push({ bytes: Buffer.concat([...parts, chunk.subarray(from, at)]), isCut });
        parts = [];
        size = 0;
        isCut = false;
        from = at + 1;
      }
      if (from < chunk.length) keep(chunk.subarray(from));
      return found;
    },
    isOpen: () => size > 0,
  };
}

/** The message of a line; undefined when there is none in it. `onMalformed` hears of what is dropped. */
export function readLine({ bytes, isCut }: Line, onMalformed: () => void): unknown {
  if (bytes.length === 0) return undefined;
  try {
    if (!isCut) return JSON.parse(bytes.toString("utf8")) as unknown;
  } catch {
    onMalformed();
  }
  return lastMessage(bytes.subarray(-SEARCHED_BYTES).toString("utf8"));
}

/** Node's message at the end of a broken line. One with a handle holds another message: the outer one counts. */
function lastMessage(text: string): unknown {
  let end = text.length;
  for (let tries = 0; tries < TRIES_MAX && end >= 0; tries++) {
    const at = text.lastIndexOf(BEGINNING, end);
    if (at < 0) return undefined;
    try {
      return JSON.parse(text.slice(at)) as unknown;
    } catch {
      end = at - 1;
    }
  }
  return undefined;
}
