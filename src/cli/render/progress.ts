/** What happens while a command waits: a line for each step, or on a terminal one line for each slot, redrawn. */

import { type Colour, paint } from "./colour.ts";
import { cutTo, harmless } from "./text.ts";

export interface Progress {
  /** An event of the supervisor: its name and data. */
  event(name: string, data: unknown): void;
  /** No more to come: what is shown stays. */
  end(): void;
}

export interface ProgressStream {
  write(text: string): unknown;
  readonly columns?: number;
}

/** Terminals are redrawn at most this often. */
const FRAME_MS = 100;

interface Step {
  readonly key: string;
  readonly text: string;
  readonly colour: Colour;
}

export function createProgress(
  stream: ProgressStream,
  { isTTY, colour }: { isTTY: boolean; colour: boolean },
): Progress {
  return isTTY ? redrawn(stream, colour) : lineByLine(stream, colour);
}

function lineByLine(stream: ProgressStream, colour: boolean): Progress {
  return {
    event(name, data) {
      const step = stepOf(name, data as Data);
      if (step) stream.write(`${paint(step.text, step.colour, colour)}\n`);
    },
    end: () => {},
  };
}

function redrawn(stream: ProgressStream, colour: boolean): Progress {
  const steps = new Map<string, Step>();
  let drawn = 0;
  let timer: NodeJS.Timeout | null = null;
  const draw = (): void => {
    timer = null;
    const width = stream.columns ?? 80;
    const lines = [...steps.values()].map(({ text, colour: shade }) =>
      paint(cutTo(text, width - 1).trimEnd(), shade, colour),
    );
    // Synchronised output (mode 2026) spares terminals that know it the flicker; others ignore it.
    const up = drawn > 0 ? `\x1b[${drawn}A` : "";
    stream.write(`\x1b[?2026h${up}${lines.map((line) => `\x1b[2K${line}\n`).join("")}\x1b[?2026l`);
    drawn = lines.length;
  };
  return {
    event(name, data) {
      const step = stepOf(name, data as Data);
      if (!step) return;
      steps.set(step.key, step);
      timer ??= setTimeout(draw, FRAME_MS);
    },
    end() {
      if (timer) clearTimeout(timer);
      if (timer) draw();
    },
  };
}

interface Data {
  readonly app: string;
  readonly slot?: number;
  readonly pid?: number | null;
  readonly generation?: number;
  readonly cause?: string;
  readonly reason?: string;
  readonly tookMs?: number;
  readonly retryInMs?: number;
  readonly renewed?: number;
  readonly of?: number;
}

/** Null for events that are no steps. */
function stepOf(name: string, data: Data): Step | null {
  const slot = `${harmless(data.app)}:${data.slot}`;
  const pid = data.pid ? ` (pid ${data.pid})` : "";
  const ofSlot = (text: string, colour: Colour): Step => ({
    key: `${slot} ${data.generation ?? ""}`,
    text: `${slot} ${text}`,
    colour,
  });
  switch (name) {
    case "worker:start":
      return ofSlot(`starting${pid}`, "yellow");
    case "worker:ready":
      return ofSlot(`ready${pid} after ${data.tookMs} ms`, "green");
    case "worker:drain":
      return ofSlot(`draining${pid}`, "cyan");
    case "worker:exit":
      return exitStep(ofSlot, data, pid);
    case "slot:waiting":
      return {
        key: `${slot} wait`,
        text: `${slot} restarts in ${data.retryInMs} ms`,
        colour: "yellow",
      };
    case "slot:failed":
      return { key: `${slot} wait`, text: `${slot} has spent its restarts`, colour: "red" };
    case "reload:progress":
      return {
        key: `${data.app} reload`,
        text: `${harmless(data.app)} ${data.renewed}/${data.of} slots replaced`,
        colour: "cyan",
      };
    default:
      return null;
  }
}

function exitStep(
  ofSlot: (text: string, colour: Colour) => Step,
  { reason, cause }: Data,
  pid: string,
): Step {
  const isWanted = ["reload", "restart", "scale_down", "stop"].includes(reason ?? "");
  return isWanted ? ofSlot(`ended${pid}`, "dim") : ofSlot(`${harmless(cause ?? "")}${pid}`, "red");
}
