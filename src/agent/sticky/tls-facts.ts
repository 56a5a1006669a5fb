/**
 * A client's TLS, told to the worker its requests are forwarded to. The encryption itself stays with the worker that
 * holds the client: what needs it, as keys do, cannot be had elsewhere.
 */

import { X509Certificate } from "node:crypto";
import net from "node:net";
import { type PeerCertificate, TLSSocket } from "node:tls";

/** Of all certificates that are told, in base64: they are most of a preamble, which has a limit. */
const CERTIFICATES_MAX_BYTES = 48 * 1024;
/** Of TLS's records (lib/_tls_wrap.js refuses others). */
const FRAGMENT_MIN_BYTES = 512;
const FRAGMENT_MAX_BYTES = 16_384;

export interface TlsFacts {
  readonly authorized: boolean;
  readonly authorizationError: string | null;
  readonly servername: string | false | undefined;
  readonly alpnProtocol: string | false | null;
  readonly protocol: string | null;
  readonly cipher: unknown;
  /** DER, base64; null: the client has shown none. */
  readonly certificate: string | null;
  /** Of who issued it, and so on, as far as it is known; none where all of it is too much. */
  readonly issuers: readonly string[];
  /** The server's own; null: none, or it is too much. */
  readonly own: string | null;
  readonly isReused: boolean;
  readonly sigalgs: readonly string[];
  /** The last words of the handshake, base64: the server's and the client's. */
  readonly finished: string | null;
  readonly peerFinished: string | null;
}

/** What cannot be asked is told as if there were none: of a socket that is gone, or one of the app's own making. */
export function tlsFactsOf(socket: TLSSocket): TlsFacts {
  const chain = chainOf(socket);
  const own = textOf(asked(() => socket.getX509Certificate())?.raw);
  return {
    authorized: socket.authorized === true,
    authorizationError: socket.authorizationError ? String(socket.authorizationError) : null,
    servername: (socket as { servername?: string | false }).servername,
    alpnProtocol: socket.alpnProtocol,
    protocol: asked(() => socket.getProtocol()),
    cipher: asked(() => socket.getCipher()),
    certificate: chain[0] ?? null,
    issuers: chain.slice(1),
    own: own !== null && lengthOf(chain) + own.length <= CERTIFICATES_MAX_BYTES ? own : null,
    isReused: asked(() => socket.isSessionReused()) === true,
    sigalgs: asked(() => socket.getSharedSigalgs()) ?? [],
    finished: textOf(asked(() => socket.getFinished())),
    peerFinished: textOf(asked(() => socket.getPeerFinished())),
  };
}

function asked<Answer>(ask: () => Answer): Answer | null {
  try {
    return ask() ?? null;
  } catch {
    return null;
  }
}

function textOf(bytes: Buffer | null | undefined): string | null {
  return bytes?.toString("base64") ?? null;
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/**
 * The client's certificate and its issuers', or that alone where they are too much. Not by getPeerX509Certificate,
 * which takes the issuers from the connection before Node 24: the app here would not find them.
 */
function chainOf(socket: TLSSocket): string[] {
  const chain: string[] = [];
  let each = asked(() => socket.getPeerCertificate(true));
  while (each?.raw) {
    chain.push(each.raw.toString("base64"));
    if (lengthOf(chain) > CERTIFICATES_MAX_BYTES) return chain.slice(0, 1);
    // A root has issued itself.
    each = each.issuerCertificate === each ? null : each.issuerCertificate;
  }
  return chain;
}

/** On a disguised socket: what it tells of its client's TLS. */
const TOLD = Symbol("holdfast.tls");

interface Told {
  readonly facts: TlsFacts;
  /** The client's first; its issuers once they are asked for. */
  chain: readonly X509Certificate[];
}

interface Disguised {
  readonly [TOLD]: Told;
}

/** What a socket has of TLS, by name. Throws where a client's certificate is none. */
export function tlsMembers(facts: TlsFacts): Record<string | symbol, unknown> {
  const { certificate, authorized, authorizationError, servername, alpnProtocol } = facts;
  const told: Told = { facts, chain: certificate ? [fromText(certificate)] : [] };
  return {
    ...{ encrypted: true, authorized, authorizationError, servername, alpnProtocol },
    ...{ secureConnecting: false, ...METHODS, [TOLD]: told },
  };
}

/** The client's certificates, each with its issuer, as Node 26 has them. */
function chainOfClient(told: Told): readonly X509Certificate[] {
  const { chain, facts } = told;
  const { issuers = [] } = facts;
  if (chain.length > issuers.length) return chain;
  told.chain = [...chain, ...issuers.map(fromText)];
  for (const [index, value] of told.chain.slice(1).entries())
    Object.defineProperty(told.chain[index], "issuerCertificate", { value, configurable: true });
  return told.chain;
}

function fromText(text: string): X509Certificate {
  return new X509Certificate(Buffer.from(text, "base64"));
}

function bytesOf(text: string | null): Buffer | undefined {
  return text ? Buffer.from(text, "base64") : undefined;
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

type Legacy = PeerCertificate & { issuerCertificate?: Legacy };

/** As `tls` tells a chain: each certificate with its issuer's, a root with itself. */
function linkedLegacy(chain: readonly X509Certificate[]): Legacy | undefined {
  const [leaf, ...others] = chain.map((each) => each.toLegacyObject() as Legacy);
  let below = leaf;
  for (const issuer of others) {
    if (below) below.issuerCertificate = issuer;
    below = issuer;
  }
  const last = chain.at(-1);
  if (below && last?.checkIssued(last)) below.issuerCertificate = below;
  return leaf;
}

/** All that TLSSocket has (Node 20 to 26), once for all sockets. */
const METHODS: Record<string, (this: Disguised, ...given: never[]) => unknown> = {
  getProtocol() {
    return this[TOLD].facts.protocol;
  },
  getCipher() {
    return this[TOLD].facts.cipher;
  },
  getPeerX509Certificate() {
    return chainOfClient(this[TOLD])[0];
  },
  getPeerCertificate(isDetailed: boolean) {
    const told = this[TOLD];
    const found = isDetailed ? linkedLegacy(chainOfClient(told)) : told.chain[0]?.toLegacyObject();
    return found ?? {};
  },
  getX509Certificate() {
    const { own } = this[TOLD].facts;
    return own ? fromText(own) : undefined;
  },
  getCertificate() {
    const { own } = this[TOLD].facts;
    return own ? fromText(own).toLegacyObject() : {};
  },
  getSharedSigalgs() {
    return [...this[TOLD].facts.sigalgs];
  },
  getFinished() {
    return bytesOf(this[TOLD].facts.finished);
  },
  getPeerFinished() {
    return bytesOf(this[TOLD].facts.peerFinished);
  },
  isSessionReused() {
    return this[TOLD].facts.isReused;
  },
  // As for every socket of a server.
  getEphemeralKeyInfo: () => null,
  setServername() {
    throw failure("ERR_TLS_SNI_FROM_SERVER", "Cannot issue SNI from a TLS server-side socket");
  },
  setMaxSendFragment: (size: number) => size >= FRAGMENT_MIN_BYTES && size <= FRAGMENT_MAX_BYTES,
  /** Never a made-up key, nor none: what is bound to it would be bound to nothing. */
  exportKeyingMaterial() {
    throw failure("ERR_TLS_INVALID_STATE", "the client's keys are another worker's");
  },
  renegotiate(_options: object, callback?: (error: Error) => void) {
    const error = failure("ERR_TLS_RENEGOTIATION_DISABLED", "the client is another worker's");
    if (callback) process.nextTick(callback, error);
    return false;
  },
};

// getSession, getTLSTicket, disableRenegotiation and all others: there is nothing to tell or to do.
for (const name of Object.getOwnPropertyNames(TLSSocket.prototype)) {
  if (!name.startsWith("_") && !(name in net.Socket.prototype)) METHODS[name] ??= () => undefined;
}
