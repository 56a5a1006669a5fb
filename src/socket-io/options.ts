/** The options of `createAdapter()`. */

import type { Bus } from "../bus/api.ts";
import type { Duration, Size } from "../config/app.ts";
import { duration, isText, type Kind, whole } from "../config/kinds.ts";
import { bytesOf } from "../config/memory.ts";
import { received } from "../config/received.ts";
import { HoldfastError } from "../errors.ts";

export interface AdapterOptions {
  /** The bus to use; by default that of this worker. */
  readonly bus?: Bus;
  /** Servers of the same name are one; by default the name of the app. */
  readonly name?: string;
  /** How long `fetchSockets()` and `serverSideEmit()` wait for other workers. Default: 5 s. */
  readonly requestTimeout?: Duration;
  /** Packets that a worker keeps for clients that come back. Default: 100,000. */
  readonly maxPackets?: number;
  /** What they may take together. Default: 64 MiB. */
  readonly maxBytes?: Size;
  /** Sessions that a worker keeps of clients that are gone. Default: 100,000. */
  readonly maxSessions?: number;
}

export interface Terms {
  readonly bus: Bus | null;
  readonly name: string | null;
  readonly requestTimeoutMs: number;
  readonly maxPackets: number;
  readonly maxBytes: number;
  readonly maxSessions: number;
}

const COUNT = whole(1, 10_000_000);
const TIMEOUT = duration(1);
const KNOWN = ["bus", "name", "requestTimeout", "maxPackets", "maxBytes", "maxSessions"];
const MIB = 1024 * 1024;

/** Throws HF_BUS_OPTION_INVALID. */
export function readTerms(options: AdapterOptions = {}): Terms {
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw wrong(unknown, `there is no such option; known are ${KNOWN.join(", ")}`);
  }
  const { bus = null, name = null } = options;
  if (name !== null && (name === "" || !isText(name, 64))) {
    throw wrong("name", `received ${received(name)}, expected text of 1 to 64 characters`);
  }
  return {
    ...{ bus, name },
    requestTimeoutMs: read("requestTimeout", TIMEOUT, options.requestTimeout, 5000),
    maxPackets: read("maxPackets", COUNT, options.maxPackets, 100_000),
    maxBytes: bytes(options.maxBytes),
    maxSessions: read("maxSessions", COUNT, options.maxSessions, 100_000),
  };
}

function read(name: string, kind: Kind<number>, value: unknown, ordinary: number): number {
  if (value === undefined) return ordinary;
  const reading = kind.read(value);
  if (reading.ok) return reading.value;
  throw wrong(name, reading.faults.map(({ message }) => message).join("; "));
}

function bytes(value: Size | undefined): number {
  if (value === undefined) return 64 * MIB;
  const amount = bytesOf(value);
  if (amount !== null && amount >= MIB) return amount;
  throw wrong("maxBytes", `received ${received(value)}, expected an amount of memory from 1M`);
}

function wrong(option: string, fault: string): HoldfastError {
  return new HoldfastError("HF_BUS_OPTION_INVALID", { call: "createAdapter()", option, fault });
}
