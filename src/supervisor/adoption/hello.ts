/** What a worker says of itself when it has dialed. Nothing in it is trusted. */

import type { AdoptionHello, ListeningAt } from "../../link/adoption.ts";
import { isListenRequest } from "../worker-messages.ts";

/** More addresses, and shards of one, no worker has. */
const ADDRESSES_MAX = 1000;
const SHARDS_MAX = 10_000;

/** Null for what is none. What cannot be read of one names nobody, and of its addresses what cannot be is left out. */
export function helloIn(message: unknown): AdoptionHello | null {
  const said = (message ?? {}) as Record<string, unknown>;
  if (said.t !== "hello" || !Number.isSafeInteger(said.protocol)) return null;
  return {
    t: "hello",
    protocol: Number(said.protocol),
    app: wordIn(said.app),
    worker: numberIn(said.worker),
    pid: numberIn(said.pid),
    token: wordIn(said.token),
    listening: listIn(said.listening, ADDRESSES_MAX).map(addressIn).filter(isKnown),
  };
}

function addressIn(value: unknown): ListeningAt | null {
  const { request, shards, isListening } = (value ?? {}) as Record<string, unknown>;
  if (!isListenRequest(request)) return null;
  const numbers = listIn(shards, SHARDS_MAX).filter((shard) => numberIn(shard) >= 0) as number[];
  return { request, shards: numbers, isListening: isListening === true };
}

function isKnown(address: ListeningAt | null): address is ListeningAt {
  return address !== null;
}

function listIn(value: unknown, most: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, most) : [];
}

function wordIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** -1 for what is none. */
function numberIn(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : -1;
}
