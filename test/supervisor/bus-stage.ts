/** A supervisor whose workers are on the bus, its clients, and the end of them all. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSupervisor, type Supervisor } from "holdfast";
import { afterEach, beforeEach, expect } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { type ClientOptions, TestClient } from "./bus-clients.ts";
import { quiet } from "./embedded.ts";

type Input = Extract<Parameters<typeof createSupervisor>[0], { readonly script: string }>;

export interface BusStage {
  readonly supervisor: Supervisor;
  client(options?: ClientOptions): Promise<TestClient>;
}

/** Call it at the top of a file: `stage` is then there for each of its tests. */
export function busStages(): (...apps: readonly Partial<Input>[]) => Promise<BusStage> {
  const marker = `bus-${process.pid}-${Date.now().toString(36)}`;
  const supervisors: Supervisor[] = [];
  const clients: TestClient[] = [];
  const systemTemp = process.env.TMPDIR;
  let temp = "";

  beforeEach(() => {
    temp = mkdtempSync(join(tmpdir(), "hf-bus-"));
    process.env.TMPDIR = temp;
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    for (const supervisor of supervisors.splice(0)) {
      supervisor.kill();
      await supervisor.stop();
    }
    const left = readdirSync(temp).filter((name) => name.startsWith("holdfast-"));
    if (systemTemp === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = systemTemp;
    rmSync(temp, { recursive: true, force: true });
    killLeftovers(marker);
    await expectNoLeftovers(marker);
    expect(left).toEqual([]);
  });

  return async (...apps) => {
    const wanted = apps.length > 0 ? apps : [{}];
    const ports = await Promise.all(wanted.map(() => freePort()));
    const supervisor = createSupervisor(
      wanted.map((options, n) => ({
        ...{ script: fixture("bus-member.mjs"), name: "shop", instances: 2, minUptime: 100 },
        ...options,
        env: { PORT: String(ports[n]), [MARKER_VARIABLE]: marker },
      })),
      { output: quiet },
    );
    supervisors.push(supervisor);
    await supervisor.start();
    return {
      supervisor,
      async client(how) {
        const client = await TestClient.at(supervisor.bus.path, how);
        clients.push(client);
        return client;
      },
    };
  };
}
