/** What the tests of the adapter share: servers under a supervisor of the test's, and clients of them. */

import { fileURLToPath } from "node:url";
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { afterEach } from "vitest";
import type { WorkerOverview } from "../../src/core/overview.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const APP = fileURLToPath(new URL("app.mjs", import.meta.url));
const ANSWER_WITHIN_MS = 10_000;
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What is done after the test, the last first. */
export function atEnd(end: () => unknown): void {
  ends.push(end);
}

export interface Welcome {
  readonly slot: number;
  readonly pid: number;
  readonly recovered: boolean;
}

export class Stand {
  readonly house: House;
  readonly url: string;

  private constructor(house: House, url: string) {
    this.house = house;
    this.url = url;
  }

  /** Ends after the test. */
  static async start(instances = 4, env: Record<string, string> = {}): Promise<Stand> {
    const stand = await Stand.open(instances, env);
    ends.push(() => stand.house[Symbol.asyncDispose]());
    return stand;
  }

  /** Ends where its house is disposed of. */
  static async open(instances = 4, env: Record<string, string> = {}): Promise<Stand> {
    const house = new House();
    const app = {
      ...{ name: "cluster", script: APP, instances, minUptime: 100, backoffBase: 50 },
      ...{ sticky: { by: "socket.io" }, env: { PORT: "0", ...env } },
    };
    try {
      await house.ok(["start", house.file("ecosystem.config.json", { apps: [app] })]);
      const [address] = (await house.overview()).apps[0]?.addresses ?? [];
      return new Stand(house, `http://${address}`);
    } catch (error) {
      await house[Symbol.asyncDispose]();
      throw error;
    }
  }

  client(path = "/", options: Partial<ManagerOptions & SocketOptions> = {}): Promise<Client> {
    return Client.to(this.url + path, options);
  }

  /** One client on each worker, by slot. */
  async clients(
    path = "/",
    options: Partial<ManagerOptions & SocketOptions> = {},
  ): Promise<readonly Client[]> {
    const { length } = await this.workers();
    const bySlot = new Map<number, Client>();
    while (bySlot.size < length) {
      const client = await this.client(path, options);
      if (bySlot.has(client.slot)) client.socket.disconnect();
      else bySlot.set(client.slot, client);
    }
    return [...bySlot].sort(([a], [b]) => a - b).map(([, client]) => client);
  }

  async workers(): Promise<readonly WorkerOverview[]> {
    const [app] = (await this.house.overview()).apps;
    return (app?.workers ?? []).filter(({ phase }) => phase === "ready");
  }

  async reload(): Promise<void> {
    await this.house.ok(["reload", "cluster"]);
  }

  /** SIGKILL; resolves when a successor is ready. */
  async kill(pid: number): Promise<void> {
    const { length } = await this.workers();
    process.kill(pid, "SIGKILL");
    await until(
      async () => {
        const ready = await this.workers();
        return ready.length === length && ready.every((worker) => worker.pid !== pid);
      },
      { what: "the successor", timeoutMs: 30_000, intervalMs: 100 },
    );
  }

  /** SIGKILL to the supervisor, and to another process in the same moment; resolves when another one is in charge. */
  async killSupervisor(alsoPid?: number): Promise<void> {
    const { pid } = (await this.house.overview()).supervisor;
    process.kill(pid, "SIGKILL");
    if (alsoPid !== undefined) process.kill(alsoPid, "SIGKILL");
    await until(async () => (await this.house.overview()).supervisor.pid !== pid, {
      what: "the next supervisor",
      timeoutMs: 30_000,
    });
  }
}

export class Client {
  readonly socket: Socket;
  /** Each event that came, without the offset at its end. */
  readonly events: (readonly unknown[])[] = [];
  readonly welcomes: Welcome[] = [];
  /** Of each connection, whether the client had its session back. */
  readonly recoveries: boolean[] = [];
  #isGone = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("connect", () => this.recoveries.push(socket.recovered));
    socket.on("disconnect", () => {
      this.#isGone = !socket.io.reconnection();
    });
    socket.onAny((event: string, ...args: unknown[]) => {
      if (event === "welcome") this.welcomes.push(args[0] as Welcome);
      else this.events.push([event, ...args]);
    });
  }

  static async to(
    url: string,
    options: Partial<ManagerOptions & SocketOptions> = {},
  ): Promise<Client> {
    const socket = io(url, {
      ...{ transports: ["websocket"], forceNew: true },
      ...{ reconnectionDelay: 20, reconnectionDelayMax: 200 },
      ...options,
    });
    const client = new Client(socket);
    ends.push(() => socket.disconnect());
    // One that does not come back may have been turned away before it was let in.
    const isOver = (): boolean => client.welcomes.length > 0 || client.#isGone;
    await until(isOver, { what: `a welcome from ${url}` });
    return client;
  }

  /** Where it is, as the last server that let it in has said. */
  get slot(): number {
    return this.welcomes.at(-1)?.slot ?? -1;
  }

  get pid(): number {
    return this.welcomes.at(-1)?.pid ?? -1;
  }

  /** Has the server do something; see `app.mjs`. */
  async call<Value>(name: string, ...args: unknown[]): Promise<Value> {
    const { socket } = this;
    const answer = (await socket.timeout(ANSWER_WITHIN_MS).emitWithAck("call", name, args)) as {
      readonly value?: Value;
      readonly error?: { readonly message: string };
    };
    if (answer.error) throw new Error(answer.error.message);
    return answer.value as Value;
  }

  /** What came of this event: its first arguments. */
  heard<Value>(event: string): readonly Value[] {
    return this.events.filter(([name]) => name === event).map(([, value]) => value as Value);
  }
}
