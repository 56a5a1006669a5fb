/**
 * Who is at the other end of a TLS connection to the bus.
 *
 * Tried on Node 20.20 (OpenSSL 3.0), 22.23, 24.21 and 26.10 (OpenSSL 3.5): `pskCallback` works with TLS 1.3 (its two
 * SHA-256 suites alone, always with an ephemeral key exchange) and with ECDHE-PSK suites of TLS 1.2, so each connection
 * has forward secrecy. A wrong key ends the handshake with alert 51 (TLS 1.3; 47 on Node 20) or 20 (TLS 1.2), an
 * unknown identity with alert 40 (TLS 1.3) or 115 (TLS 1.2).
 */

import { constants } from "node:crypto";
import type { TLSSocket, TlsOptions } from "node:tls";
import { CERTIFICATE_CIPHERS } from "../../link/bus-tls.ts";
import type { Credentials, Identity } from "./credentials.ts";

const PSK_CIPHERS = [
  ...["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"],
  "ECDHE-PSK-CHACHA20-POLY1305",
].join(":");
const HANDSHAKE_WITHIN_MS = 5000;

export type Proven = { readonly name: string; readonly identity: Identity };

/** Either who it is, or why it may not come. */
export type Judgement = Proven | { readonly name: string | null; readonly reason: string };

export class Passport {
  readonly #credentials: Credentials;
  /** What was claimed last, by connection: the last claim of a handshake is the one it went on with. */
  readonly #claims = new WeakMap<TLSSocket, string>();

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  options(): TlsOptions {
    const { certificates } = this.#credentials;
    const common: TlsOptions = {
      ...{ minVersion: "TLSv1.2", handshakeTimeout: HANDSHAKE_WITHIN_MS },
      // Nobody comes again by an earlier session: each one proves anew who it is.
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    };
    if (certificates === null) {
      return {
        ...{ ...common, ciphers: PSK_CIPHERS },
        pskCallback: (socket, claim) => this.#keyOf(socket, claim),
      };
    }
    // Judged by `judge`: refused within TLS by Node, a client would see nothing but a closed connection.
    const ciphers = CERTIFICATE_CIPHERS;
    return { ...common, ciphers, ...certificates, requestCert: true, rejectUnauthorized: false };
  }

  /** After the handshake. */
  judge(socket: TLSSocket): Judgement {
    return this.#credentials.certificates === null
      ? this.#byKey(socket)
      : byCertificate(socket, this.#credentials);
  }

  /** What it claimed to be, for people; null: nothing. */
  claimOf(socket: TLSSocket): string | null {
    return this.#claims.get(socket) ?? null;
  }

  /** Whether the handshake has failed at the proof, rather than before. */
  whyNot(socket: TLSSocket, error: Error): string {
    const claim = this.#claims.get(socket);
    if (claim === undefined) return (error as { reason?: string }).reason ?? firstLine(error);
    return this.#credentials.identities.has(claim) ? "the key is wrong" : UNKNOWN;
  }

  #keyOf(socket: TLSSocket, claim: string): Buffer | null {
    this.#claims.set(socket, claim);
    return this.#credentials.identities.get(claim)?.key ?? null;
  }

  #byKey(socket: TLSSocket): Judgement {
    const name = this.#claims.get(socket) ?? null;
    const identity = name === null ? undefined : this.#credentials.identities.get(name);
    // In TLS 1.3 a key shows as a session that goes on.
    const isProven =
      socket.getProtocol() === "TLSv1.3"
        ? socket.isSessionReused()
        : socket.getCipher().name.includes("PSK");
    if (name === null || identity === undefined || !isProven) return { name, reason: UNKNOWN };
    return { name, identity };
  }
}

const UNKNOWN = "nobody is known by that name";

function byCertificate(socket: TLSSocket, { identities }: Credentials): Judgement {
  const subject = socket.getPeerCertificate().subject as { readonly CN?: unknown } | undefined;
  if (subject === undefined) return { name: null, reason: "it has no certificate" };
  // Several names are a list, and mean nobody.
  const name = typeof subject.CN === "string" ? subject.CN : null;
  if (!socket.authorized) {
    return { name, reason: `its certificate is not accepted (${socket.authorizationError})` };
  }
  const identity = name === null ? undefined : identities.get(name);
  if (name === null || identity === undefined) return { name, reason: UNKNOWN };
  return { name, identity };
}

function firstLine({ message }: Error): string {
  return message.split("\n", 1).join().trim();
}
