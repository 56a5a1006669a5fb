/** Files that are whole or not there, whatever happens while they are written. */

import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

const OWNER_ONLY = 0o600;

/**
 * Replaces the file: written aside, synced, renamed, and the folder synced, as rename(2) promises
 * durability to none. The file of before stays as `keep`, when given. Throws what the system says.
 */
export function replaceFile(path: string, text: string, keep?: string): void {
  const aside = writeAside(path, text);
  try {
    if (keep !== undefined) keepCopy(path, keep);
    renameSync(aside, path);
  } catch (error) {
    remove(aside);
    throw error;
  }
  syncFolder(dirname(path));
}

/**
 * The same without waiting for the disk: whole for every process that reads it, and after a power loss perhaps
 * empty, or the one of before. Throws what the system says.
 */
export function swapFile(path: string, text: string): void {
  const aside = writeAside(path, text, false);
  try {
    renameSync(aside, path);
  } catch (error) {
    remove(aside);
    throw error;
  }
}

/** Creates the file with its whole content; false when there is one already. Throws what the system says. */
export function createFile(path: string, text: string): boolean {
  const aside = writeAside(path, text);
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    remove(aside);
  }
}

function writeAside(path: string, text: string, isSynced = true): string {
  const aside = `${path}.${process.pid}.tmp`;
  const descriptor = openSync(aside, "w", OWNER_ONLY);
  try {
    writeFileSync(descriptor, text);
    if (isSynced) fsyncSync(descriptor);
  } catch (error) {
    remove(aside);
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return aside;
}

/** A second name for the same content costs no copy and cannot be half done. */
function keepCopy(path: string, keep: string): void {
  const aside = `${keep}.${process.pid}.tmp`;
  remove(aside);
  try {
    linkSync(path, aside);
    renameSync(aside, keep);
  } catch (error) {
    // There is nothing to keep the first time.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
