/** What the tests of the client share: the supervisor's real bus on a real socket, and clients of it. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { Bus as Client } from "../../src/bus/api.ts";
import { type ConnectOptions, connect } from "../../src/bus/connect.ts";
import { Bus } from "../../src/supervisor/bus/bus.ts";
import type { QueueSettings } from "../../src/supervisor/bus/queue-keeper.ts";

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What is done after the test, the last first. */
export function atEnd(end: () => unknown): void {
  ends.push(end);
}

export interface Served {
  readonly path: string;
  /** Tells the faults the supervisor would. */
  readonly faults: readonly Error[];
  readonly bus: Bus;
  client(options?: ConnectOptions): Promise<Client>;
  /** All connections end, and nobody listens. */
  stop(): Promise<void>;
  /** At the same place, with nothing of what was. */
  start(): void;
}

/** A bus as a supervisor has it, without workers; with durable queues where it is said how. */
export function serve(queues: Partial<QueueSettings> = {}): Served {
  const folder = mkdtempSync(join(tmpdir(), "hf-bus-"));
  const faults: Error[] = [];
  const bus = new Bus({
    runFolder: () => folder,
    runners: () => [],
    fault: (error) => void faults.push(error),
    queues: () => queues,
  });
  const start = (): string => {
    const worker = { app: "app", slot: 0, worker: 1, generation: 1 };
    const settings = bus.admit(worker, { uid: null, gid: null });
    if (!settings) throw new Error(`no socket: ${faults.join(", ")}`);
    return settings.path;
  };
  const path = start();
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  atEnd(() => bus.close());
  return {
    ...{ path, faults, bus, stop: () => bus.close(), start },
    async client(options) {
      const client = await connect(`unix:${path}`, options);
      atEnd(() => client.close({ timeout: 1 }));
      return client;
    },
  };
}

/** What a promise rejects with; throws where it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  const settled = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in settled) return settled.error as Error;
  throw new Error(`it did not reject but gave ${JSON.stringify(settled.value)}`);
}

export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return (await rejection(promise)).code;
}

/** A promise and how it ends. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
