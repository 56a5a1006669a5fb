/** Programs on other machines: who they talk to, and who talks to them. */

import { once } from "node:events";
import net from "node:net";
import { createServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../src/bus/connect.ts";
import { until } from "../support/until.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { ALL, KEY, PSK, remote, serveRemote } from "./remote-served.ts";
import { atEnd, codeOf, rejection } from "./served.ts";

let made: Certificates;
beforeAll(() => {
  made = makeCertificates();
});
afterAll(() => made[Symbol.dispose]());

/** A supervisor that wants certificates; `clients` may do everything. */
const serveCertified = (clients: readonly string[] = ["shop"]) =>
  serveRemote({
    tls: {
      ...{ cert: made.server.certFile, key: made.server.keyFile, ca: made.ca.file },
      clients: Object.fromEntries(clients.map((name) => [name, ALL])),
    },
  });
const certified = (pair = made.client, ca = made.ca) => ({
  ...{ cert: String(pair.cert), key: String(pair.key), ca: String(ca.cert) },
});

/** What is refused is refused soon, and not tried for ever. */
async function refusal(promise: Promise<unknown>): Promise<Error> {
  const began = performance.now();
  const error = await rejection(promise);
  expect(error).toMatchObject({ code: "HF_BUS_REFUSED" });
  expect(performance.now() - began).toBeLessThan(3000);
  return error;
}

describe("over TLS", () => {
  const ways = [
    ["a shared key", () => serveRemote(), () => PSK],
    ["certificates", () => serveCertified(), () => certified()],
  ] as const;

  for (const [name, serve, proof] of ways) {
    it(`by ${name}: requests, answers, messages and last values`, async () => {
      const { url, faults } = await serve();
      const [asks, answers] = [await remote(url, proof()), await remote(url, proof())];
      const heard: [number, string | null][] = [];
      await answers.reply("price", (data, { from }) => [data, from.name]);
      await answers.subscribe("orders.*", (data: Buffer, { from }) =>
        heard.push([data.length, from.name]),
      );
      // Its own name counts for nothing: it is what it has proved.
      expect(await asks.request("price", { sku: 7 })).toEqual([{ sku: 7 }, "shop"]);
      await asks.publish("orders.new", Buffer.alloc(900 * 1024, 1), { confirm: true });
      await until(() => heard.length === 1, { what: "the message" });
      expect(heard[0]).toEqual([900 * 1024, "shop"]);
      await asks.state.set("flags", { beta: true });
      expect(await answers.state.get("flags")).toEqual({ beta: true });
      expect(faults).toEqual([]);
    });
  }

  it("comes again by itself, with what was subscribed", async () => {
    const served = await serveRemote();
    const client = await remote(served.url);
    await client.reply("who", () => "me");
    await served.stop();
    const asking = client.request("who", 1, { timeout: "20s" });
    await served.start();
    expect(await asking).toBe("me");
  });

  it("takes keys as bytes, hex and base64", async () => {
    const { url } = await serveRemote();
    const bytes = Buffer.from(KEY, "hex");
    for (const key of [
      bytes,
      KEY.toUpperCase(),
      bytes.toString("base64"),
      bytes.toString("base64url"),
    ]) {
      await (await remote(url, { psk: { identity: "shop", key } })).flush();
    }
  });

  it("takes a server by another name where it is told that name", async () => {
    const { url } = await serveCertified();
    await (await remote(url, { ...certified(), serverName: "supervisor" })).flush();
    const error = await refusal(connect(url, { ...certified(), serverName: "elsewhere" }));
    expect(error.message).toMatch(/does not prove.*elsewhere/);
  });
});

describe("who is refused", () => {
  it("has the wrong key, or is not known: at once, and for good", async () => {
    const { url } = await serveRemote();
    const wrong = { identity: "shop", key: "00".repeat(32) };
    expect((await refusal(connect(url, { psk: wrong }))).message).toMatch(/key is not the one/);
    const unknown = { identity: "nobody", key: KEY };
    expect((await refusal(connect(url, { psk: unknown }))).message).toMatch(/TLS alert (40|115)/);
  });

  it("has no certificate that counts, or none for this", async () => {
    const { url } = await serveCertified();
    const foreign = await refusal(connect(url, certified(made.foreign)));
    expect(foreign.message).toMatch(/certificate|who has signed/);
    const unlisted = await serveCertified(["somebody"]);
    await refusal(connect(unlisted.url, certified()));
  });

  it("comes with a key where certificates are wanted, and the other way round", async () => {
    const [byCertificate, byKey] = [await serveCertified(), await serveRemote()];
    await refusal(connect(byCertificate.url, PSK));
    await refusal(connect(byKey.url, certified()));
  });

  it("is told so when the key is changed under it, and is tried again, as anybody can forge that", async () => {
    const served = await serveRemote();
    const client = await remote(served.url, { unreachableAfter: 200 });
    const downs: string[] = [];
    client.on("down", (reason) => downs.push(reason));
    await served.stop();
    const { port } = new URL(served.url);
    const other = await serveRemoteAt(Number(port));
    const said = async (): Promise<string> => {
      const error = await rejection(client.request("a"));
      expect(error).toMatchObject({ code: "HF_BUS_UNREACHABLE" });
      return error.message;
    };
    await until(async () => /key is not the one/.test(await said()), { what: "the refusal" });
    expect(downs.join()).not.toContain("for good");
    await other.stop();
  });
});

/** Another one at that port, with another key. */
async function serveRemoteAt(port: number) {
  const { Bus } = await import("../../src/supervisor/bus/bus.ts");
  const { readBus } = await import("../../src/config/bus.ts");
  const bus = new Bus({ runFolder: () => null, runners: () => [], fault: () => {} });
  atEnd(() => bus.end());
  const psk = { shop: { key: "11".repeat(32), ...ALL } };
  const read = readBus({ listen: `127.0.0.1:${port}`, psk });
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  await bus.remote.configure(read.value);
  await bus.remote.open();
  return { stop: () => bus.end() };
}

describe("a server that does not prove itself", () => {
  it("gets no hello: signed by somebody else", async () => {
    const { url } = await serveCertified();
    const error = await refusal(connect(url, certified(made.client, made.otherCa)));
    expect(error.message).toMatch(/does not prove that it is the supervisor/);
  });

  it("gets no hello where it shows a certificate and does not know the key", async () => {
    const heard: Buffer[] = [];
    const impostor = createServer({ cert: made.server.cert, key: made.server.key }, (socket) => {
      socket.on("data", (chunk) => heard.push(chunk)).on("error", () => {});
    });
    atEnd(() => impostor.close());
    impostor.listen(0, "127.0.0.1");
    await once(impostor, "listening");
    const { port } = impostor.address() as net.AddressInfo;
    await refusal(connect(`tls://127.0.0.1:${port}`, PSK));
    expect(heard).toEqual([]);
  });

  it("gets nothing where it speaks no TLS, and is tried again", async () => {
    const heard: Buffer[] = [];
    const plain = net.createServer((socket) => {
      socket
        .on("error", () => {})
        .on("data", (chunk) => {
          heard.push(chunk);
          socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
        });
    });
    atEnd(() => plain.close());
    plain.listen(0, "127.0.0.1");
    await once(plain, "listening");
    const { port } = plain.address() as net.AddressInfo;
    expect(await codeOf(connect(`tls://127.0.0.1:${port}`, PSK))).toBe("HF_BUS_UNREACHABLE");
    expect(Buffer.concat(heard).includes("hello")).toBe(false);
  });
});

describe("connect()", () => {
  it("says what is wrong with addresses and proofs before it connects, and no secret", async () => {
    const tls = "tls://localhost:7420";
    const { cert, key, ca } = certified();
    const wrong: [string | string[], object, RegExp][] = [
      [tls, {}, /psk: tls:\/\/ needs/],
      ["unix:/run/bus.sock", PSK, /psk: is for tls/],
      ["unix:/run/bus.sock", { ca }, /ca: is for tls/],
      [tls, { ...PSK, cert, key, ca }, /one of both/],
      [tls, { cert, key }, /ca: is missing/],
      [tls, { cert, key: String(made.foreign.key), ca }, /unusable/],
      [tls, { cert: made.client.certFile, key, ca }, /cert: .*not its path/],
      [tls, { cert, key, ca: "-----BEGIN CERTIFICATE-----\nno\n" }, /ca: it is no certificate/],
      [tls, { psk: { identity: "shop", key: "secret-secret" } }, /16 to 64 bytes/],
      [tls, { psk: { identity: "shop", key: Buffer.alloc(15) } }, /16 to 64 bytes/],
      [tls, { psk: { identity: "", key: KEY } }, /identity/],
      [tls, { psk: { ...PSK.psk, hint: "x" } }, /hint/],
      ["tls://localhost", PSK, /tls:\/\/host:port/],
      ["tls://user:pass@localhost:1", PSK, /tls:\/\/host:port/],
      ["tls://localhost:1/path", PSK, /tls:\/\/host:port/],
      [[tls, "unix:/run/bus.sock"], PSK, /all "unix:" or all "tls/],
      [[tls, tls], PSK, /twice/],
      [[], PSK, /0 addresses/],
      [tls, { ...PSK, balance: "some" }, /balance/],
      [tls, { ...PSK, unreachableAfter: 0 }, /unreachableAfter/],
    ];
    for (const [url, options, said] of wrong) {
      const error = await rejection(connect(url, options));
      expect(error, String(said)).toMatchObject({ code: "HF_BUS_OPTION_INVALID" });
      expect(error.message).toMatch(said);
      expect(error.message).not.toMatch(/secret|pass@/);
    }
  });

  it("waits for a connection as long as it is told to", async () => {
    const served = await serveRemote();
    const client = await remote(served.url, { unreachableAfter: 200 });
    await served.stop();
    const began = performance.now();
    expect(await codeOf(client.request("a", 1, { timeout: "1m", idempotent: true }))).toBe(
      "HF_BUS_UNREACHABLE",
    );
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
