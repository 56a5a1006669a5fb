/** Subjects and patterns on the wire: up to 255 bytes of ASCII. What they say is not looked at here. */

import { FrameError } from "./frames.ts";

const LONGEST_BYTES = 255;
const LAST_ASCII = 0x7f;

/** Throws FrameError for a length no subject has. */
export function checkSubjectBytes(bytes: number): void {
  if (bytes <= LONGEST_BYTES) return;
  throw new FrameError(`a subject of ${bytes} bytes where ${LONGEST_BYTES} are the most`);
}

/** Writes a subject and returns where it ends. Throws FrameError for one that is not ASCII. */
export function writeSubject(subject: string, target: Buffer, at: number): number {
  // A loop, as subjects are short: faster than a call into Node, and it sees what is not ASCII.
  for (let n = 0; n < subject.length; n += 1) {
    const code = subject.charCodeAt(n);
    if (code > LAST_ASCII) throw strange();
    target[at + n] = code;
  }
  return at + subject.length;
}

/** Subjects come again and again: one seen lately is found again, not built again, and maps know its hash. */
export class KnownSubjects {
  readonly #seen: string[] = new Array<string>(256).fill("");

  /** The subject between two places. Throws FrameError for one that is not ASCII. */
  read(buffer: Buffer, start: number, end: number): string {
    let bits = 0;
    let all = 0;
    for (let at = start; at < end; at += 1) {
      const byte = buffer[at] as number;
      all |= byte;
      bits = (Math.imul(bits, 31) + byte) | 0;
    }
    if (all > LAST_ASCII) throw strange();
    const place = bits & 0xff;
    const known = this.#seen[place] as string;
    if (known.length === end - start && isAt(known, buffer, start)) return known;
    const subject = buffer.toString("latin1", start, end);
    this.#seen[place] = subject;
    return subject;
  }
}

function isAt(text: string, buffer: Buffer, start: number): boolean {
  for (let n = 0; n < text.length; n += 1) {
    if (text.charCodeAt(n) !== buffer[start + n]) return false;
  }
  return true;
}

function strange(): FrameError {
  return new FrameError("a subject that is not ASCII");
}
