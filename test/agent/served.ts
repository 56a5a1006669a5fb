/** What the tests of listening share: who answers on an address, and what workers said about theirs. */

import { once } from "node:events";
import http from "node:http";
import type { HoldfastRun } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

/** What a server of apps/listeners.mjs answers. */
export interface Identity {
  readonly name: string;
  readonly pid: number;
  readonly slot: string;
}

export type Address = { readonly port: number; readonly host?: string } | { readonly path: string };

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request on a connection of its own, which a drain need not wait for. Rejects with the socket's error. */
export async function get(address: Address, path = "/"): Promise<Answer> {
  const target = "path" in address ? { socketPath: address.path } : address;
  const request = http.get({ host: "127.0.0.1", agent: false, ...target, path });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return { status: response.statusCode ?? 0, body };
}

/** The JSON a server answers, of whatever shape the caller knows it to have. */
export async function getJson<T>(address: Address, path = "/"): Promise<T> {
  return JSON.parse((await get(address, path)).body) as T;
}

export function ask(address: Address): Promise<Identity> {
  return getJson<Identity>(address);
}

/** The error code with which a connection fails, or "served". */
export async function refusal(address: Address): Promise<string> {
  return ask(address).then(
    () => "served",
    (error: NodeJS.ErrnoException) => String(error.code),
  );
}

/** Asks, many at a time, until so many processes have answered; resolves with their pids. */
export async function servedBy(address: Address, count: number): Promise<ReadonlySet<number>> {
  const pids = new Set<number>();
  await until(
    async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask(address)));
      for (const { pid } of answers) pids.add(pid);
      return pids.size >= count;
    },
    { what: `${count} processes to answer on ${JSON.stringify(address)}` },
  );
  return pids;
}

/** A line of apps/listeners.mjs. */
export interface Said {
  readonly what: string;
  readonly name: string;
  readonly slot: number;
  readonly pid: number;
  readonly detail: unknown;
}

const LINE = /^(listening|failed|closed) (\S+) slot=(\d+) pid=(\d+) (.*)$/;

/** All that workers said about the server so far, oldest first. */
export function said(run: HoldfastRun, about: string): readonly Said[] {
  return run.stdout.flatMap((line) => {
    const [, what = "", name = "", slot, pid, detail = "null"] = LINE.exec(line) ?? [];
    if (name !== about) return [];
    return [{ what, name, slot: Number(slot), pid: Number(pid), detail: JSON.parse(detail) }];
  });
}

/** Waits until workers have said it so often, and resolves with it all. */
export async function heard(
  run: HoldfastRun,
  what: string,
  about: string,
  times: number,
): Promise<readonly Said[]> {
  const found = () => said(run, about).filter((line) => line.what === what);
  await until(() => found().length >= times, { what: `"${what} ${about}" ${times} times` });
  return found();
}

/** The ports that workers said a server of theirs has, in the order they said it. */
export function ports(run: HoldfastRun, name: string): readonly number[] {
  return said(run, name)
    .filter(({ what }) => what === "listening")
    .map(({ detail }) => (detail as { port: number }).port);
}
