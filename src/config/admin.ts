/** Reads where the admin server listens and who may ask it: the key `admin` beside `apps`. Pure. */

import { HoldfastError } from "../errors.ts";
import type { ParseContext } from "./context.ts";
import { accept, fault, type JsonSchema, type Kind, path, type Reading, refuse } from "./kinds.ts";
import { type Parts, readParts } from "./parts.ts";
import { expandHome, join } from "./paths.ts";
import { contentsOf } from "./received.ts";

/** Where a server listens; port 0 is any that is free. */
export interface Listen {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface AdminOptions {
  readonly listen: Listen;
  /** What a client must know; null: what `tokenFile` holds, or the environment. */
  readonly token: string | null;
  readonly tokenFile: string | null;
}

/** The admin server as a person writes it; false and null switch it off. */
export type AdminInput =
  | { readonly listen?: number | string; readonly token?: string; readonly tokenFile?: string }
  | false
  | null;

const LOOPBACK = "127.0.0.1";
/** The port OpenTelemetry gives to exporters for Prometheus. */
const DEFAULT_LISTEN: Listen = { host: LOOPBACK, port: 9464 };
const HIGHEST_PORT = 65_535;
const LISTEN = /^(?:(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9][A-Za-z0-9._-]{0,252})):)?(\d{1,5})$/;
const LISTEN_EXPECTED = `a port from 0 to ${HIGHEST_PORT}, on ${LOOPBACK}, or an address and a port such as "0.0.0.0:9464" or "[::1]:9464"`;
/** Printable ASCII, which is what a header carries as it is. */
const TOKEN = /^[\x21-\x7e]{16,1024}$/;
const TOKEN_EXPECTED = "16 to 1024 printable characters without blanks";

export const listenKind: Kind<Listen> = {
  type: "address",
  expected: LISTEN_EXPECTED,
  read: (value) => {
    const text = typeof value === "number" ? String(value) : value;
    const found = typeof text === "string" ? LISTEN.exec(text) : null;
    const port = Number(found?.[3] ?? "none");
    if (!found || !(port <= HIGHEST_PORT)) return refuse(value, LISTEN_EXPECTED);
    return accept({ host: found[1] ?? found[2] ?? LOOPBACK, port });
  },
  show: addressText,
  write: addressText,
  schema: {
    anyOf: [
      { type: "integer", minimum: 0, maximum: HIGHEST_PORT },
      { type: "string", pattern: LISTEN.source },
    ],
  },
};

/** Holds the token where neither `token` nor `tokenFile` is given. */
export const TOKEN_VARIABLE = "HOLDFAST_ADMIN_TOKEN";

/** What was received is never part of a message: it may be somebody's secret, cut short. */
export const tokenKind: Kind<string> = {
  type: "secret",
  expected: TOKEN_EXPECTED,
  read: (value) =>
    typeof value === "string" && TOKEN.test(value)
      ? accept(value)
      : fault(`is not a token, expected ${TOKEN_EXPECTED}`),
  show: () => "***",
  schema: { type: "string", pattern: TOKEN.source },
};

const tokenFileKind = path("a file that holds the token");

const PARTS: Parts<AdminOptions> = new Map<string, readonly [keyof AdminOptions, Kind<unknown>]>([
  ["listen", ["listen", listenKind]],
  ["token", ["token", tokenKind]],
  ["tokenFile", ["tokenFile", tokenFileKind]],
]);
const EXPECTED = `an object such as { "listen": ${DEFAULT_LISTEN.port} }, or false`;

/** Null where it is switched off. Never throws; paths of faults start below the key. */
export function readAdmin(
  value: unknown,
  context: ParseContext = {},
): Reading<AdminOptions | null> {
  if (value === false || value === null) return accept(null);
  const contents = contentsOf(value);
  if (contents.type === "unusable") return fault(`${contents.why}; expected ${EXPECTED}`);
  if (contents.type !== "record") return refuse(value, EXPECTED);
  const parts = readParts(contents.entries, PARTS);
  if (!parts.ok) return parts;
  const { listen = DEFAULT_LISTEN, token = null, tokenFile = null } = parts.value;
  if (token !== null && tokenFile !== null) {
    return fault("is given beside token, expected only one of them", ".tokenFile");
  }
  return accept({ listen, token, tokenFile: tokenFile && placed(tokenFile, context) });
}

/** The token in the environment, null where none is. Throws HF_ADMIN_TOKEN_INVALID. */
export function tokenInEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  const text = env[TOKEN_VARIABLE];
  return text === undefined || text === "" ? null : tokenFrom(text, TOKEN_VARIABLE);
}

/** The text as a token; `source` is where it was found. Throws HF_ADMIN_TOKEN_INVALID. */
export function tokenFrom(text: string, source: string): string {
  const reading = tokenKind.read(text);
  if (reading.ok) return reading.value;
  const reason = reading.faults.map(({ message }) => message).join();
  throw new HoldfastError("HF_ADMIN_TOKEN_INVALID", { source, reason });
}

/** As a person would write it: what travels between processes and is kept on disk. `readAdmin` undoes it. */
export function adminInput(options: AdminOptions | null): AdminInput {
  if (options === null) return null;
  const { listen, token, tokenFile } = options;
  return {
    listen: addressText(listen),
    ...(token === null ? {} : { token }),
    ...(tokenFile === null ? {} : { tokenFile }),
  };
}

export const ADMIN_SCHEMA: JsonSchema = {
  description: "The admin server for metrics and probes, see docs/admin.md.",
  anyOf: [
    { type: "null" },
    { const: false },
    {
      type: "object",
      properties: {
        listen: listenKind.schema,
        token: tokenKind.schema,
        tokenFile: tokenFileKind.schema,
      },
      additionalProperties: false,
    },
  ],
};

/** `127.0.0.1:9464`, `[::1]:9464`. */
export function addressText({ host, port }: Listen): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Reached from this machine alone, whatever its name server says. What is in doubt is not. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function placed(file: string, { directory, home }: ParseContext): string {
  const expanded = expandHome(file, home);
  return directory === undefined ? expanded : join(directory, expanded);
}
