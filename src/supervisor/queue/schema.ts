/** The file of the durable queues: opened, looked at before anything is changed, and laid out. */

import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { codeOf, type Database, type DatabaseClass, SQLITE } from "./driver.ts";

/** "Hold": tells our files from those of other programs. */
const APPLICATION = 0x486f6c64;
const FORMAT = 1;
/** A supervisor that has just been killed may still be on its way out. */
const BUSY_TIMEOUT_MS = 2000;

/** Bodies lie apart: a lease or retry writes the row anew, and not the megabyte. */
const LAYOUT = `
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  state INTEGER NOT NULL,
  urgency INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  key TEXT,
  due_at INTEGER NOT NULL,
  expires_at INTEGER,
  attempt INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  enqueued_at INTEGER NOT NULL,
  sender TEXT NOT NULL,
  holder TEXT,
  reason TEXT,
  error TEXT,
  failed_at INTEGER
) STRICT;
CREATE TABLE contents (
  id INTEGER PRIMARY KEY,
  format INTEGER NOT NULL,
  headers TEXT,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE onces (id INTEGER PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE dedupes (
  queue TEXT NOT NULL,
  text TEXT NOT NULL,
  id INTEGER NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (queue, text)
) STRICT, WITHOUT ROWID;
CREATE INDEX place ON messages (queue, state, urgency, id, bytes);
CREATE INDEX due ON messages (due_at) WHERE state = 1;
CREATE INDEX expiry ON messages (expires_at) WHERE expires_at IS NOT NULL AND state < 3;
CREATE INDEX keyed ON messages (queue, key, id) WHERE key IS NOT NULL AND state < 4;
CREATE INDEX forgetting ON dedupes (until);
PRAGMA application_id = ${APPLICATION};
PRAGMA user_version = ${FORMAT};
`;

/** Ids begin anew in a new file, and whoever has a message of the last one must not end one of this. */
const IDENTITY = `
CREATE TABLE IF NOT EXISTS identity (name TEXT NOT NULL) STRICT;
INSERT INTO identity SELECT lower(hex(randomblob(8))) WHERE NOT EXISTS (SELECT 1 FROM identity);
`;

/** Why a folder cannot be used. */
export class FolderRefused extends Error {}

/** Throws FolderRefused. What is no file of ours, or not whole, is left as it is. */
export function openDatabase(
  Sqlite: DatabaseClass,
  folder: string,
  fsync: "commit" | "os",
): Database {
  const file = join(folder, "queues.db");
  let db: Database | null = null;
  try {
    createFile(folder, file);
    db = new Sqlite(file);
    prepare(db, fsync);
    return db;
  } catch (error) {
    db?.close();
    throw refusal(file, error);
  }
}

/** In words for people, whatever went wrong with the file. */
export function refusal(file: string, error: unknown): FolderRefused {
  if (error instanceof FolderRefused) return new FolderRefused(`${file} ${error.message}`);
  const { message } = error as Error;
  const code = codeOf(error);
  const options = { cause: error };
  if (code === SQLITE.busy) {
    return new FolderRefused(`another supervisor, or another program, has ${file} open`, options);
  }
  if (code === SQLITE.notADatabase) {
    return new FolderRefused(`${file} is no SQLite database, or damaged (${message})`, options);
  }
  if (code === SQLITE.corrupt) return new FolderRefused(`${file} is damaged (${message})`, options);
  return new FolderRefused(code === null ? message : `${file}: ${message}`, options);
}

/** For the supervisor's user alone. A file that is there is not opened here: closing it would drop the locks SQLite has. */
function createFile(folder: string, file: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function prepare(db: Database, fsync: "commit" | "os"): void {
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  // No other connection gets in until this one is closed, and what it holds dies with its process.
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  const isNew = inspect(db);
  const mode = db.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode;
  if (mode !== "wal") throw new FolderRefused(`cannot have a write-ahead log (mode ${mode})`);
  db.exec(`PRAGMA synchronous = ${fsync === "commit" ? "FULL" : "NORMAL"}`);
  // On macOS fsync alone leaves it in the disk's own memory; elsewhere this changes nothing.
  db.exec("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON");
  db.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864");
  db.exec("PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY");
  // The lock is taken with the first write: now, not with the first message.
  db.exec(`BEGIN IMMEDIATE; ${isNew ? LAYOUT : ""} ${IDENTITY} COMMIT`);
}

/** True: it is empty. */
function inspect(db: Database): boolean {
  const application = numberOf(db, "PRAGMA application_id", "application_id");
  const format = numberOf(db, "PRAGMA user_version", "user_version");
  const tables = numberOf(db, "SELECT count(*) AS tables FROM sqlite_schema", "tables");
  if (application === 0 && format === 0 && tables === 0) return true;
  if (application !== APPLICATION) throw new FolderRefused("belongs to another program");
  if (format === FORMAT) return false;
  throw new FolderRefused(
    `was written by a newer Holdfast (format ${format}, this one reads up to ${FORMAT})`,
  );
}

function numberOf(db: Database, sql: string, column: string): number {
  return Number(db.prepare(sql).get()?.[column]);
}
