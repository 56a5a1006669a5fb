/** Archives are compressed after the fact: whole under the new name, then the old one goes. */

import {
  createReadStream,
  createWriteStream,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { archiveOf } from "./archives.ts";
import { lock } from "./lock.ts";

/** Compresses what is not compressed yet and removes what an interruption left half done. Rejects with what the system says. */
export async function compressArchives(log: string): Promise<void> {
  const unlock = lock(log);
  if (unlock === null) return;
  try {
    for (const path of filesBeside(log)) {
      if (path.endsWith(".tmp")) rmSync(path, { force: true });
      else if (!path.endsWith(".gz")) await compress(path);
    }
  } finally {
    unlock();
  }
}

function filesBeside(log: string): readonly string[] {
  return readdirSync(dirname(log))
    .filter((name) => name.startsWith(`${basename(log)}.`))
    .map((name) => join(dirname(log), name))
    .filter((path) => archiveOf(path.replace(/\.tmp$/, ""))?.log === log);
}

async function compress(archive: string): Promise<void> {
  const compressed = `${archive}.gz`;
  if (existsSync(compressed)) return rmSync(archive, { force: true });
  const aside = `${compressed}.tmp`;
  try {
    await pipeline(
      createReadStream(archive),
      createGzip(),
      createWriteStream(aside, { mode: 0o640 }),
    );
    const written = await open(aside, "r+");
    await written.sync().finally(() => written.close());
    renameSync(aside, compressed);
  } catch (error) {
    // A disk without room for it keeps the archive as it is.
    rmSync(aside, { force: true });
    throw error;
  }
  rmSync(archive, { force: true });
}
