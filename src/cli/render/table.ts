/** Tables that fit. Pure. */

import { paint } from "./colour.ts";
import { cutTo, widthOf } from "./text.ts";

export interface Column<Row> {
  readonly title: string;
  /** Columns with the highest numbers go first when there is no room. */
  readonly priority: number;
  readonly align?: "left" | "right";
  /** Harmless text; may be coloured. */
  cell(row: Row): string;
}

const GAP = "  ";
/** What a column that is cut keeps at least. */
const NARROWEST = 8;

/**
 * Rows under a bold head. `width` in columns: what does not fit is left out by priority, and then the
 * widest column is cut; null, for what is no terminal, leaves out and cuts nothing.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, colour }: { width: number | null; colour: boolean },
): string {
  let shown = columns.map((column) => ({ column, texts: rows.map((row) => column.cell(row)) }));
  const widths = (): number[] =>
    shown.map(({ column, texts }) => Math.max(widthOf(column.title), ...texts.map(widthOf)));
  const total = (all: readonly number[]): number =>
    all.reduce((sum, each) => sum + each, 0) + GAP.length * (all.length - 1);
  while (width !== null && shown.length > 1 && total(widths()) > width) {
    const last = Math.max(...shown.map(({ column }) => column.priority));
    if (last === 0) break;
    shown = shown.filter(({ column }) => column.priority < last);
  }
  const fitted = width === null ? widths() : cut(widths(), width, total);
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, index) => pad(text, fitted[index] ?? 0, shown[index]?.column.align))
      .join(GAP)
      .trimEnd();
  const head = paint(line(shown.map(({ column }) => column.title)), "bold", colour);
  return `${[head, ...rows.map((_, row) => line(shown.map(({ texts }) => texts[row] ?? "")))].join("\n")}\n`;
}

function cut(
  widths: readonly number[],
  width: number,
  total: (all: readonly number[]) => number,
): readonly number[] {
  const fitted = [...widths];
  while (total(fitted) > width) {
    const widest = fitted.indexOf(Math.max(...fitted));
    if ((fitted[widest] ?? 0) <= NARROWEST) break;
    fitted[widest] = (fitted[widest] ?? 0) - 1;
  }
  return fitted;
}

function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const room = width - widthOf(text);
  // Coloured text is short by design; cutting it would cut its colours.
  if (room < 0) return text.includes("\x1b") ? text : cutTo(text, width);
  return align === "right" ? " ".repeat(room) + text : text + " ".repeat(room);
}
