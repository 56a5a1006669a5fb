/** What happens while a command waits: a line for each step, or on a terminal one line for each slot, redrawn. */

import { paint } from "./colour.ts";
import { Silence } from "./silence.ts";
import { type Step, stepOf } from "./step.ts";
import { cutTo } from "./text.ts";

export interface Progress {
  /** An event of the supervisor: its name and data. */
  event(name: string, data: unknown): void;
  /** No more to come: what is shown stays, and the cursor stands below it. */
  end(): void;
}

export interface ProgressStream {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

/** Terminals are redrawn at most this often. */
const FRAME_MS = 100;

export function createProgress(
  stream: ProgressStream,
  { isTTY, colour }: { isTTY: boolean; colour: boolean },
): Progress {
  return isTTY ? new Redrawn(stream, colour) : lineByLine(stream, colour);
}

function lineByLine(stream: ProgressStream, colour: boolean): Progress {
  const silence = new Silence((text) => stream.write(`${text}\n`), { repeats: false });
  return {
    event(name, data) {
      const step = stepOf(name, data);
      if (!step) return;
      stream.write(`${paint(step.line, step.colour, colour)}\n`);
      silence.heard(step);
    },
    end: () => silence.end(),
  };
}

/** One line of the block: its newest worker, and what becomes of the one before it. */
interface Row {
  readonly newest: Step;
  readonly before: Step | null;
}

/** The cursor is never hidden and always below the block: a command that is killed leaves nothing to mend. */
class Redrawn implements Progress {
  readonly #stream: ProgressStream;
  readonly #colour: boolean;
  readonly #rows = new Map<string, Row>();
  readonly #silence = new Silence((text) => this.#draw(text), { repeats: true });
  #drawn = 0;
  #hasFoot = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(stream: ProgressStream, colour: boolean) {
    this.#stream = stream;
    this.#colour = colour;
  }

  event(name: string, data: unknown): void {
    const step = stepOf(name, data);
    if (!step) return;
    this.#rows.set(step.key, rowWith(this.#rows.get(step.key), step));
    this.#silence.heard(step);
    this.#timer ??= setTimeout(() => this.#draw(), FRAME_MS);
  }

  end(): void {
    this.#silence.end();
    if (this.#timer || this.#hasFoot) this.#draw();
  }

  /** `foot` stands below the block until it is drawn again. */
  #draw(foot: string | null = null): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    // Terminals that do not know their size say 0.
    const columns = this.#stream.columns || 80;
    const rows = this.#stream.rows || 24;
    // What has scrolled out of the screen cannot be drawn over: the newest rows are shown.
    const room = Math.max(1, rows - 1);
    const all = [...this.#rows.values()];
    const shown = all.map((row) => this.#line(row, columns - 1));
    if (foot !== null) shown.push(paint(cutTo(foot, columns - 1), "dim", this.#colour));
    const lines = shown.slice(-room);
    const up = this.#drawn > 0 ? `\x1b[${Math.min(this.#drawn, room)}A` : "";
    const block = lines.map((line) => `\x1b[2K${line}\n`).join("");
    // Synchronised output (mode 2026) spares terminals that know it the flicker; others ignore it.
    const rest = this.#hasFoot ? "\x1b[0J" : "";
    this.#stream.write(`\x1b[?2026h${up}${block}${rest}\x1b[?2026l`);
    this.#drawn = lines.length;
    this.#hasFoot = foot !== null;
  }

  #line({ newest, before }: Row, columns: number): string {
    const label = `${newest.label} `;
    const text = cutTo(`${label}${newest.text}${before ? `; ${before.text}` : ""}`, columns);
    const said = paint(text.slice(label.length), newest.colour, this.#colour);
    return text.slice(0, label.length) + said;
  }
}

function rowWith(row: Row | undefined, step: Step): Row {
  if (!row) return { newest: step, before: null };
  const { newest, before } = row;
  // Of the slot itself, or of the same worker.
  if (step.worker === null || newest.worker === null || step.worker === newest.worker) {
    return { newest: step, before: step.isEnd ? null : before };
  }
  if (step.worker > newest.worker) return { newest: step, before: newest.isEnd ? null : newest };
  return { newest, before: step.isEnd ? null : step };
}
