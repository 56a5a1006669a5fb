/** Locks and leaderships in real workers of a real supervisor, which are killed, replaced and left alone. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Supervisor } from "holdfast";
import { describe, expect, it } from "vitest";
import type { Bus } from "../../src/bus/api.ts";
import { connect } from "../../src/bus/connect.ts";
import { embed, puppet } from "../supervisor/embedded.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";
import { atEnd } from "./served.ts";

interface Note {
  readonly what: string;
  readonly pid: number;
  readonly fence: number;
}

/** Files the workers write, and what to tell them of it. */
function books() {
  const folder = mkdtempSync(join(tmpdir(), "hf-locks-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const [LEDGER, COUNTER] = [join(folder, "ledger"), join(folder, "counter")];
  writeFileSync(LEDGER, "");
  writeFileSync(COUNTER, "0");
  const notes = (...whats: readonly string[]): Note[] =>
    readFileSync(LEDGER, "utf8")
      .split("\n")
      .map((line) => line.split(" "))
      .map(([what = "", pid, fence]) => ({ what, pid: Number(pid), fence: Number(fence) }))
      .filter(({ what }) => whats.includes(what));
  return { env: { LEDGER, COUNTER }, notes, counted: () => Number(readFileSync(COUNTER, "utf8")) };
}

async function workers(instances: number, more: Record<string, string> = {}) {
  const book = books();
  const { env, ...rest } = await puppet({ name: "locks", instances });
  const app = { ...rest, script: fixture("apps/locks.mjs"), env: { ...env, ...book.env, ...more } };
  const { supervisor } = embed(app);
  await supervisor.start();
  const client = await connect(String(supervisor.bus.path));
  atEnd(() => client.close({ timeout: 1 }));
  return { ...book, supervisor, client };
}

/** Each term ends before the next one begins, but those of who was killed; fences grow. */
function expectOneAtATime(notes: readonly Note[], killed: readonly number[] = []): void {
  let open: Note | null = null;
  let fence = 0;
  for (const note of notes) {
    if (note.what === "begin") {
      if (open && !killed.includes(open.pid)) {
        throw new Error(`${note.pid} began while ${open.pid} was at it`);
      }
      expect(note.fence).toBeGreaterThan(fence);
      fence = note.fence;
      open = note;
    } else {
      expect(note).toEqual({ ...open, what: "end" });
      open = null;
    }
  }
}

function pidsOf(supervisor: Supervisor): number[] {
  return supervisor.status().flatMap(({ workers }) => workers.map(({ pid }) => Number(pid)));
}

async function leaderOf(notes: (what: string) => Note[], after = 0): Promise<Note> {
  return until(() => notes("begin").find(({ fence }) => fence > after), { what: "a leader" });
}

describe("workers", () => {
  it("lock one at a time: none of what many of them count at once is lost", async () => {
    const { client, notes, counted } = await workers(4);
    const asked = [0, 1, 2, 3].map((slot) =>
      client.request(`count.${slot}`, 50, { timeout: "50s" }),
    );
    await Promise.all(asked);
    expect(counted()).toBe(200);
    const ledger = notes("begin", "end");
    expect(ledger).toHaveLength(400);
    expectOneAtATime(ledger);
    expect(new Set(ledger.map(({ pid }) => pid)).size).toBe(4);
    expect(notes("migrated")).toHaveLength(4);
  });

  it("that are killed hold nothing any more", async () => {
    const { client } = await workers(1);
    const held = await client.request<{ pid: number; fence: number }>("hold.0");
    const wanted = client.lock("held", { timeout: "50s" });
    expect(await client.lock("held", { timeout: 0 }).catch(({ code }) => code)).toBe(
      "HF_BUS_LOCKED",
    );
    const began = performance.now();
    process.kill(held.pid, "SIGKILL");
    expect((await wanted).fence).toBeGreaterThan(held.fence);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it("lead one at a time over reloads, and the new ones take over", async () => {
    const { notes, supervisor } = await workers(3, { WANTS_LEAD: "1" });
    let { fence, pid } = await leaderOf(notes);
    for (let reloads = 0; reloads < 3; reloads++) {
      const before = pidsOf(supervisor);
      expect(before).toContain(pid);
      await supervisor.reload();
      const now = pidsOf(supervisor);
      const isNew = ({ pid }: Note): boolean => now.includes(pid) && !before.includes(pid);
      const next = await until(() => notes("begin").find(isNew), { what: "a new leader" });
      expect(next.fence).toBeGreaterThan(fence);
      ({ fence, pid } = next);
    }
    await supervisor.stop();
    const ledger = notes("begin", "end");
    expectOneAtATime(ledger);
    expect(ledger.at(-1)?.what).toBe("end");
  });

  it("lead one at a time when leaders are killed, and the next one leads at once", async () => {
    const { notes, supervisor } = await workers(3, { WANTS_LEAD: "1" });
    const killed: number[] = [];
    let leader = await leaderOf(notes);
    for (let kills = 0; kills < 3; kills++) {
      killed.push(leader.pid);
      process.kill(leader.pid, "SIGKILL");
      leader = await leaderOf(notes, leader.fence);
    }
    await supervisor.stop();
    expectOneAtATime(notes("begin", "end"), killed);
  });
});

describe("without their supervisor", () => {
  it("holders are told, and the next supervisor's fences are higher", async () => {
    await using house = new House();
    const book = books();
    const env = { ...book.env, PORT: String(await freePort()) };
    const app = { script: fixture("apps/locks.mjs"), name: "locks", instances: 1, env };
    await house.ok(["start", house.file("apps.json", { apps: [app] })]);
    const client: Bus = await connect(join(house.home, "run/bus.sock"));
    atEnd(() => client.close({ timeout: 1 }));
    const lock = await client.lock("mine");
    const fences: number[] = [];
    await client.leader("boss", async ({ signal, fence }) => {
      fences.push(fence);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    await until(() => fences.length === 1, { what: "it to lead" });
    process.kill((await house.overview()).supervisor.pid, "SIGKILL");
    await until(() => lock.signal.aborted, { what: "the lock's signal" });
    expect(lock.signal.reason).toMatchObject({ code: "HF_BUS_LOCK_LOST" });
    await house.ok(["resurrect"]);
    await until(() => fences.length === 2, { what: "it to lead again" });
    const again = await client.lock("mine", { timeout: "10s" });
    expect(again.fence).toBeGreaterThan(lock.fence);
    expect(fences[1]).toBeGreaterThan(fences[0] ?? Number.NaN);
    await client.close();
  });
});
