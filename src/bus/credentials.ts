/** What proves to each other who they are, a program and a supervisor on another machine. */

import { X509Certificate } from "node:crypto";
import type { DialAddress } from "../link/bus-addresses.ts";
import {
  type Certificates,
  type Proof,
  proofOf,
  type SharedKey,
  tlsAddress,
} from "../link/bus-tls.ts";
import type { Place } from "./addresses.ts";
import { invalid } from "./options.ts";

export interface GivenProof {
  readonly psk?: SharedKey;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly ca?: string | Buffer;
  readonly serverName?: string;
}

/** Throws HF_BUS_OPTION_INVALID where what is given is not enough, too much, or unusable. */
export function tlsAddresses(
  places: readonly Extract<Place, { kind: "tls" }>[],
  given: GivenProof,
): readonly DialAddress[] {
  const proof = readProof(given);
  return places.map(({ host, port }) => tlsAddress(host, port, proof));
}

function readProof({ psk: sharedKey, ...given }: GivenProof): Proof {
  const names = Object.keys(given);
  if (sharedKey) {
    if (names.length === 0) return proofOf(sharedKey);
    throw invalid("connect()", "psk", `is given, and ${names.join(", ")} as well: one of both`);
  }
  if (names.length === 0) {
    throw invalid("connect()", "psk", "tls:// needs `psk`, or `cert`, `key` and `ca`");
  }
  const missing = (["cert", "key", "ca"] as const).find((name) => given[name] === undefined);
  if (missing) throw invalid("connect()", missing, "is missing: cert, key and ca are needed");
  const { cert, key, ca, serverName: name } = given as Certificates;
  try {
    // Node passes over what it cannot read of an authority, and would believe nobody.
    new X509Certificate(ca);
  } catch (error) {
    throw invalid("connect()", "ca", `it is no certificate: ${(error as Error).message}`);
  }
  try {
    return proofOf({ cert, key, ca, serverName: name });
  } catch (error) {
    throw invalid("connect()", "cert", `with its key it is unusable: ${(error as Error).message}`);
  }
}
