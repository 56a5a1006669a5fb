/**
 * Listening: whatever way an unchanged app listens, all its workers serve the address, it survives
 * their deaths and reloads, and errors are those of plain Node.
 */

import dgram from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { reload, stage, stop, workers } from "../promises/stage.ts";
import { freePort } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { until } from "../support/until.ts";
import { ask, heard, type Identity, ports, refusal, servedBy } from "./served.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-listen-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const host = "127.0.0.1";
const hasIpv6 = existsSync("/proc/net/if_inet6");

describe("an app that listens", () => {
  it("on port 0 shares one port per call, the same one over a reload and a kill", async () => {
    const LISTEN = JSON.stringify([
      { name: "first", port: 0, host },
      { name: "second", port: 0, host },
      { name: "own", port: 0, host, exclusive: true },
    ]);
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN } });
    const pick = async (name: string, times: number) => {
      await heard(run, "listening", name, times);
      return new Set(ports(run, name));
    };
    const [first, ...others] = await pick("first", 2);
    const [second, ...more] = await pick("second", 2);
    expect([others, more]).toEqual([[], []]);
    expect(first).not.toBe(second);
    await servedBy({ port: first ?? 0 }, 2);
    await servedBy({ port: second ?? 0 }, 2);

    expect(await reload(run, 1)).toBe("done");
    process.kill(workers(run).get(1) ?? -1, "SIGKILL");
    expect(await pick("first", 5)).toEqual(new Set([first]));
    expect(await pick("second", 5)).toEqual(new Set([second]));
    await servedBy({ port: first ?? 0 }, 2);
    // An exclusive port is the worker's own: one per slot, kept by the slot.
    expect(await pick("own", 5)).toHaveProperty("size", 2);
    for (const port of await pick("own", 5)) {
      const slots = new Set<string>();
      for (let n = 0; n < 5; n++) slots.add((await ask({ port })).slot);
      expect(slots.size).toBe(1);
    }
    await stop(run);
    expect(await refusal({ port: first ?? 0 })).toBe("ECONNREFUSED");
  });

  it("on many addresses is served on all of them by all workers, over a reload too", async () => {
    const [port, open, six, mine, shared] = await freePorts(5);
    const path = join(folder, "many.sock");
    const udp = await freePort();
    const LISTEN = JSON.stringify([
      { name: "loopback", port, host },
      { name: "open", port: open },
      ...(hasIpv6 ? [{ name: "six", port: six, host: "::", ipv6Only: true }] : []),
      { name: "path", path },
      { name: "mine", port: mine, host, exclusive: true },
      { name: "shared", port: shared, host, reusePort: true },
      { name: "udp", port: udp, address: host, udp: true },
    ]);
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN } });
    await heard(run, "listening", "udp", 2);
    const everywhere = async () => {
      for (const each of [port, open, mine, shared]) await servedBy({ port: each }, 2);
      await servedBy({ path }, 2);
      if (!hasIpv6) return;
      await servedBy({ port: open, host: "::1" }, 2);
      await servedBy({ port: six, host: "::1" }, 2);
      expect(await refusal({ port: six })).toBe("ECONNREFUSED");
    };
    await everywhere();
    expect((await askUdp(udp)).name).toBe("udp");

    const loads = [open, mine, shared].map((each) => startFreshLoad({ port: each, clients: 2 }));
    loads.push(startKeepAliveLoad({ port: mine, clients: 2, thinkMs: 5 }));
    for (let nth = 1; nth <= 2; nth++) expect(await reload(run, nth)).toBe("done");
    for (const load of loads) expectClean(await load.stop(), { minOk: 50 });
    await everywhere();
    expect([...workers(run).values()]).toContain((await askUdp(udp)).pid);

    await stop(run);
    expect(existsSync(path)).toBe(false);
    for (const each of [port, open, mine, shared])
      expect(await refusal({ port: each })).toBe("ECONNREFUSED");
  });

  it("and closes its server is refused then, and served when it listens again", async () => {
    const [port, kept] = await freePorts(2);
    const path = join(folder, "toggled.sock");
    const LISTEN = JSON.stringify([
      { name: "kept", port: kept, host },
      { name: "toggled", port, host, toggles: true },
      { name: "path", path, toggles: true },
      { name: "mine", port: 0, host, exclusive: true, toggles: true },
    ]);
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN } });
    const [one = -1, two = -1] = workers(run).values();
    await servedBy({ port }, 2);
    const [own = 0] = ports(run, "mine");

    process.kill(one, "SIGUSR2");
    await heard(run, "closed", "mine", 1);
    for (let n = 0; n < 20; n++) expect((await ask({ port })).pid).toBe(two);

    process.kill(two, "SIGUSR2");
    await heard(run, "closed", "mine", 2);
    // The last one has closed it: the workers' words may be faster than the supervisor's hand.
    await until(async () => (await refusal({ port })) === "ECONNREFUSED", { what: "a refusal" });
    await until(() => !existsSync(path), { what: "the socket file to go" });
    expect(await refusal({ port: own })).toBe("ECONNREFUSED");
    await servedBy({ port: kept }, 2);

    for (const pid of [one, two]) process.kill(pid, "SIGUSR2");
    await heard(run, "listening", "path", 4);
    expect(await servedBy({ port }, 2)).toEqual(new Set([one, two]));
    await servedBy({ path }, 2);
    await stop(run);
  });
});

async function freePorts(count: number): Promise<[number, number, number, number, number]> {
  const found: number[] = [];
  while (found.length < count) found.push(await freePort());
  return found as [number, number, number, number, number];
}

/** One datagram and its echo. */
async function askUdp(port: number): Promise<Identity> {
  const socket = dgram.createSocket("udp4");
  try {
    socket.send("who?", port, host);
    const [answer] = (await once(socket, "message", { signal: AbortSignal.timeout(3000) })) as [
      Buffer,
    ];
    return JSON.parse(answer.toString()) as Identity;
  } finally {
    socket.close();
  }
}
