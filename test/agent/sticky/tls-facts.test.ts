/** A socket in disguise answers as its client's own TLS socket does. */

import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls, { type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InternalSocket } from "../../../src/agent/node-internals.ts";
import {
  type ClientFacts,
  disguise,
  factsOf,
  PREAMBLE_MAX_BYTES,
  readPreamble,
  writePreamble,
} from "../../../src/agent/sticky/preamble.ts";
import { Authority, whyNoCertificates } from "../../support/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-"));
/** What the keys are needed for, which another worker has; and what acts instead of telling. */
const NOT_TOLD = new Set([
  ...["getSession", "exportKeyingMaterial", "renegotiate", "setKeyCert", "enableTrace"],
  // Node before 26 does not link it to its issuers, or the first time only.
  "getPeerX509Certificate",
]);
/** What is asked with the others. */
const GIVEN: { readonly [name: string]: readonly unknown[] } = {
  setMaxSendFragment: [1024],
  setServername: ["a.test"],
  setSession: [Buffer.alloc(0)],
};
const NAMES = Object.getOwnPropertyNames(tls.TLSSocket.prototype).filter(
  (name) => !name.startsWith("_") && !(name in net.Socket.prototype),
);

afterAll(() => rmSync(folder, { recursive: true }));

/** A socket that has been told of `client`, by the bytes that one worker tells another. */
function disguised(facts: ClientFacts): { socket: TLSSocket; length: number } {
  const bytes = writePreamble({ kind: "http", from: "AAAA", key: "key", facts });
  const read = readPreamble(bytes)?.preamble;
  const socket = new net.Socket();
  if (read?.kind === "http") disguise(socket as InternalSocket, read.facts);
  return { socket: socket as TLSSocket, length: bytes.length };
}

/** In words that can be compared. */
function told(value: unknown): unknown {
  if (value instanceof Error) return (value as NodeJS.ErrnoException).code;
  return value instanceof X509Certificate ? value.raw : value;
}

function ask(socket: TLSSocket, name: string, ...given: unknown[]): unknown {
  try {
    return told(Reflect.get(socket, name).apply(socket, given));
  } catch (error) {
    return told(error);
  }
}

// skip: there is no openssl on this machine.
describe.skipIf(whyNoCertificates() !== null)("a socket in disguise", () => {
  let authority: Authority;
  let server: tls.Server;
  beforeAll(async () => {
    authority = new Authority(folder);
    const own = authority.issue("server");
    server = tls.createServer({
      ...{ key: own.key, cert: own.cert, ca: authority.cert },
      ...{ requestCert: true, rejectUnauthorized: false },
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
  });
  afterAll(() => server.close());

  /** Both ends of a connection. */
  async function connected(options: tls.ConnectionOptions) {
    const { port } = server.address() as net.AddressInfo;
    const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
    const client = tls.connect({
      port,
      rejectUnauthorized: false,
      servername: "a.test",
      ...options,
    });
    client.on("error", () => {});
    const [held] = await accepted;
    held.on("error", () => {});
    const closed = once(held, "close");
    const close = async () => {
      client.destroy();
      held.destroy();
      await closed;
    };
    return { held, close };
  }

  const clients: { readonly [name: string]: () => tls.ConnectionOptions } = {
    "no certificate": () => ({}),
    "a certificate": () => {
      const { key, cert } = authority.issue("client");
      return { key, cert };
    },
    "a certificate and its issuer's": () => {
      const { key, cert } = authority.issue("client");
      return { key, cert: Buffer.concat([cert, authority.cert]) };
    },
    "a certificate of an unknown issuer": () => {
      const { key, cert } = new Authority(folder, "stranger").issue("client");
      return { key, cert };
    },
  };
  const versions = ["TLSv1.2", "TLSv1.3"] as const;
  const cases = Object.entries(clients).flatMap(([name, options]) =>
    versions.map((version) => [name, version, options] as const),
  );

  it.each(cases)("has all methods, for a client of %s by %s", async (_name, version, options) => {
    const { held, close } = await connected({ ...options(), maxVersion: version });
    const { socket } = disguised(factsOf(held as unknown as InternalSocket));
    expect(NAMES).toContain("getCertificate");
    for (const name of NAMES) expect(socket, name).toHaveProperty(name, expect.any(Function));
    for (const name of NAMES.filter((each) => !NOT_TOLD.has(each))) {
      const given = GIVEN[name] ?? [];
      expect(ask(socket, name, ...given), name).toEqual(ask(held, name, ...given));
    }
    const detailed = ask(held, "getPeerCertificate", true);
    expect(ask(socket, "getPeerCertificate", true)).toEqual(detailed);
    const shown = socket.getPeerX509Certificate();
    const { raw, issuerCertificate } = held.getPeerCertificate(true);
    expect(shown?.raw).toEqual(raw);
    if (issuerCertificate?.raw !== raw)
      expect(shown?.issuerCertificate?.raw).toEqual(issuerCertificate?.raw);
    for (const size of [511, 16_385]) {
      expect(ask(socket, "setMaxSendFragment", size)).toBe(ask(held, "setMaxSendFragment", size));
    }
    for (const name of ["encrypted", "authorized", "authorizationError", "servername"] as const) {
      expect(socket[name as "encrypted"], name).toEqual(held[name as "encrypted"]);
    }
    await close();
  });

  it("tells issuers that only the client knows, which the app of the other worker still finds", async () => {
    const stranger = new Authority(folder, "stranger");
    const { key, cert } = stranger.issue("client");
    const { held, close } = await connected({ key, cert: Buffer.concat([cert, stranger.cert]) });
    const { socket } = disguised(factsOf(held as unknown as InternalSocket));
    const { raw } = new X509Certificate(stranger.cert);
    for (const each of [socket, held])
      expect(each.getPeerCertificate(true).issuerCertificate.raw).toEqual(raw);
    await close();
  });

  it("makes up no key, and says that nothing can be negotiated", async () => {
    const { held, close } = await connected({});
    const { socket } = disguised(factsOf(held as unknown as InternalSocket));
    await close();
    expect(ask(socket, "exportKeyingMaterial", 32, "label")).toBe("ERR_TLS_INVALID_STATE");
    const refused = new Promise((resolve) => {
      expect(socket.renegotiate({}, resolve)).toBe(false);
    });
    expect(told(await refused)).toBe("ERR_TLS_RENEGOTIATION_DISABLED");
    expect(socket.getSession()).toBeUndefined();
  });

  it("knows little of a client that is gone, and answers all the same", async () => {
    const { held, close } = await connected({});
    await close();
    const { socket } = disguised(factsOf(held as unknown as InternalSocket));
    const answers = NAMES.map((name) => [name, ask(socket, name)]);
    expect(Object.fromEntries(answers)).toMatchObject({
      ...{ getProtocol: null, getCipher: null, getPeerCertificate: {}, getCertificate: {} },
      ...{ getX509Certificate: undefined, getSharedSigalgs: [], isSessionReused: false },
    });
  });

  it("is told the client's certificate alone where its issuers are too many", () => {
    const certificate = new X509Certificate(authority.cert);
    let legacy: object = { raw: certificate.raw };
    for (let nth = 0; nth < 1000; nth += 1)
      legacy = { raw: certificate.raw, issuerCertificate: legacy };
    const held = {
      encrypted: true,
      getPeerCertificate: () => legacy,
    };
    const { socket, length } = disguised(factsOf(held as unknown as InternalSocket));
    expect(length).toBeLessThan(PREAMBLE_MAX_BYTES);
    expect(socket.getPeerX509Certificate()?.raw).toEqual(certificate.raw);
  });
});
