/** Workers that fall silent, as the library and the command line show them. */

import { once } from "node:events";
import type { Supervisor, SupervisorEvents } from "holdfast";
import { describe, expect, it } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";
import { embed, puppet } from "./embedded.ts";

const HANG_MS = 1000;

function heard<Name extends keyof SupervisorEvents>(supervisor: Supervisor, name: Name) {
  const events: SupervisorEvents[Name][0][] = [];
  supervisor.on(name as never, ((event: SupervisorEvents[Name][0]) => events.push(event)) as never);
  return events;
}

async function unwell(options: Parameters<typeof puppet>[0] = {}) {
  const app = await puppet({
    script: fixture("apps/unwell.mjs"),
    hangTimeout: HANG_MS,
    ...options,
  });
  const { supervisor, events } = embed(app);
  const hung = heard(supervisor, "worker:hung");
  const exits = heard(supervisor, "worker:exit");
  await supervisor.start();
  return { app, supervisor, events, hung, exits };
}

/** The request never ends; nobody waits for it. */
function hang(port: number, query = ""): void {
  const url = `http://127.0.0.1:${port}/hang?how=loop${query}`;
  void fetch(url, { headers: { connection: "close" } }).catch(() => {});
}

async function lasts(ms: number): Promise<void> {
  await once(AbortSignal.timeout(ms), "abort");
}

describe("a silent worker", () => {
  it("is told of before its successor starts, which is ready before it is killed", async () => {
    const { app, hung, exits, events } = await unwell({ instances: 1 });
    hang(app.port);
    await until(() => exits.length > 0, { what: "its end" });
    expect(hung).toEqual([
      expect.objectContaining({ app: "puppet", slot: 0, kind: "hung", replaced: true }),
    ]);
    expect(exits[0]).toMatchObject({ reason: "unresponsive", slot: 0, worker: 1 });
    expect(exits[0]?.stack).toContain("spin");
    expect(exits[0]?.stack).toBe(hung[0]?.stack);
    expect(events.slice(-3)).toEqual(["worker:start 0/1", "worker:ready 0/1", "worker:exit 0/1"]);
  });

  it("a hang right after the start, before the first beat, is found as well", async () => {
    const { app, hung, exits } = await unwell({ instances: 1, env: { BOOT_MS: "10" } });
    hang(app.port);
    await until(() => exits.length > 0, { what: "its end" });
    expect(hung).toHaveLength(1);
  });

  it("all of them: each is replaced", async () => {
    const { app, hung, exits, supervisor } = await unwell({ instances: 3 });
    for (const slot of [0, 1, 2])
      await until(
        () => {
          hang(app.port, `&slot=${slot}`);
          return hung.some((event) => event.slot === slot);
        },
        { what: `slot ${slot} to hang`, intervalMs: 50, timeoutMs: 20_000 },
      );
    await until(() => exits.length >= 3, { what: "their ends" });
    expect(new Set(exits.map(({ reason }) => reason))).toEqual(new Set(["unresponsive"]));
    await until(() => supervisor.status()[0]?.ready === 3, { what: "three again" });
  });

  it("hangTimeout: 0 watches nobody", async () => {
    const { app, hung, exits } = await unwell({ instances: 1, hangTimeout: 0 });
    const answer = await fetch(`http://127.0.0.1:${app.port}/hang?how=loop&ms=6000`);
    expect(answer.ok).toBe(true);
    expect([hung, exits]).toEqual([[], []]);
  });

  it("a supervisor that is busy itself blames nobody", async () => {
    const { hung, exits } = await unwell();
    for (let round = 0; round < 3; round += 1) {
      const end = performance.now() + 3 * HANG_MS;
      while (performance.now() < end);
      await lasts(200);
    }
    await lasts(3 * HANG_MS);
    expect([hung, exits]).toEqual([[], []]);
  });

  it("an app that is stopped is not watched any more, and again when it is started", async () => {
    const { app, supervisor, hung, exits } = await unwell({ instances: 1 });
    await supervisor.stop();
    await lasts(HANG_MS);
    await supervisor.start();
    expect(hung).toEqual([]);
    hang(app.port);
    await until(() => hung.length > 0, { what: "the hang" });
    await until(() => exits.some(({ reason }) => reason === "unresponsive"), { what: "its end" });
  });
});

describe("maxRequests", () => {
  it("a worker that has answered its share is replaced, and no request is lost", async () => {
    const app = await puppet({
      script: fixture("apps/unwell.mjs"),
      ...{ maxRequests: 100, instances: 2 },
    });
    const { supervisor } = embed(app);
    const fired = heard(supervisor, "trigger:fired");
    const exits = heard(supervisor, "worker:exit");
    await supervisor.start();
    let answered = 0;
    await until(
      async () => {
        const answers = await Promise.all(
          Array.from({ length: 10 }, () =>
            fetch(`http://127.0.0.1:${app.port}/`, { headers: { connection: "close" } }),
          ),
        );
        for (const answer of answers) {
          await answer.arrayBuffer();
          if (answer.ok) answered += 1;
        }
        return exits.length >= 2;
      },
      { what: "two replacements", timeoutMs: 30_000 },
    );
    expect(answered % 10).toBe(0);
    expect(exits.map(({ reason }) => reason)).toEqual(["max_requests", "max_requests"]);
    expect(fired[0]).toMatchObject({
      trigger: "requests",
      why: expect.stringMatching(/^it has answered \d+ requests$/),
    });
  });
});

describe("the command line", () => {
  it("events tell of the hang, and status afterwards where it was", async () => {
    await using house = new House();
    const port = await freePort();
    const env = { PORT: String(port) };
    const flags = ["-n", "web", "-i", "1", "--hang-timeout", "1s"];
    await house.ok(["start", fixture("apps/unwell.mjs"), ...flags], { env });
    const events = house.run(["events", "web"]);
    const crashes = async (): Promise<number> => {
      const { stdout } = await house.ok(["list", "-o", "json"]);
      return JSON.parse(stdout).data.apps[0].crashes;
    };
    // By the second time whoever listens to the events surely does.
    for (const times of [1, 2]) {
      hang(port);
      await until(async () => (await crashes()) >= times, {
        what: "the end of the one that hangs",
        ...{ timeoutMs: 20_000, intervalMs: 200 },
      });
    }
    const { stdout: status } = await house.ok(["status", "web"]);
    expect(status).toMatch(/did not respond for \d.* its event loop stood still in .*unwell\.mjs/);
    expect(status).toMatch(/it stood still in:\n(?: +\| at .*\n)*? +\| at spin \(/);
    const { stdout } = await house.ok(["list", "-o", "json"]);
    const [app] = JSON.parse(stdout).data.apps;
    const stack = expect.stringMatching(/spin/);
    expect(app.lastExit).toMatchObject({ reason: "unresponsive", stack });
    await house.ok(["shutdown"]);
    const told = (await events).stdout;
    expect(told).toMatch(/worker:hung/);
    expect(told).toMatch(/"kind":"hung"/);
  });
});
