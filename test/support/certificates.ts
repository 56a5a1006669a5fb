/** Certificates for tests, made by `openssl` of this machine. */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Why there are none; null: they can be made. */
export function whyNoCertificates(): string | null {
  const { error, status } = spawnSync("openssl", ["version"], { stdio: "ignore" });
  return error || status !== 0 ? "there is no openssl on this machine" : null;
}

/** Signs certificates of its own, in a folder. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name = "ca") {
    this.#folder = folder;
    this.#name = name;
    run([
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "2", "-subj", `/CN=${name}`, "-keyout", this.#at("key"), "-out", this.file],
    ]);
  }

  /** Its own certificate. */
  get file(): string {
    return this.#at("pem");
  }

  get cert(): Buffer {
    return readFileSync(this.file);
  }

  /** For somebody of this common name, who answers at `host` and 127.0.0.1. */
  issue(name: string, host = "localhost"): Certificate {
    const [keyFile, certFile] = [this.#at(`${name}.key`), this.#at(`${name}.pem`)];
    const [request, extensions] = [this.#at(`${name}.csr`), this.#at(`${name}.ext`)];
    run([
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", `/CN=${name}`, "-keyout", keyFile, "-out", request],
    ]);
    writeFileSync(extensions, `subjectAltName=DNS:${host},IP:127.0.0.1\n`);
    run([
      ...["x509", "-req", "-in", request, "-CA", this.file, "-CAkey", this.#at("key")],
      ...["-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certFile],
    ]);
    return { cert: readFileSync(certFile), key: readFileSync(keyFile), certFile, keyFile };
  }

  #at(what: string): string {
    return join(this.#folder, `${this.#name}.${what}`);
  }
}

function run(words: readonly string[]): void {
  execFileSync("openssl", words, { stdio: ["ignore", "ignore", "pipe"] });
}
