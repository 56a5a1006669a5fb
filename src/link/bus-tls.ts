/** Connections of the bus to other machines: TLS where both sides prove who they are, by a shared key or certificates. */

import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { DialAddress } from "./bus-addresses.ts";
import { BusRefusal } from "./bus-refusal.ts";

const KEEP_ALIVE_AFTER_MS = 15_000;
/** Alerts of a handshake prove nothing: whoever is on the way must not end a client for good by one. */
const REST_MS = 60_000;

/**
 * With a key of both sides, and nothing but that: TLS 1.3 agrees on it with these hashes only (Node 20.20, 22.23, 24.21
 * and 26.10), TLS 1.2 with the others. All of them with a key exchange of its own for each connection, so that what was
 * recorded stays secret when the key gets known.
 */
const PSK_CIPHERS = [
  ...["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"],
  ...["ECDHE-PSK-CHACHA20-POLY1305", "ECDHE-PSK-AES256-CBC-SHA384", "ECDHE-PSK-AES128-CBC-SHA256"],
  ...["DHE-PSK-CHACHA20-POLY1305", "DHE-PSK-AES256-GCM-SHA384", "DHE-PSK-AES128-GCM-SHA256"],
].join(":");

/** With certificates: of Node's own list what has such a key exchange, and seals what it encrypts. */
export const CERTIFICATE_CIPHERS = [
  ...["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"],
  ...["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ...["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
  ...["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
].join(":");

export interface SharedKey {
  readonly identity: string;
  readonly key: Buffer;
}

/** PEM. */
export interface Certificates {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Who signs the supervisor's certificate: nobody else is believed. */
  readonly ca: string | Buffer;
  /** What the supervisor's certificate is to be for; the host's name or address unless given. */
  readonly serverName: string | undefined;
}

export type Proof =
  | { readonly psk: SharedKey }
  | { readonly certificates: Certificates; readonly context: SecureContext };

/** Throws what is wrong with the certificates. */
export function proofOf(given: SharedKey | Certificates): Proof {
  if ("identity" in given) return { psk: given };
  const { cert, key, ca } = given;
  const context = createSecureContext({
    ...{ cert, key, ca, minVersion: "TLSv1.2", ciphers: CERTIFICATE_CIPHERS },
  });
  return { certificates: given, context };
}

/** `host` is a name or an IP address, without brackets. */
export function tlsAddress(host: string, port: number, proof: Proof): DialAddress {
  const terms = "psk" in proof ? pskTerms(proof.psk) : certificateTerms(proof);
  const name = `tls://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  return {
    name,
    connect: () => {
      const socket = connect({ ...terms, host, port, minVersion: "TLSv1.2" });
      socket.once("connect", () => tune(socket));
      return socket;
    },
    securedBy: "secureConnect",
    restMs: REST_MS,
    refusal: (error, connection) => refusalIn(error, connection, name),
  };
}

function tune(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
}

function pskTerms({ identity, key }: SharedKey): ConnectionOptions {
  return {
    ciphers: PSK_CIPHERS,
    pskCallback: () => ({ identity, psk: key }),
    // No certificate proves anything here: who shows one instead of knowing the key is somebody else.
    ca: [],
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) =>
      Object.keys(certificate ?? {}).length === 0
        ? undefined
        : new Error("it shows a certificate and does not prove that it knows the key"),
  };
}

function certificateTerms(proof: Extract<Proof, { context: unknown }>): ConnectionOptions {
  const { context, certificates } = proof;
  const { serverName } = certificates;
  const terms: ConnectionOptions = { secureContext: context, rejectUnauthorized: true };
  if (serverName === undefined) return terms;
  return {
    ...terms,
    // Only names may be asked for (RFC 6066), while an address may be what the certificate is for.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
  };
}

/** What the alert of the other side says that another try would not change (RFC 8446, section 6.2; RFC 4279). */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  // TLS 1.2 finds out about a wrong key by what it encrypts.
  [20, "the key is not the one that the supervisor has for this identity"],
  [
    40,
    "no way to prove who this is that both sides have: it may want a key or a certificate, or another",
  ],
  [42, "it does not take the certificate"],
  [43, "it does not take certificates of this kind"],
  [44, "the certificate is revoked"],
  [45, "the certificate has expired"],
  [46, "it does not take the certificate"],
  // So Node 20 says in TLS 1.3 that the key is wrong, later ones say decrypt_error.
  [47, "the key is not the one that the supervisor has for this identity"],
  [48, "it does not know who has signed the certificate"],
  [49, "access is denied"],
  [51, "the key is not the one that the supervisor has for this identity"],
  [70, "it does not speak a version of TLS that this side does"],
  [71, "it wants stronger ciphers than this side has"],
  [115, "it does not know this identity"],
  [116, "it wants a certificate"],
]);

function refusalIn(error: Error, connection: Duplex, name: string): BusRefusal | null {
  // Our own judgement, which Node has left here before it ended the connection.
  if ((connection as TLSSocket).authorizationError) {
    const said = `${name} does not prove that it is the supervisor: ${error.message}`;
    return new BusRefusal(said, null);
  }
  const alert = alertIn(error);
  const why = alert === null ? undefined : REFUSALS.get(alert);
  return why === undefined ? null : new BusRefusal(`${why} (TLS alert ${alert})`, null);
}

/** A peer's alert has 1000 and its own number as OpenSSL's reason, which Node puts into the message alone. */
const OPENSSL_ERROR = /\berror:([0-9A-F]{8}):SSL routines:/;
const ALERTS_FROM = 1000;
const REASON_BITS = 0x7f_ffff;

/** The number of the alert that ended the connection; null: it was something else. */
export function alertIn({ message }: Error): number | null {
  const code = OPENSSL_ERROR.exec(message)?.[1];
  if (code === undefined) return null;
  const reason = Number.parseInt(code, 16) & REASON_BITS;
  return reason >= ALERTS_FROM && reason < ALERTS_FROM + 256 ? reason - ALERTS_FROM : null;
}
