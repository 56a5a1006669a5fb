/** The data of a message as a command line gives it. */

import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { HoldfastError } from "../../errors.ts";
import { badArgument } from "./arguments.ts";

type Flags = Record<string, unknown>;

/** More is not read: the bus takes far less. What is written with much space may shrink. */
const LONGEST_READ_BYTES = 16 * 1024 * 1024;

/**
 * What `[data]` or `--file` says: JSON, or with `--text` text, or with `--bytes` a Buffer; undefined where there is
 * neither. Rejects with HF_ARGUMENT_INVALID, HF_BUS_DATA_NO_JSON, HF_BUS_DATA_UNREADABLE and HF_BUS_TOO_LARGE.
 */
export async function dataGiven(
  subject: string,
  word: string | undefined,
  flags: Flags,
): Promise<unknown> {
  if (flags.text === true && flags.bytes === true)
    throw badArgument("--bytes", "cannot be given together with --text");
  if (word !== undefined && flags.file !== undefined)
    throw badArgument("--file", "cannot be given together with data");
  const isGiven = word !== undefined || flags.file !== undefined;
  if (!isGiven) return undefined;
  const bytes = word === undefined ? await read(subject, String(flags.file)) : Buffer.from(word);
  if (flags.bytes === true) return bytes;
  return flags.text === true ? bytes.toString() : parsed(subject, bytes);
}

function parsed(subject: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    const reason = (error as Error).message;
    throw new HoldfastError("HF_BUS_DATA_NO_JSON", { subject, reason });
  }
}

async function read(subject: string, file: string): Promise<Buffer> {
  const stream: Readable = file === "-" ? process.stdin : createReadStream(file);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > LONGEST_READ_BYTES) break;
    }
  } catch (error) {
    throw new HoldfastError("HF_BUS_DATA_UNREADABLE", { file, reason: (error as Error).message });
  }
  if (bytes <= LONGEST_READ_BYTES) return Buffer.concat(chunks);
  throw new HoldfastError("HF_BUS_TOO_LARGE", { subject, bytes, limitBytes: LONGEST_READ_BYTES });
}
