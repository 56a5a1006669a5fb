/** `execMode: "fork"`: the program is no cluster's worker; all else holds as it does in "cluster". */

import { describe, expect, it } from "vitest";
import { getJson } from "../agent/served.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad } from "../support/load.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { embed } from "./embedded.ts";

interface Answer {
  readonly pid: number;
  readonly parent: number;
  readonly isPrimary: boolean;
}

async function forked(instances: number, env: Record<string, string> = {}) {
  const port = await freePort();
  const { supervisor } = embed({
    script: fixture("apps/clustered.mjs"),
    ...{ name: "forked", execMode: "fork" as const, instances, minUptime: 100 },
    ...{ port, env: { PORT: String(port), ...env } },
  });
  await supervisor.start();
  return { supervisor, port };
}

describe("execMode fork", () => {
  it("is a primary to itself, shares its port with its siblings, and reloads without loss", async () => {
    const { supervisor, port } = await forked(2);
    const seen = new Set<number>();
    await until(
      async () => {
        const { pid, isPrimary } = await getJson<Answer>({ port });
        expect(isPrimary).toBe(true);
        return seen.add(pid).size === 2;
      },
      { what: "both to answer" },
    );
    const load = startFreshLoad({ port, clients: 4, thinkMs: 5 });
    await until(() => load.ledger.settled > 100, { what: "100 requests" });
    for (const generation of [2, 3]) expect(await supervisor.reload()).toBe(generation);
    await until(() => load.ledger.settled > 300, { what: "300 requests" });
    expectClean(await load.stop(), { minOk: 300 });
    await supervisor.stop();
  });

  it("lets a program fork a cluster of its own, and takes it along at the end", async () => {
    const { supervisor, port } = await forked(1, { FORKS: "2" });
    const own = supervisor.status()[0]?.workers[0]?.pid;
    const children = new Set<number>();
    await until(
      async () => {
        const answer = await getJson<Answer>({ port }).catch(() => null);
        if (answer === null) return false;
        expect(answer).toMatchObject({ parent: own, isPrimary: false });
        return children.add(answer.pid).size === 2;
      },
      { what: "both of its workers to answer" },
    );
    await supervisor.stop();
    // Killed with their parent's group; gone a moment later.
    await until(() => ![...children].some(isAlive), { what: "its workers to be gone" });
  });
});
