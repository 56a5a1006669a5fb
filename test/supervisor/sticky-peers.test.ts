/** What sticky workers are told of one another, on real workers, and the folder of their sockets. */

import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createSupervisor, type Supervisor } from "holdfast";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Peer } from "../../src/core/affinity.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { quiet } from "./embedded.ts";

type Input = Extract<Parameters<typeof createSupervisor>[0], { readonly script: string }>;
type Told = { readonly t: string; readonly peers: readonly Peer[] } & Record<string, unknown>;

const marker = `sticky-peers-${process.pid}-${Date.now().toString(36)}`;
const supervisors: Supervisor[] = [];
const systemTemp = process.env.TMPDIR;
let temp = "";

beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), "hf-sp-"));
  process.env.TMPDIR = temp;
});

afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) {
    supervisor.kill();
    await supervisor.stop();
  }
  if (systemTemp === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = systemTemp;
  rmSync(temp, { recursive: true, force: true });
  killLeftovers(marker);
  await expectNoLeftovers(marker);
});

describe("a sticky app", () => {
  it("has a folder for its sockets that is closed to others, and none after stop", async () => {
    const { supervisor, everybodyKnows } = await told({ instances: 3 });
    const peers = await everybodyKnows(3);
    const [folder = ""] = new Set(peers.map(({ path }) => dirname(path)));
    expect(dirname(folder)).toBe(temp);
    const { mode, uid } = statSync(folder);
    expect(mode & 0o777).toBe(0o700);
    expect(uid).toBe(process.getuid?.());
    for (const { tag, path } of peers) {
      expect(tag).toMatch(/^[A-Za-z0-9_-]{4}$/);
      expect(path).toBe(join(folder, tag));
      expect(Buffer.byteLength(path)).toBeLessThan(104);
    }
    expect(new Set(peers.map(({ tag }) => tag)).size).toBe(3);
    await supervisor.stop();
    expect(readdirSync(temp).filter((name) => name.startsWith("holdfast-"))).toEqual([]);
  });

  it("has one again when it is started again", async () => {
    const { supervisor, everybodyKnows } = await told({ instances: 1 });
    const [first] = await everybodyKnows(1);
    await supervisor.stop();
    await supervisor.start();
    const [second] = await everybodyKnows(1);
    expect(second?.tag).not.toBe(first?.tag);
    expect(existsSync(dirname(second?.path ?? ""))).toBe(true);
  });

  it("tells everybody who is there: at a scale, a reload and a crash", async () => {
    const { supervisor, everybodyKnows } = await told({ instances: 2 });
    const first = await everybodyKnows(2);
    await supervisor.scale(3);
    const scaled = await everybodyKnows(3);
    expect(tagsOf(scaled)).toEqual(expect.arrayContaining(tagsOf(first)));
    await supervisor.scale(2);
    await everybodyKnows(2);
    await supervisor.reload();
    const reloaded = await everybodyKnows(2);
    for (const tag of tagsOf(reloaded)) expect(tagsOf(scaled)).not.toContain(tag);
    const [victim] = supervisor.status()[0]?.workers ?? [];
    process.kill(victim?.pid ?? 0, "SIGKILL");
    await until(() => supervisor.status()[0]?.workers.every(({ id }) => id !== victim?.id), {
      what: "the death to be known",
    });
    const replaced = await everybodyKnows(2);
    expect(tagsOf(replaced).filter((tag) => tagsOf(reloaded).includes(tag))).toHaveLength(1);
    // Of those who are gone nothing is left, however they went.
    const living = replaced.map(({ tag }) => tag);
    const [folder = ""] = replaced.map(({ path }) => dirname(path));
    expect(readdirSync(folder).filter((name) => !living.includes(name))).toEqual([]);
  });

  it("tells of those that leave and those that start before they are gone or ready", async () => {
    const { supervisor, everybodyKnows, tables } = await told({ instances: 2 });
    const before = await everybodyKnows(2);
    await supervisor.reload();
    await everybodyKnows(2);
    const states = tables().flatMap(({ peers }) =>
      peers.map(({ tag, state }) => `${tag} ${state}`),
    );
    for (const { tag } of before) expect(states).toContain(`${tag} draining`);
    expect(states.some((text) => text.endsWith("starting"))).toBe(true);
  });

  it("tells how busy everybody is where clients are placed by that, and only there", async () => {
    const placed = await told({
      instances: 2,
      sticky: { by: "cookie", placement: "least-loaded" },
    });
    await placed.everybodyKnows(2);
    const isBusy = ({ peers }: Told) => peers.some(({ utilization }) => utilization > 0.2);
    await until(
      async () => {
        await fetch(`http://127.0.0.1:${placed.port}/block?ms=400`);
        return placed.tables().some(isBusy);
      },
      { what: "a busy worker to be told of", timeoutMs: 20_000 },
    );
    const plain = await told({ instances: 2, name: "plain" });
    await plain.everybodyKnows(2);
    expect(plain.tables().some(isBusy)).toBe(false);
  });

  it("hands a connection to the worker it is for, and closes one that is for nobody", async () => {
    const { everybodyKnows, heard, port } = await told({ instances: 2 });
    const peers = await everybodyKnows(2);
    const handed = (id: string) => heard().filter((message) => message.id === id);
    // Whoever accepts it hands it on, unless it is for itself.
    const isHanded = async () => {
      for (const { worker } of peers) await hand(port, `id=good&to=${worker}&key=own`);
      return handed("good").length > 0;
    };
    await until(isHanded, { what: "a connection to be handed over" });
    expect(handed("good")[0]).toMatchObject({ t: "handed", hasHandle: true });
    const ids = peers.map(({ worker }) => worker);
    for (const target of ["to=77&key=own", "to=x&key=own", ...ids.map((id) => `to=${id}&key=odd`)])
      await once(await hand(port, `id=bad&${target}`), "close");
    expect(handed("bad")).toEqual([]);
  });

  it("is nothing to an app without", async () => {
    const { supervisor, heard, port } = await told({ instances: 2, sticky: false });
    await fetch(`http://127.0.0.1:${port}/`);
    await supervisor.scale(3);
    expect(heard()).toEqual([]);
    const folders = readdirSync(temp).filter((name) => name.startsWith("holdfast-"));
    // The bus's alone.
    expect(folders.flatMap((name) => readdirSync(join(temp, name)))).toEqual(["bus.sock"]);
  });
});

describe("in the background", () => {
  it("the folder is in the home, stays while its workers do, and goes with the last app", async () => {
    await using house = new House();
    const run = join(house.home, "run");
    const app = { script: fixture("told.mjs"), name: "told", sticky: true, instances: 2 };
    const env = { TOLD: temp, PORT: String(await freePort()) };
    await house.ok(["start", house.file("apps.json", { apps: [{ ...app, env }] })]);
    // Beside the socket of the bus.
    const folders = () => readdirSync(run).filter((name) => name !== "bus.sock");
    const first = folders();
    expect(first).toHaveLength(1);
    process.kill((await house.overview()).supervisor.pid, "SIGKILL");
    await house.ok(["resurrect"]);
    expect(folders()).toEqual(first);
    await house.ok(["restart", "told"]);
    expect(folders().length).toBeGreaterThan(0);
    await house.ok(["delete", "told"]);
    expect(existsSync(run)).toBe(false);
  });
});

async function told({ sticky = true, ...options }: Partial<Input> = {}) {
  const folder = mkdtempSync(join(temp, "told-"));
  const port = await freePort();
  const env = { PORT: String(port), TOLD: folder, [MARKER_VARIABLE]: marker };
  // Ready by its age on a busy machine, it could be told before it has begun to write down.
  const ready = "message" as const;
  const app = { script: fixture("told.mjs"), name: "told", sticky, ready, ...options, env };
  const supervisor = createSupervisor(app, { output: quiet });
  supervisors.push(supervisor);
  await supervisor.start();
  const of = (worker: string | number): Told[] =>
    readFileSync(join(folder, String(worker)), "utf8")
      .trim()
      .split("\n")
      .map(parse);
  const heard = () => readdirSync(folder).flatMap(of);
  const tables = () => heard().filter(({ t }) => t === "peers");
  const last = (worker: number): readonly Peer[] =>
    of(worker).findLast(({ t }) => t === "peers")?.peers ?? [];
  /** Waits until all ready workers have been told of themselves, so many, and nobody else. */
  const everybodyKnows = (count: number): Promise<readonly Peer[]> =>
    until(
      () => {
        const ready = (supervisor.status()[0]?.workers ?? []).filter((w) => w.phase === "ready");
        const ids = ready.map(({ id }) => id).sort();
        const known = ids.map((id) => last(id));
        const isRight = (peers: readonly Peer[]): boolean =>
          peers.every(({ state }) => state === "ready") &&
          String(peers.map(({ worker }) => worker).sort()) === String(ids);
        return ids.length === count && known.every(isRight) && known[0];
      },
      { what: `${count} workers to know one another`, timeoutMs: 20_000 },
    );
  return { supervisor, port, heard, tables, everybodyKnows };
}

function parse(line: string): Told {
  return JSON.parse(line) as Told;
}

function tagsOf(peers: readonly Peer[]): string[] {
  return peers.map(({ tag }) => tag);
}

/** A connection that whoever accepts it is asked to hand on. */
async function hand(port: number, query: string) {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  const head = `GET /hand?${query} HTTP/1.1\r\nhost: told\r\nconnection: upgrade\r\nupgrade: odd\r\n\r\n`;
  socket.write(head);
  socket.resume();
  return socket;
}
