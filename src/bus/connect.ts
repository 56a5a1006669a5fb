/** The bus for programs that Holdfast has not started, on this machine and on others. */

import { createConnection } from "node:net";
import type { Duration } from "../config/app.ts";
import { choice, duration } from "../config/kinds.ts";
import type { DialAddress } from "../link/bus-addresses.ts";
import { type Place, readPlaces } from "./addresses.ts";
import type { Bus } from "./api.ts";
import { BusClient } from "./client.ts";
import type { BusTarget } from "./connection.ts";
import { pem, psk, serverName } from "./credential-kinds.ts";
import type { GivenProof } from "./credentials.ts";
import { CONNECT, invalid, readOptions } from "./options.ts";
import type { SpreadBus } from "./spread.ts";

export interface ConnectOptions {
  /** What others see as the sender's name; none unless given. Over `tls://` it is the identity or certificate's name. */
  readonly name?: string;
  /** For `tls://`: who this is and the secret that proves it, 16 to 64 bytes, also as hex or base64. */
  readonly psk?: { readonly identity: string; readonly key: Buffer | string };
  /** For `tls://`: this program's certificate in PEM (not its path), */
  readonly cert?: string | Buffer;
  /** its private key, */
  readonly key?: string | Buffer;
  /** and who signs the supervisor's certificate. */
  readonly ca?: string | Buffer;
  /** What the supervisor's certificate is for, where that is not the address's host. */
  readonly serverName?: string;
  /**
   * Of several addresses: `one`, the default, is connected to, by chance the first time, and another when it is lost;
   * with `all` there is a connection to each, and what is sent goes by turns.
   */
  readonly balance?: "one" | "all";
  /** What waits for a connection fails after so long, 10 s unless given; it is still tried. */
  readonly unreachableAfter?: Duration;
  /** Ends the waiting for the first connection: `connect()` rejects with its reason, and nothing is tried any more. */
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  ...{ ...CONNECT, psk, cert: pem, key: pem, ca: pem, serverName },
  ...{ balance: choice("one", "all"), unreachableAfter: duration(1) },
};

/** A machine that was cut off closes no connection; on this one the system does. */
const PROBE = { everyMs: 15_000, withinMs: 10_000 };

/**
 * Connects to a supervisor's bus: `unix:/run/.../bus.sock` or the path alone, or `tls://host:port` with `psk` or
 * `cert`, `key` and `ca`; or to one or all of several. Resolves when a supervisor has said hello; a connection that
 * is lost later comes again by itself. Rejects with HF_BUS_UNREACHABLE, HF_BUS_REFUSED, HF_BUS_OPTION_INVALID, or the
 * signal's reason.
 */
export async function connect(
  url: string | readonly string[],
  options?: ConnectOptions,
): Promise<Bus> {
  const places = readPlaces(url);
  const {
    name,
    balance = "one",
    unreachableAfter,
    signal,
    ...given
  } = readOptions("connect()", OPTIONS, options);
  signal?.throwIfAborted();
  const addresses = await addressesOf(places, given);
  const target = (...some: readonly DialAddress[]): BusTarget => ({
    ...{ addresses: some, hello: name === undefined ? {} : { name } },
    ...(places[0]?.kind === "tls" ? { probe: PROBE } : {}),
    ...(unreachableAfter === undefined ? {} : { unreachableAfterMs: unreachableAfter }),
  });
  const bus =
    balance === "all" && addresses.length > 1
      ? await spreadOver(addresses.map((address) => new BusClient(() => target(address))))
      : new BusClient(() => target(...addresses));
  try {
    await bus.opened(signal);
  } catch (error) {
    await bus.close();
    throw error;
  }
  return bus;
}

async function addressesOf(
  places: readonly Place[],
  given: GivenProof,
): Promise<readonly DialAddress[]> {
  const remote = places.filter((place) => place.kind === "tls");
  if (remote.length > 0) {
    // Most programs never need what TLS loads.
    const { tlsAddresses } = await import("./credentials.ts");
    return tlsAddresses(remote, given);
  }
  const [secret] = Object.keys(given);
  if (secret !== undefined) {
    const said =
      "is for tls:// addresses: who can open a socket of this machine needs no other proof";
    throw invalid("connect()", secret, said);
  }
  const local = places.filter((place) => place.kind === "unix");
  return local.map(({ path }) => ({
    name: `unix:${path}`,
    connect: () => createConnection(path),
  }));
}

/** Few programs have several supervisors at once. */
async function spreadOver(clients: readonly BusClient[]): Promise<SpreadBus> {
  const { SpreadBus } = await import("./spread.ts");
  return new SpreadBus(clients);
}
