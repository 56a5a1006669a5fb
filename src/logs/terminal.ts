/** Workers' lines on the supervisor's own stdout and stderr: prefixed on a terminal, raw otherwise. */

import type { Writable } from "node:stream";
import type { LineSource, OutputSink, StreamName } from "./worker-output.ts";

/** Foreground colours that can be told apart on dark and light backgrounds. */
const COLOURS = [36, 33, 32, 35, 34, 31];

export interface TerminalOptions {
  readonly streams: Readonly<Record<StreamName, Writable>>;
  /** Put `name:slot | ` before each line. */
  readonly prefix: boolean;
  readonly colour: boolean;
}

export function terminalSink(options: TerminalOptions): OutputSink {
  const broken = new Set<StreamName>();
  for (const name of ["stdout", "stderr"] as const) {
    // `holdfast run app.js | head -1`: the reader is gone, the app is not.
    options.streams[name].on("error", () => broken.add(name));
  }
  let width = 0;
  const prefixOf = (source: LineSource): string => {
    const label = `${source.app}:${source.slot}`;
    width = Math.max(width, label.length);
    const text = `${label.padEnd(width)} | `;
    return options.colour ? `\x1b[${COLOURS[source.slot % COLOURS.length]}m${text}\x1b[0m` : text;
  };
  return {
    write(source, stream, lines) {
      if (broken.has(stream)) return true;
      return options.streams[stream].write(
        options.prefix ? withPrefix(lines, prefixOf(source)) : lines,
      );
    },
    onceDrained(resume) {
      const full = (["stdout", "stderr"] as const).find(
        (name) => options.streams[name].writableNeedDrain,
      );
      if (!full || broken.has(full)) return resume();
      const stream = options.streams[full];
      const go = (): void => {
        stream.off("drain", go).off("error", go);
        resume();
      };
      stream.on("drain", go).on("error", go);
    },
  };
}

/** The prefix before every line of a block of whole lines; bytes are kept as they are. */
export function withPrefix(lines: Buffer, prefix: string): Buffer {
  const head = Buffer.from(prefix);
  const parts: Buffer[] = [];
  let from = 0;
  while (from < lines.length) {
    const at = lines.indexOf(0x0a, from);
    const end = at < 0 ? lines.length : at + 1;
    parts.push(head, lines.subarray(from, end));
    from = end;
  }
  return Buffer.concat(parts);
}
