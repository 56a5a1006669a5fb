/** The bus for programs that Holdfast has not started. */

import { isAbsolute } from "node:path";
import type { Bus } from "./api.ts";
import { BusClient } from "./client.ts";
import { CONNECT, invalid, readOptions } from "./options.ts";

export interface ConnectOptions {
  /** What others see as the sender's name; none unless given. */
  readonly name?: string;
}

/** Longest path a UNIX socket may have, on the strictest system. */
const LONGEST_SOCKET_PATH = 103;

/**
 * Connects to a supervisor's bus on this machine: `unix:/run/.../bus.sock`, or the path alone. Resolves when the
 * supervisor has said hello; a connection that is lost later comes again by itself. Rejects with HF_BUS_UNREACHABLE,
 * HF_BUS_REFUSED or HF_BUS_OPTION_INVALID.
 */
export async function connect(url: string, options?: ConnectOptions): Promise<Bus> {
  const path = pathOf(url);
  const { name } = readOptions("connect()", CONNECT, options);
  const hello = name === undefined ? {} : { name };
  const client = new BusClient(() => ({ path, hello }));
  try {
    await client.opened();
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

function pathOf(url: unknown): string {
  const path = typeof url === "string" ? url.replace(/^unix:(?:\/\/(?=\/))?/, "") : "";
  if (!isAbsolute(path)) {
    const expected = 'expected "unix:" and the absolute path of a socket';
    throw invalid("connect()", "url", `received ${JSON.stringify(url)}, ${expected}`);
  }
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    const said = `a socket's path has at most ${LONGEST_SOCKET_PATH} bytes, not ${Buffer.byteLength(path)}`;
    throw invalid("connect()", "url", said);
  }
  return path;
}
