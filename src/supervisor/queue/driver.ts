/** SQLite as Node has it from 22.13 on, or as a package with the same interface brings it. In the thread only. */

export type Value = null | number | string | Uint8Array;
export type Row = Readonly<Record<string, Value>>;

export interface Statement {
  run(...values: Value[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
}

export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export type DatabaseClass = new (file: string) => Database;

/** What `errcode` of an error is, without its details (https://www.sqlite.org/rescode.html). */
export const SQLITE = { busy: 5, ioerr: 10, corrupt: 11, full: 13, notADatabase: 26 } as const;

/** What only we can see to be damaged. */
export class Damage extends Error {
  readonly errcode = SQLITE.corrupt;
}

/** The primary result code; null: the error is none of SQLite's. */
export function codeOf(error: unknown): number | null {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : null;
}

/** Text: why there is none. */
export async function loadSqlite(): Promise<DatabaseClass | string> {
  return builtIn() ?? (await installed());
}

/** Node 22 warns that it is experimental, which says nothing to who runs a supervisor. */
function builtIn(): DatabaseClass | null {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...how: []) => {
    if (!String(warning).startsWith("SQLite is an experimental")) emitWarning(warning, ...how);
  }) as typeof emitWarning;
  try {
    const found = process.getBuiltinModule("node:sqlite") as
      | { readonly DatabaseSync: DatabaseClass }
      | undefined;
    return found?.DatabaseSync ?? null;
  } finally {
    process.emitWarning = emitWarning;
  }
}

async function installed(): Promise<DatabaseClass | string> {
  try {
    const { DatabaseSync } = await import("@photostructure/sqlite");
    return DatabaseSync as unknown as DatabaseClass;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isMissing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    const why = isMissing ? "is not installed" : `cannot be loaded (${message})`;
    return `Node ${process.versions.node} does not bring it along, and the package @photostructure/sqlite ${why}`;
  }
}
