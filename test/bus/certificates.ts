/** The certificates of a supervisor, of a client, and of one that somebody else has signed. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority, type Certificate } from "../support/certificates.ts";

export interface Certificates {
  readonly ca: Authority;
  readonly otherCa: Authority;
  /** For 127.0.0.1 and the name "supervisor". */
  readonly server: Certificate;
  /** Common name "shop". */
  readonly client: Certificate;
  /** The same name, of the other authority. */
  readonly foreign: Certificate;
  [Symbol.dispose](): void;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "hf-certificates-"));
  const [ca, otherCa] = [new Authority(folder, "ca"), new Authority(folder, "other")];
  return {
    ...{ ca, otherCa, server: ca.issue("supervisor", "supervisor") },
    ...{ client: ca.issue("shop"), foreign: otherCa.issue("shop") },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
