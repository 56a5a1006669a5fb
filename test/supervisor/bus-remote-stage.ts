/** A supervisor whose bus listens for other machines, and clients that come to it over TLS. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { createSupervisor, type HoldfastError, type Supervisor } from "holdfast";
import { afterEach, beforeEach } from "vitest";
import type { BusInput } from "../../src/config/bus.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { type ClientOptions, TestClient } from "./bus-clients.ts";
import { quiet } from "./embedded.ts";

type Given = Exclude<BusInput, false | null>;

export const KEY = randomBytes(32);
export const ALL = {
  ...{
    publish: [">"],
    subscribe: [">"],
    request: [">"],
    reply: [">"],
    queues: [">"],
    locks: [">"],
  },
};

export interface RemoteStage {
  readonly supervisor: Supervisor;
  /** Of its own machine, trusted. */
  readonly local: TestClient;
  readonly port: number;
  readonly faults: readonly HoldfastError[];
  fault(code: string): Promise<HoldfastError>;
  /** A TLS connection to it, which says nothing by itself. */
  socket(proof: ConnectionOptions): TLSSocket;
  client(proof: ConnectionOptions, options?: ClientOptions): Promise<TestClient>;
  /** One that is not expected to be let in. */
  stranger(proof: ConnectionOptions, options?: ClientOptions): TestClient;
}

/** That a client knows a key. */
export function byKey(identity: string, psk: Buffer = KEY): ConnectionOptions {
  return { pskCallback: () => ({ identity, psk }), checkServerIdentity: () => undefined };
}

/** Call it at the top of a file: `stage` is then there for each of its tests. */
export function remoteStages() {
  const marker = `bus-remote-${process.pid}-${Date.now().toString(36)}`;
  const supervisors: Supervisor[] = [];
  const clients: TestClient[] = [];
  const sockets: TLSSocket[] = [];
  const systemTemp = process.env.TMPDIR;
  let temp = "";

  beforeEach(() => {
    temp = mkdtempSync(join(tmpdir(), "hf-remote-"));
    process.env.TMPDIR = temp;
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(clients.splice(0).map((client) => client.close()));
    for (const supervisor of supervisors.splice(0)) {
      supervisor.kill();
      await supervisor.stop();
    }
    if (systemTemp === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = systemTemp;
    rmSync(temp, { recursive: true, force: true });
    killLeftovers(marker);
    await expectNoLeftovers(marker);
  });

  /** `bus` without `listen`: any free port. */
  return async (bus: Omit<Given, "listen">): Promise<RemoteStage> => {
    const env = { PORT: String(await freePort()), [MARKER_VARIABLE]: marker };
    const app = { script: fixture("bus-member.mjs"), name: "shop", instances: 1, minUptime: 100 };
    const supervisor = createSupervisor(
      { apps: [{ ...app, env }], bus: { ...bus, listen: 0 } },
      { output: quiet },
    );
    supervisors.push(supervisor);
    const faults: HoldfastError[] = [];
    supervisor.on("bus:fault", ({ error }) => faults.push(error as HoldfastError));
    await supervisor.start();
    const port = Number(supervisor.bus.remote.address?.split(":").at(-1));
    const local = await TestClient.at(supervisor.bus.path);
    clients.push(local);
    const socket = (proof: ConnectionOptions): TLSSocket => {
      const made = connect({ host: "127.0.0.1", port, ...proof });
      sockets.push(made);
      return made;
    };
    const stranger = (proof: ConnectionOptions, options?: ClientOptions): TestClient => {
      const client = new TestClient(() => socket(proof), options);
      clients.push(client);
      return client;
    };
    return {
      ...{ supervisor, local, port, faults, socket, stranger },
      fault: (code) =>
        until(() => faults.find((each) => each.code === code), { what: `a fault ${code}` }),
      async client(proof, options) {
        const client = await TestClient.at(() => socket(proof), options);
        clients.push(client);
        return client;
      },
    };
  };
}

export function tempFolder(): string {
  return mkdtempSync(join(tmpdir(), "hf-certificates-"));
}
