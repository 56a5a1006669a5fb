/** A socket on its way to its worker is served once, whatever becomes of the supervisor or of that worker. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { STICKY_DEFAULTS } from "../../../src/config/sticky.ts";
import type { Peer } from "../../../src/core/affinity.ts";
import type { StickyResult } from "../../../src/core/stats.ts";
import { named } from "../../../src/core/sticky.ts";
import type { HomeSettings } from "../../../src/link/adoption.ts";
import type { Handle } from "../../../src/supervisor/node-internals.ts";
import { until } from "../../support/until.ts";
import { Alone } from "../alone.ts";

const TAGS = ["aaaa", "bbbb"] as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const peers = (states: readonly Peer["state"][] = ["ready", "ready"]): readonly Peer[] =>
  TAGS.map((tag, slot) => ({
    ...{ tag, worker: slot + 1, slot, path: join(folder, tag) },
    ...{ state: states[slot] ?? "ready", sessions: 0, utilization: 0 },
  }));

/** Two workers of one app, whose supervisor is this test. */
async function pair(home: HomeSettings | null = null): Promise<readonly [Alone, Alone]> {
  const [one, two] = await Promise.all(
    TAGS.map(async (tag, slot) => {
      const sticky = { ...named(STICKY_DEFAULTS, "app"), tag, path: join(folder, tag) };
      const settings = { worker: slot + 1, slot, sticky, home, hangTimeoutMs: 1000 };
      const alone = await Alone.serving("apps/sessions.mjs", { settings });
      alone.send({ t: "peers", peers: peers() });
      return alone;
    }),
  );
  if (!one || !two) throw new Error("there are two");
  return [one, two];
}

/** A client of the second worker that comes to the first; says who served it. */
function reconnect(port: number): { readonly pid: Promise<number>; readonly socket: WebSocket } {
  const headers = { cookie: `holdfast-app=${TAGS[1]}` };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers });
  const pid = new Promise<number>((resolve, reject) => {
    socket.once("message", (text) => resolve((JSON.parse(String(text)) as { pid: number }).pid));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed")));
  });
  return { pid, socket };
}

const counted = (worker: Alone, result: StickyResult): Promise<unknown> =>
  worker.beat(result, ({ sticky }) => sticky?.results[result] === 1);

/** As the supervisor does it. */
const pass =
  (to: Alone): Alone["onHandle"] =>
  (message, handle: Handle) => {
    if (message.t !== "hand") return handle.close();
    const { id, key, head } = message;
    to.send({ t: "handed", id, key, head }, handle);
  };

describe("a socket that belongs to another worker", () => {
  it("is handed over, and nothing of it stays", async () => {
    const [one, two] = await pair();
    await using first = one;
    await using second = two;
    first.onHandle = pass(second);
    const { pid, socket } = reconnect(first.port);
    expect(await pid).toBe(second.child.pid);
    await counted(first, "handed");
    await first.beat("no connection", ({ connections }) => connections === 0);
    await second.beat("its connection", ({ sticky }) => sticky?.sessions === 1);
    socket.close();
    await second.beat("none", ({ sticky }) => sticky?.sessions === 0);
  });

  it("is tunnelled when the supervisor takes it and sleeps", async () => {
    const [one, two] = await pair();
    await using first = one;
    await using second = two;
    const kept: (() => void)[] = [];
    first.onHandle = (message, handle) => {
      kept.push(() => pass(second)(message, handle));
    };
    const { pid, socket } = reconnect(first.port);
    expect(await pid).toBe(second.child.pid);
    await counted(first, "tunnelled");
    // It wakes up: what comes now is void, and the client is served on.
    expect(kept).toHaveLength(1);
    for (const wake of kept) wake();
    const echo = new Promise((resolve) => socket.once("message", resolve));
    socket.send("still there");
    expect(String(await echo)).toBe("still there");
    socket.close();
    await until(() => socket.readyState === WebSocket.CLOSED, { what: "the end" });
  });

  it("finds its worker at once when the supervisor dies with it", async () => {
    const home = { socket: join(folder, "nobody"), token: "a token", app: "app" };
    const [one, two] = await pair(home);
    await using first = one;
    await using second = two;
    let since = 0;
    first.onHandle = (_message, handle) => {
      handle.close();
      since = performance.now();
      first.child.disconnect();
      second.child.disconnect();
    };
    const { pid, socket } = reconnect(first.port);
    expect(await pid).toBe(second.child.pid);
    // Without the news it would be asked for after a second.
    expect(performance.now() - since).toBeLessThan(900);
    socket.close();
    await until(() => socket.readyState === WebSocket.CLOSED, { what: "the end" });
  });

  it("is served where it is when its worker has died meanwhile", async () => {
    const [one, two] = await pair();
    await using first = one;
    await using second = two;
    first.onHandle = (_message, handle) => {
      handle.close();
      second.child.kill("SIGKILL");
    };
    const { pid, socket } = reconnect(first.port);
    expect(await pid).toBe(first.child.pid);
    await counted(first, "unreachable");
    socket.close();
  });

  it("is served where it is when the table is old and nobody is there", async () => {
    const [one, two] = await pair();
    await using first = one;
    await using second = two;
    second.child.kill("SIGKILL");
    await second.exited;
    first.onHandle = (_message, handle) => handle.close();
    const { pid, socket } = reconnect(first.port);
    expect(await pid).toBe(first.child.pid);
    socket.close();
  });

  it("a request that is served here because nobody is there counts as one", async () => {
    const [one, two] = await pair();
    await using first = one;
    await using second = two;
    second.child.kill("SIGKILL");
    await second.exited;
    const headers = { cookie: `holdfast-app=${TAGS[1]}`, connection: "close" };
    const answer = await fetch(`http://127.0.0.1:${first.port}/`, { headers });
    await answer.text();
    await counted(first, "unreachable");
    await first.beat("one handled", ({ handled, inFlight }) => handled === 1 && inFlight === 0);
  });

  it("stays when its worker is leaving, and gets a new cookie", async () => {
    const [one, two] = await pair();
    await using first = one;
    await using second = two;
    first.send({ t: "peers", peers: peers(["ready", "draining"]) });
    const { pid, socket } = reconnect(first.port);
    const cookies = new Promise((resolve) =>
      socket.on("upgrade", ({ headers }) => resolve(headers["set-cookie"])),
    );
    expect(await pid).toBe(first.child.pid);
    expect(await cookies).toEqual([expect.stringMatching(/^holdfast-app=aaaa; /)]);
    await counted(first, "moved");
    expect(second.child.exitCode).toBeNull();
    socket.close();
  });
});
