/** Programs on other machines on the bus: who they must prove to be, and what they are then. */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { createSupervisor } from "holdfast";
import { afterAll, describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { proofOf, tlsAddress } from "../../src/link/bus-tls.ts";
import { Authority, whyNoCertificates } from "../support/certificates.ts";
import { freePort } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { dataOf } from "./bus-clients.ts";
import { ALL, byKey, KEY, remoteStages, tempFolder } from "./bus-remote-stage.ts";

const stage = remoteStages();
const PSK = { psk: { edge: { key: KEY.toString("hex"), ...ALL } } };

describe("a program with the right key", () => {
  it.each([
    ["TLS 1.3", {}],
    ["TLS 1.2", { maxVersion: "TLSv1.2", ciphers: "ECDHE-PSK-CHACHA20-POLY1305" }],
  ] as const)("is a member by the name of its identity, over %s", async (version, how) => {
    const { client, local, supervisor } = await stage(PSK);
    const remote = await client({ ...byKey("edge"), ...how }, { hello: { name: "root" } });
    await local.subscribe(1, "orders.*");
    remote.send(BUS.publish, 5, "orders.new", null, { sku: 7 });
    await remote.answer(5);
    const heard = await until(() => local.of(BUS.publish)[0], { what: "the message" });
    expect(dataOf(heard)).toEqual({ sku: 7 });
    expect(heard.head?.from).toMatchObject({ app: null, worker: null, name: "edge" });
    expect((await remote.request("who")).kind).toBe(BUS.reply);
    expect(version).toContain("TLS");
    await supervisor.reload();
    expect((await remote.request("who")).kind).toBe(BUS.reply);
    expect(remote.downs).toBe(0);
  });

  it("has an exchange of keys of its own for each connection", async () => {
    const { socket } = await stage(PSK);
    // Node 22 has no name for what it agrees on by itself.
    for (const how of [
      { ecdhCurve: "X25519" },
      { maxVersion: "TLSv1.2", ciphers: "ECDHE-PSK-CHACHA20-POLY1305" },
    ]) {
      const connection = socket({ ...byKey("edge"), ...how } as Parameters<typeof socket>[0]);
      await once(connection, "secureConnect");
      expect(connection.getEphemeralKeyInfo()).toMatchObject({ type: "ECDH" });
    }
  });

  it.each([
    ["base64", () => ({ key: KEY.toString("base64") })],
    [
      "a file",
      (folder: string) => {
        writeFileSync(join(folder, "key"), `${KEY.toString("hex")}\n`);
        return { keyFile: join(folder, "key") };
      },
    ],
    [
      "a variable",
      () => {
        process.env.TEST_BUS_KEY = KEY.toString("base64url");
        return { keyEnv: "TEST_BUS_KEY" };
      },
    ],
  ])("has it as %s", async (_how, given) => {
    const folder = tempFolder();
    try {
      const { client } = await stage({ psk: { edge: { ...given(folder), ...ALL } } });
      const remote = await client(byKey("edge"));
      await remote.sync();
    } finally {
      delete process.env.TEST_BUS_KEY;
      rmSync(folder, { recursive: true });
    }
  });

  it("cannot come as a worker, whatever it knows", async () => {
    const { stranger } = await stage(PSK);
    const thief = stranger(byKey("edge"), { hello: { worker: { id: 1, token: "x" } } });
    const refusal = await until(() => thief.refusal, { what: "the refusal" });
    expect(refusal.message).toBe("workers do not come from other machines");
    expect(refusal.code).toBe("HF_BUS_REFUSED");
  });

  it("is let go with the supervisor, and the port is free then", async () => {
    const { client, supervisor, port } = await stage(PSK);
    const remote = await client(byKey("edge"));
    await supervisor.stop();
    await until(() => remote.downs > 0, { what: "the end" });
    const server = net.createServer();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    server.close();
  });
});

describe("who proves nothing", () => {
  it.each([
    ["a wrong key", byKey("edge", randomBytes(32)), '"edge"', "the key is wrong"],
    ["an unknown name", byKey("nobody"), '"nobody"', "nobody is known by that name"],
    [
      "a wrong key over TLS 1.2",
      {
        ...byKey("edge", randomBytes(32)),
        ...{ maxVersion: "TLSv1.2" as const, ciphers: "ECDHE-PSK-CHACHA20-POLY1305" },
      },
      '"edge"',
      "the key is wrong",
    ],
    ["no key", {}, "somebody", ""],
  ])("is told so by TLS, and the supervisor's owner too: %s", async (_how, proof, who, reason) => {
    const { socket, fault, supervisor, local } = await stage(PSK);
    const connection = socket({ ...proof, rejectUnauthorized: false });
    const [error] = await once(connection, "error");
    expect((error as NodeJS.ErrnoException).code).toMatch(/^ERR_SSL_.*ALERT/);
    const told = await fault("HF_BUS_REMOTE_REFUSED");
    expect(told.message).toContain(`as ${who} from 127.0.0.1`);
    expect(told.message).toContain(reason);
    expect((await supervisor.metrics()).body).toContain("\nholdfast_bus_auth_failures_total 1\n");
    await local.sync();
  });

  it("is told of seldom, with how many they were", async () => {
    const { socket, faults, fault } = await stage(PSK);
    for (let n = 0; n < 20; n += 1) await once(socket(byKey("nobody")), "error");
    expect((await fault("HF_BUS_REMOTE_REFUSED")).message).toContain(", 20 since");
    await once(socket(byKey("nobody")), "error");
    expect(faults).toHaveLength(1);
  });

  it.each([
    ["HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["garbage", randomBytes(4096)],
    [
      "the bus's frames without TLS",
      Buffer.from([0, 0, 0, 16, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ],
  ])("gets nothing by %s", async (_what, bytes) => {
    const { port, local, client } = await stage(PSK);
    const socket = net.connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => {});
    socket.end(bytes);
    await until(() => socket.destroyed, { what: "its end" });
    // At most an alert of TLS.
    expect(Buffer.concat(chunks).length).toBeLessThan(16);
    await local.sync();
    await (await client(byKey("edge"))).sync();
  });

  it("gets nothing by TLS 1.1", async () => {
    const { socket } = await stage(PSK);
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
    const [error] = await once(socket({ ...byKey("edge"), ...old }), "error");
    expect((error as NodeJS.ErrnoException).code).toMatch(/PROTOCOL|VERSION|ALERT/);
  });

  it("gets nothing by what somebody else has said", async () => {
    const { port, client, local, supervisor } = await stage(PSK);
    const recorded: Buffer[] = [];
    const proxy = net.createServer((near) => {
      const far = net.connect(port, "127.0.0.1");
      near.on("data", (chunk) => recorded.push(chunk));
      near.pipe(far).pipe(near);
      for (const each of [near, far]) each.on("error", () => {});
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const through = (proxy.address() as net.AddressInfo).port;
    const remote = await client({ ...byKey("edge"), port: through });
    await local.subscribe(1, "pay");
    remote.send(BUS.publish, 5, "pay", null, 100);
    await remote.answer(5);
    await until(() => local.of(BUS.publish).length === 1, { what: "the message" });
    await remote.close();
    proxy.close();

    const members = async () =>
      (await supervisor.metrics()).body.match(/\nholdfast_bus_members (\d+)/)?.[1];
    const before = await members();
    const again = net.connect(port, "127.0.0.1");
    again.on("error", () => {}).resume();
    again.end(Buffer.concat(recorded));
    await until(() => again.destroyed, { what: "its end" });
    await local.sync();
    expect(local.of(BUS.publish)).toHaveLength(1);
    expect(await members()).toBe(before);
  });
});

// skip: there is no openssl on this machine to make certificates with
describe.skipIf(whyNoCertificates() !== null)("certificates of both sides", () => {
  const folder = tempFolder();
  const [ours, theirs] = [new Authority(folder), new Authority(folder, "other")];
  const server = ours.issue("server");
  afterAll(() => rmSync(folder, { recursive: true }));
  const tls = {
    ...{ cert: server.certFile, key: server.keyFile, ca: ours.file },
    clients: { edge: ALL },
  };
  const by = (authority: Authority, name: string) => {
    const { cert, key } = authority.issue(name);
    return { cert, key, ca: ours.cert };
  };

  it("make a program a member by its common name", async () => {
    const { client, local } = await stage({ tls });
    const remote = await client(by(ours, "edge"));
    await local.subscribe(1, "orders.*");
    remote.send(BUS.publish, 5, "orders.new", null, { sku: 7 });
    const heard = await until(() => local.of(BUS.publish)[0], { what: "the message" });
    expect(heard.head?.from).toMatchObject({ name: "edge" });
  });

  it.each([
    ["none", () => ({ ca: ours.cert }), "it has no certificate"],
    ["one of another authority", () => by(theirs, "edge"), "its certificate is not accepted"],
    ["one of somebody unknown", () => by(ours, "mallory"), "nobody is known by that name"],
  ])("are needed, and why not is said: %s", async (_what, proof, reason) => {
    const { stranger, fault, supervisor } = await stage({ tls });
    const refused = stranger(proof());
    const refusal = await until(() => refused.refusal, { what: "the refusal" });
    expect(refusal.message).toContain(reason);
    expect(refusal.code).toBe("HF_BUS_REFUSED");
    expect((await fault("HF_BUS_REMOTE_REFUSED")).message).toContain(reason);
    expect((await supervisor.metrics()).body).toContain("\nholdfast_bus_auth_failures_total 1\n");
  });

  it("are needed each time: an earlier session is worth nothing", async () => {
    const { socket } = await stage({ tls });
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const first = socket({ ...by(ours, "edge"), maxVersion });
      const sessions: Buffer[] = [];
      first.on("session", (session) => sessions.push(session));
      await once(first, "secureConnect");
      const session = sessions.at(-1) ?? first.getSession();
      const second = socket({ ca: ours.cert, maxVersion, ...(session ? { session } : {}) });
      await once(second, "secureConnect");
      expect(second.isSessionReused()).toBe(false);
    }
  });

  it("come with an exchange of keys for each connection, or not at all", async () => {
    const folder = tempFolder();
    const openssl = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    const files = ["-subj", "/CN=supervisor", "-keyout", "rsa.key", "-out", "rsa.crt"];
    execFileSync("openssl", [...openssl, ...files], { cwd: folder, stdio: "ignore" });
    const [cert, pem] = [join(folder, "rsa.crt"), join(folder, "rsa.key")];
    const own = { cert: readFileSync(cert), key: readFileSync(pem) };
    const { socket } = await stage({ tls: { ...tls, cert, key: pem } });
    const weak = { ciphers: "AES128-GCM-SHA256", maxVersion: "TLSv1.2" } as const;
    const [error] = await once(socket({ ...by(ours, "edge"), ca: own.cert, ...weak }), "error");
    expect(String(error)).toMatch(/handshake failure/);
    // Nor does our own client go to a server that has none.
    const server = createServer({ ...own, ...weak }, (one) => one.on("error", () => {}));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const at = (server.address() as AddressInfo).port;
    const proof = proofOf({ ...by(ours, "edge"), ca: own.cert, serverName: "supervisor" });
    const dialled = tlsAddress("127.0.0.1", at, proof).connect();
    const outcome = await Promise.race([
      once(dialled, "error").then(([failure]) => String(failure)),
      once(dialled, "secureConnect").then(() => "secured"),
    ]);
    dialled.destroy();
    server.close();
    rmSync(folder, { recursive: true });
    expect(outcome).toMatch(/handshake failure/);
  });

  it("take the place of keys: nobody comes by one", async () => {
    const { socket, stranger } = await stage({ tls });
    const old = { maxVersion: "TLSv1.2", ciphers: "ECDHE-PSK-CHACHA20-POLY1305" } as const;
    await once(socket({ ...byKey("edge"), ...old }), "error");
    const refused = stranger({ ...byKey("edge"), ca: ours.cert });
    const { message } = await until(() => refused.refusal, { what: "the refusal" });
    expect(message).toBe("it has no certificate");
  });
});

describe("what is configured", () => {
  it.each([
    [{ key: "00" }, "HF_CONFIG_INVALID"],
    [{ keyFile: "/nowhere/key" }, "HF_BUS_REMOTE_INVALID"],
    [{ keyEnv: "NO_SUCH_VARIABLE" }, "HF_BUS_REMOTE_INVALID"],
  ])("is refused before anything runs: %j", (given, code) => {
    const make = () =>
      createSupervisor({ apps: [{ script: "a.js" }], bus: { listen: 0, psk: { edge: given } } });
    expect(make).toThrow(expect.objectContaining({ code }));
  });

  it("is refused where the certificates are none", () => {
    const folder = tempFolder();
    const file = join(folder, "none.pem");
    writeFileSync(file, "nothing");
    const tls = { cert: file, key: file, ca: file };
    const make = () => createSupervisor({ apps: [{ script: "a.js" }], bus: { listen: 0, tls } });
    expect(make).toThrow(expect.objectContaining({ code: "HF_BUS_REMOTE_INVALID" }));
    rmSync(folder, { recursive: true });
  });

  it("does not listen unless it is asked to", async () => {
    const { remote } = createSupervisor({ script: "a.js" }).bus;
    await remote.open();
    expect([remote.address, remote.fault]).toEqual([null, null]);
    await remote.close();
  });

  it("is tried again where the port is taken, and the apps run", async () => {
    const holder = net.createServer();
    const port = await freePort();
    holder.listen(port, "127.0.0.1");
    await once(holder, "listening");
    const { supervisor, fault, client } = await stage(PSK);
    const options = supervisor.bus.remote.options;
    if (options === null) throw new Error("it has no options");
    const remote = await client(byKey("edge"));
    await supervisor.bus.remote.configure({ ...options, listen: { host: "127.0.0.1", port } });
    expect((await fault("HF_BUS_REMOTE_NOT_LISTENING")).message).toContain(`:${port}`);
    expect(supervisor.bus.remote.address).toBe(null);
    await until(() => remote.downs > 0, { what: "the end of who came by the old one" });
    holder.close();
    await until(() => supervisor.bus.remote.address, { what: "the listener", timeoutMs: 10_000 });
    const again = connect({ ...byKey("edge"), host: "127.0.0.1", port });
    await once(again, "secureConnect");
    again.destroy();
  });

  it("keeps connections where nothing has changed, and is off when it is switched off", async () => {
    const { supervisor, client } = await stage(PSK);
    const remote = await client(byKey("edge"));
    await supervisor.bus.remote.configure(supervisor.bus.remote.options);
    await remote.sync();
    expect(remote.downs).toBe(0);
    await supervisor.bus.remote.configure(null);
    await until(() => remote.downs > 0, { what: "its end" });
    expect(supervisor.bus.remote.address).toBe(null);
  });
});
