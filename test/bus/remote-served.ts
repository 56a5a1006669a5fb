/** What the tests of remote clients share: the supervisor's real bus, reached over TLS on this machine. */

import { randomBytes } from "node:crypto";
import type { Bus as Client } from "../../src/bus/api.ts";
import { type ConnectOptions, connect } from "../../src/bus/connect.ts";
import { type BusInput, readBus } from "../../src/config/bus.ts";
import { Bus } from "../../src/supervisor/bus/bus.ts";
import { atEnd } from "./served.ts";

/** Of the identity "shop". */
export const KEY = randomBytes(32).toString("hex");
export const PSK = { psk: { identity: "shop", key: KEY } };
export const ALL = {
  ...{ publish: [">"], subscribe: [">"], request: [">"], reply: [">"] },
  ...{ queues: [">"], locks: [">"] },
};

type Given = Omit<Extract<BusInput, { listen: unknown }>, "listen">;

export interface RemoteServed {
  readonly url: string;
  readonly bus: Bus;
  readonly faults: readonly Error[];
  /** All connections end, and nobody listens. */
  stop(): Promise<void>;
  /** At the same port, with nothing of what was. */
  start(): Promise<void>;
}

export async function serveRemote(
  given: Given = { psk: { shop: { key: KEY, ...ALL } } },
): Promise<RemoteServed> {
  const faults: Error[] = [];
  const bus = new Bus({
    runFolder: () => null,
    runners: () => [],
    fault: (error) => void faults.push(error),
  });
  atEnd(() => bus.end());
  let port = 0;
  const start = async (): Promise<void> => {
    const read = readBus({ ...given, listen: `127.0.0.1:${port}` });
    if (!read.ok) throw new Error(JSON.stringify(read.faults));
    await bus.remote.configure(read.value);
    await bus.remote.open();
    if (!bus.remote.address) throw bus.remote.fault ?? new Error("it does not listen");
    port = Number(bus.remote.address.split(":").at(-1));
  };
  await start();
  return { url: `tls://127.0.0.1:${port}`, bus, faults, stop: () => bus.end(), start };
}

/** A client that is closed after the test; by the shared key unless told otherwise. */
export async function remote(
  url: string | readonly string[],
  options: ConnectOptions = {},
): Promise<Client> {
  const proof = options.psk || options.cert ? {} : PSK;
  const client = await connect(url, { ...proof, ...options });
  atEnd(() => client.close({ timeout: 1 }));
  return client;
}
