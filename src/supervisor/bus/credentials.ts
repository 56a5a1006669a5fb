/** Who may come to the bus from other machines: keys and certificates, from wherever they are kept. */

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { BusOptions, BusTls } from "../../config/bus.ts";
import { keyEncoding, keyFault, type PskOptions } from "../../config/bus-permissions.ts";
import type { Permissions } from "../../core/bus/permissions.ts";
import { HoldfastError } from "../../errors.ts";

export interface Identity {
  readonly permissions: Permissions;
  /** Null: it comes by a certificate. */
  readonly key: Buffer | null;
}

export interface Credentials {
  readonly identities: ReadonlyMap<string, Identity>;
  /** Null: all come by keys. */
  readonly certificates: {
    readonly cert: Buffer;
    readonly key: Buffer;
    readonly ca: Buffer;
  } | null;
  /** Equal where nothing has changed. */
  readonly fingerprint: string;
}

/** Reads all keys and files. Throws HF_BUS_REMOTE_INVALID; what it says holds no secret. */
export function credentialsOf(options: BusOptions, env: NodeJS.ProcessEnv): Credentials {
  const { psk, tls } = options;
  const identities = new Map<string, Identity>();
  for (const [who, identity] of Object.entries(psk ?? {})) {
    identities.set(who, { permissions: identity, key: keyOf(who, identity, env) });
  }
  for (const [who, permissions] of Object.entries(tls?.clients ?? {})) {
    identities.set(who, { permissions, key: null });
  }
  const certificates = tls && certificatesOf(tls);
  const hash = createHash("sha256").update(JSON.stringify(options));
  for (const { key } of identities.values()) hash.update(key ?? "").update("\0");
  for (const part of Object.values(certificates ?? {})) hash.update(part).update("\0");
  return { identities, certificates, fingerprint: hash.digest("hex") };
}

/** The key in the environment, as it stands there. Throws HF_BUS_REMOTE_INVALID. */
function keyInEnvironment(variable: string, env: NodeJS.ProcessEnv): string {
  return checked(env[variable] ?? "", `the environment variable ${variable}`);
}

function keyOf(who: string, options: PskOptions, env: NodeJS.ProcessEnv): Buffer {
  const { key, keyFile, keyEnv } = options;
  const text =
    keyFile !== null
      ? checked(contents(keyFile).toString("latin1").trim(), keyFile)
      : keyEnv !== null
        ? keyInEnvironment(keyEnv, env)
        : checked(key ?? "", `bus.psk.${who}.key`);
  return Buffer.from(text, keyEncoding(text));
}

function checked(text: string, source: string): string {
  const reason = text === "" ? "there is none" : keyFault(text);
  if (reason !== null) throw invalid(source, reason);
  return text;
}

function certificatesOf({ cert, key, ca }: BusTls): NonNullable<Credentials["certificates"]> {
  const found = { cert: contents(cert), key: contents(key), ca: contents(ca) };
  try {
    // At once: what does not fit together would fail at the first client.
    createSecureContext(found);
    // Node takes a file of CAs with nothing in it, and then trusts nobody.
    new X509Certificate(found.ca);
  } catch (error) {
    throw invalid(`${cert}, ${key} or ${ca}`, (error as Error).message, error);
  }
  return found;
}

function contents(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw invalid(file, (error as Error).message, error);
  }
}

function invalid(source: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError("HF_BUS_REMOTE_INVALID", { source, reason }, { cause });
}
