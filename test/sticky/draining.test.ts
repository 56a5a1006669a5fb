/** Workers that leave and come: who keeps its sessions, and which of them move. */

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { reload, stage, stop, workers } from "../promises/stage.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { isAlive } from "../support/processes.ts";
import { ask, askJson, Jar, STICKY_COOKIE } from "../support/sticky/client.ts";
import { findTags } from "../support/sticky/stand.ts";
import { Wire } from "../support/sticky/wire.ts";
import { until } from "../support/until.ts";

const open: Wire[] = [];
afterEach(() => {
  for (const wire of open.splice(0)) wire.close();
});

interface Who {
  readonly pid: number;
  readonly slot: number;
}

describe("a draining worker", () => {
  it("is left at once by the sessions of its cookie, which are served elsewhere", async () => {
    const flags = ["--sticky", "--log-level", "debug", "--drain-timeout", "6s"];
    const { run, port } = await stage("apps/witness.mjs", { instances: 3, flags });
    const tags = await findTags({ port }, 3);
    const owner = workers(run).get(0) ?? -1;
    // What it is in the middle of keeps it for the whole of its drain.
    const wire = await Wire.to({ port });
    open.push(wire);
    const cookie = `holdfast-app=${tags.get(owner)}`;
    wire.send(`GET /hang HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`);
    await wire.text("begun");
    run.signal("SIGHUP");
    await run.waitForLog((log) => log.msg === "worker draining" && log.pid === owner);
    const withOwn = (): { jar: Jar } => ({
      jar: new Jar().set(STICKY_COOKIE, tags.get(owner) ?? ""),
    });
    // The log is a moment ahead of the workers' table.
    await until(async () => (await askJson<Who>({ port }, "/who", withOwn())).pid !== owner, {
      ...{ what: "its sessions to move", timeoutMs: 500, intervalMs: 5 },
    });
    const asked = performance.now();
    for (let nth = 0; nth < 20; nth += 1) {
      const { jar } = withOwn();
      const { pid } = await askJson<Who>({ port }, "/who", { jar });
      expect(pid).not.toBe(owner);
      // The session is the new one's from now on, unless that leaves, too.
      const next = await askJson<Who>({ port }, "/who", { jar });
      const isLeaving = run.logs.some((log) => log.msg === "worker draining" && log.pid === pid);
      if (!isLeaving) expect(next.pid).toBe(pid);
    }
    expect(performance.now() - asked).toBeLessThan(3000);
    expect(isAlive(owner)).toBe(true);
    wire.close();
    await run.waitForLog((log) => log.msg === "reload done", { timeoutMs: 30_000 });
    await stop(run);
  });

  it("that dies with small requests nobody has read loses none of them: they are served elsewhere", async () => {
    const { run, port } = await stage("apps/witness.mjs", { instances: 3, flags: ["--sticky"] });
    const tags = await findTags({ port }, 3);
    const owner = workers(run).get(0) ?? -1;
    // The ends that wait at its door have its path; others' sockets are none of this test's business.
    const door = `/${tags.get(owner)}`;
    const unixSockets = () =>
      readFileSync("/proc/net/unix", "latin1")
        .split("\n")
        .filter((line) => line.endsWith(door)).length;
    process.kill(owner, "SIGSTOP");
    const before = unixSockets();
    const asked = Array.from({ length: 20 }, () =>
      askJson<Who>({ port }, "/who", {
        ...{ jar: new Jar().set(STICKY_COOKIE, tags.get(owner) ?? ""), timeoutMs: 20_000 },
        ...{ method: "POST", body: "what it is about" },
      }),
    );
    // Each of them is in the hands of its worker's system, or at its worker's own door: nobody reads there.
    await until(() => unixSockets() >= before + 20, { what: "them to be sent to their worker" });
    process.kill(owner, "SIGKILL");
    // A stop before the supervisor has heard of it would take it for its own doing.
    await run.waitForLog((log) => log.pid === owner && log.reason !== undefined);
    const served = await Promise.allSettled(asked);
    expect(served.filter(({ status }) => status === "rejected")).toEqual([]);
    await stop(run);
  });

  it("keeps its Socket.IO sessions that poll until it has told them to go", async () => {
    const flags = ["--sticky", "--log-level", "debug", "--drain-timeout", "5s"];
    const { run, port } = await stage("apps/sessions.mjs", { instances: 2, flags });
    const first = [...workers(run).values()];
    const clients = await Promise.all(Array.from({ length: 60 }, () => PollingClient.to(port)));
    const loops = clients.map((client) => client.talkToTheEnd());
    await until(() => clients.every(({ echoes }) => echoes > 1), { what: "all to be served" });
    expect(new Set(clients.map(({ pid }) => pid))).toEqual(new Set(first));
    expect(await reload(run, 1)).toBe("done");
    await Promise.all(loops);
    for (const client of clients) {
      expect(client.faults).toEqual([]);
      expect(client.wasClosed).toBe(true);
    }
    // Some were served by a worker that was leaving.
    const leftAt = (pid: number): number =>
      Date.parse(
        String(run.logs.find((log) => log.msg === "worker draining" && log.pid === pid)?.time),
      );
    expect(clients.filter(({ pid, lastAt }) => lastAt > leftAt(pid)).length).toBeGreaterThan(5);
    await stop(run);
  });
});

/** A client of Socket.IO's long polling, by hand, each request on a connection of its own. */
class PollingClient {
  readonly faults: string[] = [];
  pid = 0;
  echoes = 0;
  lastAt = 0;
  wasClosed = false;
  readonly #target: { readonly port: number };
  #path = "/socket.io/?EIO=4&transport=polling";

  private constructor(port: number) {
    this.#target = { port };
  }

  static async to(port: number): Promise<PollingClient> {
    const client = new PollingClient(port);
    const { body } = await ask(client.#target, client.#path);
    client.#path += `&sid=${JSON.parse(body.slice(1)).sid}`;
    await client.#post("40");
    while (client.pid === 0 && client.faults.length === 0) await client.#poll();
    return client;
  }

  /** Until the other side closes the session. */
  async talkToTheEnd(): Promise<void> {
    while (!this.wasClosed && this.faults.length === 0) {
      const before = this.echoes;
      await this.#post(`420["echo",${before}]`);
      while (this.echoes === before && !this.wasClosed && this.faults.length === 0)
        await this.#poll();
    }
  }

  async #post(packet: string): Promise<void> {
    const { status, body } = await this.#ask({ method: "POST", body: packet });
    // It was closed meanwhile, which the next poll would have told; but then that session is no more.
    if (status === 400 && this.echoes > 0) this.#late = true;
    else if (status !== 200) this.faults.push(`POST ${status} ${body}`);
  }

  /** A word was too late for its session: closed between two polls, which may be told or not. */
  #late = false;

  async #poll(): Promise<void> {
    const { status, body } = await this.#ask({});
    if (status !== 200) {
      this.faults.push(`GET ${status} ${body}${this.#late ? ", behind a late word" : ""}`);
      return;
    }
    for (const packet of body.split("\x1e")) {
      if (packet === "1" || packet === "41") this.wasClosed = true;
      if (packet === "2") await this.#post("3");
      const pid = /^42\["pid",(\d+)\]/.exec(packet)?.[1];
      if (pid !== undefined) this.pid = Number(pid);
      const echo = /^430\[\{"pid":(\d+),/.exec(packet)?.[1];
      if (echo === undefined) continue;
      if (Number(echo) !== this.pid) this.faults.push(`echo of ${echo}, not ${this.pid}`);
      this.echoes += 1;
      this.lastAt = Date.now();
    }
  }

  async #ask(options: { method?: string; body?: string }) {
    try {
      return await ask(this.#target, this.#path, options);
    } catch (error) {
      return { status: 0, body: String(error) };
    }
  }
}

/** Where each of these sessions is served, by slot. */
type Where = (session: number) => Promise<number>;

async function slotsOf(count: number, where: Where): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: count }, (_, session) => where(session)));
}

/** Who is there the command knows a moment before all workers do. */
async function settled(look: () => Promise<readonly number[]>): Promise<readonly number[]> {
  const looks: string[] = [];
  await until(
    async () => looks.push(JSON.stringify(await look())) > 1 && looks.at(-1) === looks.at(-2),
    { what: "all workers to agree", timeoutMs: 10_000 },
  );
  return JSON.parse(looks.at(-1) ?? "[]");
}

const BY: {
  readonly [by: string]: { readonly sticky: unknown; readonly where: (port: number) => Where };
} = {
  "header:X-User": {
    sticky: "header:X-User",
    where: (port) => async (session) =>
      (await askJson<Who>({ port }, "/whoami", { headers: { "x-user": `user-${session}` } })).slot,
  },
  "query:room": {
    sticky: "query:room",
    where: (port) => async (session) =>
      (await askJson<Who>({ port }, `/whoami?a=b&room=room%20${session}`)).slot,
  },
  ip: {
    sticky: "ip",
    where: (port) => async (session) =>
      (
        await askJson<Who>({ port }, "/whoami", {
          localAddress: `127.0.${session >> 4}.${(session & 15) + 1}`,
        })
      ).slot,
  },
  "ip behind a trusted proxy": {
    sticky: { by: "ip", trustProxy: ["127.0.0.0/8"] },
    where: (port) => async (session) => {
      // What a client says of itself stands to the left, and does not count.
      const forwarded = `9.9.9.${Math.floor(Math.random() * 250)}, 203.0.113.${session}`;
      const headers = { "x-forwarded-for": forwarded };
      return (await askJson<Who>({ port }, "/whoami", { headers })).slot;
    },
  },
};

describe("from 4 workers to 6 and back", () => {
  it.each(Object.entries(BY))(
    "by %s: sessions move only where they must",
    async (_by, { sticky, where }) => {
      await using house = new House();
      const port = await freePort();
      const file = house.file("apps.json", {
        apps: [
          {
            ...{
              name: "app",
              script: fixture("apps/sessions.mjs"),
              instances: 4,
              minUptime: "200ms",
            },
            ...{ drainTimeout: "3s", sticky, env: { PORT: String(port) } },
          },
        ],
      });
      await house.ok(["start", file]);
      const count = 160;
      const look = () => slotsOf(count, where(port));
      const four = await settled(look);
      expect(new Set(four)).toEqual(new Set([0, 1, 2, 3]));
      await house.ok(["scale", "app", "6"]);
      const six = await settled(look);
      const moved = six.filter((slot, session) => slot !== four[session]);
      // A third of them in the mean; five deviations on either side.
      expect(moved.length).toBeGreaterThan(count / 3 - 30);
      expect(moved.length).toBeLessThan(count / 3 + 30);
      expect(new Set(moved)).toEqual(new Set([4, 5]));
      await house.ok(["reload", "app"]);
      expect(await settled(look)).toEqual(six);
      await house.ok(["scale", "app", "4"]);
      expect(await settled(look)).toEqual(four);
    },
  );
});
