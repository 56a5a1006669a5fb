/** What is under way when a supervisor is killed comes to its end under the next one. */

import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { isAlive, listenersOn } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Orphanage } from "./orphans.ts";

const PUPPET = fixture("puppet.mjs");
const QUICK = ["--min-uptime", "200ms", "--no-heir"];

interface Stage {
  readonly port: number;
  /** What the puppets that start from now on are told. */
  direct(settings: Readonly<Record<string, unknown>>): void;
}

async function started(house: Orphanage, instances: number): Promise<Stage> {
  const port = await freePort();
  const file = house.file("puppet.json", {});
  const env = { PUPPET_PORT: String(port), PUPPET_FILE: file };
  await house.ok(["start", PUPPET, "-n", "web", "-i", String(instances), ...QUICK], { env });
  return { port, direct: (settings) => writeFileSync(file, JSON.stringify(settings)) };
}

/** Has a command begun, kills the supervisor when `isMidway`, and waits for the command's end, whatever that is. */
async function killedDuring(
  house: Orphanage,
  command: readonly string[],
  isMidway: () => boolean | Promise<boolean>,
): Promise<void> {
  const ended = house.run(command).catch(() => undefined);
  await until(isMidway, { what: `${command.join(" ")} to be under way`, intervalMs: 5 });
  await house.killSupervisor();
  await ended;
}

describe("when the supervisor is killed", () => {
  it("in the middle of a reload, the next one ends it, and no request is lost", async () => {
    await using house = new Orphanage();
    const { port, direct } = await started(house, 3);
    const before = await house.pids("web");
    direct({ PUPPET_VERSION: "2", PUPPET_BOOT_MS: 300 });
    const loads = [startFreshLoad({ port, clients: 3 }), startKeepAliveLoad({ port, clients: 3 })];
    const gone = (): boolean => before.filter(isAlive).length === 2;
    await killedDuring(house, ["reload", "web"], gone);
    const isOver = async (): Promise<boolean> => {
      const { generation, reloading, ready } = await house.app("web");
      return generation === 2 && !reloading && ready === 3;
    };
    await until(isOver, { what: "the reload to be over", timeoutMs: 20_000 });
    for (const load of loads) expectClean(await load.stop(), { minOk: 50 });
    expect((await house.pids("web")).filter((pid) => before.includes(pid))).toEqual([]);
    expect(await versionAt(port)).toBe("2");
  });

  it("in the middle of a reload that fails, what served goes on", async () => {
    await using house = new Orphanage();
    const { port, direct } = await started(house, 2);
    const before = await house.pids("web");
    direct({ PUPPET_FAIL: "throw", PUPPET_BOOT_MS: 3000 });
    const startsOne = async (): Promise<boolean> => (await house.app("web")).workers.length === 3;
    await killedDuring(house, ["reload", "web"], startsOne);
    const isOver = async (): Promise<boolean> => !(await house.app("web")).reloading;
    await until(isOver, { what: "the reload to be over", timeoutMs: 20_000 });
    expect(await house.pids("web")).toEqual(before);
    expect((await house.app("web")).generation).toBe(1);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });

  it("in the middle of a reload with other options, they hold once it is over", async () => {
    await using house = new Orphanage();
    const port = await freePort();
    const config = (version: string, bootMs: number): string =>
      house.file("app.json", {
        name: "web",
        ...{ script: PUPPET, instances: 2, minUptime: 200 },
        env: { PUPPET_PORT: String(port), PUPPET_VERSION: version, PUPPET_BOOT_MS: bootMs },
      });
    await house.ok(["start", config("1", 0), "--no-heir"]);
    const before = await house.pids("web");
    const half = (): boolean => before.filter(isAlive).length === 1;
    await killedDuring(house, ["start", config("2", 300)], half);
    const isOver = async (): Promise<boolean> => {
      const { generation, reloading } = await house.app("web");
      return generation === 2 && !reloading;
    };
    await until(isOver, { what: "the reload to be over", timeoutMs: 20_000 });
    expect(await versionAt(port)).toBe("2");
    const isWritten = (): boolean =>
      JSON.stringify(house.state().apps[0]?.options).includes('"PUPPET_VERSION":"2"');
    await until(isWritten, { what: "the new options to be written down" });
    await house.ok(["restart", "web"]);
    expect(await versionAt(port)).toBe("2");
  });

  it("in the middle of a start, the workers that boot are kept", async () => {
    await using house = new Orphanage();
    const port = await freePort();
    const env = { PUPPET_PORT: String(port), PUPPET_BOOT_MS: "4000" };
    await house.ok(["start", PUPPET, "-n", "first", "-i", "1", ...QUICK]);
    const command = ["start", PUPPET, "-n", "web", "-i", "2", ...QUICK];
    let booting: (number | null)[] = [];
    const ended = house.run(command, { env }).catch(() => undefined);
    const areThere = async (): Promise<boolean> => {
      booting = (await house.app("web")).workers.map(({ pid }) => pid);
      return booting.length === 2;
    };
    await until(areThere, { what: "workers that boot" });
    await house.killSupervisor();
    await ended;
    await house.ok(["wait", "web", "--for", "ready"]);
    expect((await house.pids("web")).sort()).toEqual([...booting].sort());
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });

  it("in the middle of a stop, what is under way is answered, and nothing starts again", async () => {
    await using house = new Orphanage();
    const { port } = await started(house, 2);
    const slow = fetch(`http://127.0.0.1:${port}/slow?ms=2000`).then((answer) => answer.text());
    const pids = await house.pids("web");
    const oneIsGone = (): boolean => pids.filter(isAlive).length === 1;
    await killedDuring(house, ["stop", "web"], oneIsGone);
    const isStopped = async (): Promise<boolean> => (await house.app("web")).status === "stopped";
    await until(isStopped, { what: "the app to be stopped" });
    expect(await slow).toMatch(/done/);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(listenersOn(port)).toEqual([]);
    await house.ok(["start", "web"]);
    expect(await house.pids("web")).toHaveLength(2);
  });

  it("in the middle of scaling up and down, the number is as asked", async () => {
    await using house = new Orphanage();
    const { port, direct } = await started(house, 2);
    direct({ PUPPET_BOOT_MS: 3000 });
    const load = startFreshLoad({ port, clients: 3 });
    const grows = async (): Promise<boolean> => (await house.app("web")).workers.length === 4;
    await killedDuring(house, ["scale", "web", "4"], grows);
    await until(async () => (await house.pids("web")).length === 4, {
      what: "four workers",
      timeoutMs: 20_000,
    });
    const asks = fetch(`http://127.0.0.1:${port}/slow?ms=1500`).then((answer) => answer.text());
    const pids = await house.pids("web");
    const shrinks = (): boolean => pids.filter(isAlive).length < 4;
    await killedDuring(house, ["scale", "web", "1"], shrinks);
    const isOne = async (): Promise<boolean> => {
      const { workers, instances } = await house.app("web");
      return instances === 1 && workers.length === 1;
    };
    await until(isOne, { what: "one worker" });
    expect(await asks).toMatch(/done/);
    expectClean(await load.stop(), { minOk: 50 });
  });

  it("in the middle of a shutdown, the next one ends what runs, and starts nothing", async () => {
    await using house = new Orphanage();
    const { port } = await started(house, 2);
    const slow = fetch(`http://127.0.0.1:${port}/slow?ms=1500`).then((answer) => answer.text());
    const pids = await house.pids("web");
    await killedDuring(house, ["shutdown"], () => pids.filter(isAlive).length === 1);
    await house.overview();
    await until(() => pids.filter(isAlive).length === 0, { what: "all workers to be gone" });
    expect(await slow).toMatch(/done/);
    expect((await house.app("web")).status).not.toBe("running");
  });
});

async function versionAt(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  return ((await answer.json()) as { version: string }).version;
}
