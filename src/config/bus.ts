/** Reads where the bus is reached from other machines, and by whom: the key `bus` beside `apps`. Pure. */

import type { Rate } from "../core/bus/bucket.ts";
import type { Permissions } from "../core/bus/permissions.ts";
import { addressText, type Listen, listenKind } from "./admin.ts";
import {
  CLIENTS_SCHEMA,
  type PermissionsInput,
  PSK_SCHEMA,
  type PskInput,
  type PskOptions,
  placed,
  readClients,
  readPsk,
} from "./bus-permissions.ts";
import type { ParseContext } from "./context.ts";
import {
  accept,
  fault,
  type JsonSchema,
  type Kind,
  path,
  type Reading,
  refuse,
  whole,
} from "./kinds.ts";
import { type Parts, readParts } from "./parts.ts";
import { contentsOf } from "./received.ts";

/** Certificates of both sides: files of PEM. */
export interface BusTls {
  readonly cert: string;
  readonly key: string;
  /** Who signs the clients' certificates. */
  readonly ca: string;
  /** What those may do whose certificate has this common name; others may not come. */
  readonly clients: Readonly<Record<string, Permissions>>;
}

export interface BusOptions {
  readonly listen: Listen;
  /** One of both is given. */
  readonly psk: Readonly<Record<string, PskOptions>> | null;
  readonly tls: BusTls | null;
  /** Of each identity, over all its connections. */
  readonly rate: Rate;
}

/** The bus for other machines as a person writes it; false and null switch it off. */
export type BusInput =
  | {
      readonly listen: number | string;
      readonly psk?: Readonly<Record<string, PskInput>>;
      readonly tls?: {
        readonly cert: string;
        readonly key: string;
        readonly ca: string;
        readonly clients?: Readonly<Record<string, PermissionsInput>>;
      };
      readonly rate?: { readonly perSecond?: number; readonly burst?: number };
    }
  | false
  | null;

interface Given {
  readonly listen: Listen;
  readonly psk: unknown;
  readonly tls: unknown;
  readonly rate: unknown;
}

const PER_SECOND = 10_000;
const MOST_TOKENS = 1_000_000;
/** With fewer, what came at once would keep a connection unread for longer than its client waits. */
const perSecondKind = whole(100, MOST_TOKENS);
const burstKind = whole(1, MOST_TOKENS);
const pem = path("a file of PEM");
/** Read by a reader of their own, which knows where relative paths start. */
const later: Kind<unknown> = {
  ...{ type: "object", expected: "an object", show: () => "", schema: {} },
  read: accept,
};

const PARTS: Parts<Given> = new Map<string, readonly [keyof Given, Kind<unknown>]>([
  ["listen", ["listen", listenKind]],
  ["psk", ["psk", later]],
  ["tls", ["tls", later]],
  ["rate", ["rate", later]],
]);
const RATE_PARTS: Parts<Rate> = new Map<string, readonly [keyof Rate, Kind<unknown>]>([
  ["perSecond", ["perSecond", perSecondKind]],
  ["burst", ["burst", burstKind]],
]);
const TLS_PARTS = new Map<string, readonly [keyof BusTls, Kind<unknown>]>([
  ["cert", ["cert", pem]],
  ["key", ["key", pem]],
  ["ca", ["ca", pem]],
  ["clients", ["clients", later]],
]);
const EXPECTED = 'an object such as { "listen": "10.0.0.1:7420", "psk": { ... } }, or false';

/** Null where it is switched off. Never throws; paths of faults start below the key. */
export function readBus(value: unknown, context: ParseContext = {}): Reading<BusOptions | null> {
  if (value === false || value === null) return accept(null);
  const given = partsOf(value, PARTS, EXPECTED);
  if (!given.ok) return given;
  const { listen, psk, tls } = given.value;
  if (listen === undefined) return fault("is missing", ".listen");
  if ((psk === undefined) === (tls === undefined)) {
    return fault('needs "psk" or "tls", and not both: nobody comes without authentication');
  }
  const rate = under(".rate", readRate(given.value.rate));
  const keys = psk === undefined ? accept(null) : under(".psk", readPsk(psk, context));
  const certificates = tls === undefined ? accept(null) : under(".tls", readTls(tls, context));
  if (rate.ok && keys.ok && certificates.ok) {
    return accept({ listen, psk: keys.value, tls: certificates.value, rate: rate.value });
  }
  const faults = [rate, keys, certificates].flatMap((each) => (each.ok ? [] : each.faults));
  return { ok: false, faults };
}

function readRate(value: unknown): Reading<Rate> {
  if (value === undefined) return accept({ perSecond: PER_SECOND, burst: PER_SECOND });
  const parts = partsOf(value, RATE_PARTS, 'an object such as { "perSecond": 1000 }');
  if (!parts.ok) return parts;
  const { perSecond = PER_SECOND, burst = perSecond } = parts.value;
  return accept({ perSecond, burst });
}

function readTls(value: unknown, context: ParseContext): Reading<BusTls> {
  const parts = partsOf(value, TLS_PARTS, 'an object with "cert", "key" and "ca"');
  if (!parts.ok) return parts;
  const { cert, key, ca, clients: given = {} } = parts.value;
  if (cert === undefined || key === undefined || ca === undefined) {
    return fault('needs "cert", "key" and "ca": clients prove who they are by certificates, too');
  }
  const clients = under(".clients", readClients(given));
  if (!clients.ok) return clients;
  const at = (file: string): string => placed(file, context);
  return accept({ cert: at(cert), key: at(key), ca: at(ca), clients: clients.value });
}

function partsOf<T>(value: unknown, parts: Parts<T>, expected: string): Reading<Partial<T>> {
  const contents = contentsOf(value);
  if (contents.type === "unusable") return fault(`${contents.why}; expected ${expected}`);
  if (contents.type !== "record") return refuse(value, expected);
  return readParts(contents.entries, parts);
}

function under<T>(at: string, reading: Reading<T>): Reading<T> {
  if (reading.ok) return reading;
  const faults = reading.faults.map((each) => ({ ...each, path: `${at}${each.path}` }));
  return { ok: false, faults };
}

/** As a person would write it: what travels between processes and is kept on disk. `readBus` undoes it. */
export function busInput(options: BusOptions | null): BusInput {
  if (options === null) return null;
  const { listen, psk, tls, rate } = options;
  const identities = Object.entries(psk ?? {}).map(([who, identity]) => {
    const given = Object.entries(identity).filter(([, value]) => value !== null);
    return [who, Object.fromEntries(given)] as const;
  });
  return {
    ...{ listen: addressText(listen), rate },
    ...(psk === null ? {} : { psk: Object.fromEntries(identities) }),
    ...(tls === null ? {} : { tls }),
  };
}

export const BUS_SCHEMA: JsonSchema = {
  description: "The bus for programs on other machines, see docs/bus.md.",
  anyOf: [
    { type: "null" },
    { const: false },
    {
      type: "object",
      properties: {
        listen: listenKind.schema,
        psk: PSK_SCHEMA,
        tls: {
          type: "object",
          properties: {
            ...{ cert: pem.schema, key: pem.schema, ca: pem.schema, clients: CLIENTS_SCHEMA },
          },
          required: ["cert", "key", "ca"],
          additionalProperties: false,
        },
        rate: {
          type: "object",
          properties: { perSecond: perSecondKind.schema, burst: burstKind.schema },
          additionalProperties: false,
        },
      },
      required: ["listen"],
      additionalProperties: false,
    },
  ],
};
