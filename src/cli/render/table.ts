/** Tables that fit. Pure. */

import { type Colour, paint } from "./colour.ts";
import { cutTo, harmless, widthOf } from "./text.ts";

export interface Column<Row> {
  readonly title: string;
  /** Columns with the highest numbers go first when there is no room; those with 0 always stay. */
  readonly priority: number;
  readonly align?: "left" | "right";
  /** Any text: control characters in it are made visible. */
  cell(row: Row): string;
  colour?(row: Row): Colour;
}

export interface TableOptions {
  /** Of the terminal; null for what is none: nothing is left out or cut then. */
  readonly columns: number | null;
  readonly colour: boolean;
}

const GAP = "  ";

/** Rows under a bold head. What does not fit is left out by priority; then the widest column is cut. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { columns: room, colour }: TableOptions,
): string {
  const all = columns.map((column) => {
    const texts = rows.map((row) => harmless(column.cell(row)));
    return { column, texts, width: Math.max(widthOf(column.title), ...texts.map(widthOf)) };
  });
  // Terminals that do not know their size say 0.
  const shown = room === null || room <= 0 ? all : narrowed(all, room);
  const line = (cells: readonly string[]): string => cells.join(GAP).trimEnd();
  const head = line(shown.map(({ column, width }) => padded(column.title, width, column.align)));
  const body = rows.map((row, index) =>
    line(
      shown.map(({ column, texts, width }) => {
        const text = padded(texts[index] ?? "", width, column.align);
        return column.colour ? paintWords(text, column.colour(row), colour) : text;
      }),
    ),
  );
  return `${[paint(head, "bold", colour), ...body].join("\n")}\n`;
}

interface Sized {
  readonly column: { readonly priority: number };
  readonly width: number;
}

function narrowed<Each extends Sized>(all: readonly Each[], room: number): readonly Each[] {
  let shown = all;
  while (total(shown) > room) {
    const last = Math.max(...shown.map(({ column }) => column.priority));
    if (last === 0) break;
    shown = shown.filter(({ column }) => column.priority < last);
  }
  const widths = shown.map(({ width }) => width);
  for (let excess = total(shown) - room; excess > 0; excess -= 1) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 1) <= 1) break;
    widths[widest] = (widths[widest] ?? 1) - 1;
  }
  return shown.map((each, index) => ({ ...each, width: widths[index] ?? 1 }));
}

function total(shown: readonly Sized[]): number {
  return shown.reduce((sum, { width }) => sum + width, 0) + GAP.length * (shown.length - 1);
}

function padded(text: string, width: number, align: "left" | "right" = "left"): string {
  const cut = cutTo(text, width);
  const blank = " ".repeat(Math.max(0, width - widthOf(cut)));
  return align === "right" ? blank + cut : cut + blank;
}

/** Blanks around it stay plain, so that the line's end can be trimmed. */
function paintWords(text: string, colour: Colour, isOn: boolean): string {
  return text.replace(/\S.*\S|\S/u, (words) => paint(words, colour, isOn));
}
