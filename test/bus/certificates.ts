/** Certificates for tests, made when they are needed: an authority, what it has signed, and a foreign one. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Pair {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificates {
  readonly ca: Pair;
  readonly otherCa: Pair;
  /** For 127.0.0.1 and the name "supervisor". */
  readonly server: Pair;
  /** Common name "shop". */
  readonly client: Pair;
  /** The same name, of the other authority. */
  readonly foreign: Pair;
  [Symbol.dispose](): void;
}

/** Needs the program openssl: Node cannot sign certificates. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "hf-certificates-"));
  const openssl = (...args: string[]): void => {
    try {
      execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    } catch (error) {
      throw new Error("openssl is needed to make the certificates of this test", { cause: error });
    }
  };
  const pairOf = (name: string): Pair => {
    const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
    return {
      ...{ certFile, keyFile },
      ...{ cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") },
    };
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const authority = (name: string): Pair => {
    const out = ["-keyout", `${name}.key`, "-out", `${name}.crt`];
    openssl("req", "-x509", ...newKey, "-days", "2", "-subj", `/CN=${name}`, ...out);
    return pairOf(name);
  };
  const signed = (name: string, commonName: string, by: string): Pair => {
    const subject = ["-subj", `/CN=${commonName}`];
    openssl("req", ...newKey, ...subject, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    writeFileSync(join(folder, "names"), `subjectAltName=DNS:${commonName},IP:127.0.0.1`);
    const signer = ["-CA", `${by}.crt`, "-CAkey", `${by}.key`, "-CAcreateserial", "-days", "2"];
    const files = ["-in", `${name}.csr`, "-out", `${name}.crt`, "-extfile", "names"];
    openssl("x509", "-req", ...files, ...signer);
    return pairOf(name);
  };
  return {
    ...{ ca: authority("ca"), otherCa: authority("other") },
    ...{ server: signed("server", "supervisor", "ca"), client: signed("client", "shop", "ca") },
    foreign: signed("foreign", "shop", "other"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
