/** Splits a byte stream into whole lines; what has no end yet is kept, up to a bound. */

const NEWLINE = 0x0a;
/** A longer line is cut here, so that a stream without line ends cannot grow the supervisor. */
export const LONGEST_LINE_BYTES = 64 * 1024;

export interface LineSplitter {
  /** Calls `line` for each complete line, its end included. */
  push(chunk: Buffer): void;
  /** The stream has ended: what is left is a line, too. */
  end(): void;
}

export function splitLines(line: (bytes: Buffer) => void): LineSplitter {
  let rest: Buffer[] = [];
  let restBytes = 0;

  const flush = (last: Buffer): void => {
    const whole = rest.length === 0 ? last : Buffer.concat([...rest, last]);
    rest = [];
    restBytes = 0;
    if (whole.length > 0) line(whole);
  };

  return {
    push(chunk) {
      let from = 0;
      for (;;) {
        const at = chunk.indexOf(NEWLINE, from);
        if (at < 0) break;
        flush(chunk.subarray(from, at + 1));
        from = at + 1;
      }
      if (from === chunk.length) return;
      const left = chunk.subarray(from);
      if (restBytes + left.length > LONGEST_LINE_BYTES)
        return flush(Buffer.concat([left, Buffer.from("\n")]));
      rest.push(left);
      restBytes += left.length;
    },
    end() {
      if (restBytes > 0) flush(Buffer.from("\n"));
    },
  };
}
