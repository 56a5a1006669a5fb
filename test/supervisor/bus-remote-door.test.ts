/** What connections from other machines cost: few at a time, those of one identity, and those over which nothing goes. */

import { once } from "node:events";
import net from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import { readBus } from "../../src/config/bus.ts";
import { BusCounts } from "../../src/core/bus/counts.ts";
import { BUS, bareFrame, encodeBusFrame } from "../../src/link/bus-frames.ts";
import { Client, type ClientPort } from "../../src/supervisor/bus/client.ts";
import { credentialsOf } from "../../src/supervisor/bus/credentials.ts";
import { Listener, type ListenerPort } from "../../src/supervisor/bus/listener.ts";
import { until } from "../support/until.ts";
import { ALL, byKey, KEY, remoteStages } from "./bus-remote-stage.ts";

const stage = remoteStages();
const key = KEY.toString("hex");

/** A listener alone, whose clients are heard by nobody. */
async function listening(limits?: Parameters<typeof Listener.open>[3]) {
  const read = readBus({ listen: 0, psk: { edge: { key }, other: { key } } });
  if (!read.ok || read.value === null) throw new Error("it cannot be read");
  const counts = new BusCounts();
  const nothing = (): void => {};
  const sync: number[] = [];
  const frame: ClientPort["frame"] = (_client, { id }) => void sync.push(id);
  const ears = { counts, frame, worked: nothing, credit: nothing, closed: nothing };
  const refused: string[] = [];
  const port: ListenerPort = {
    connected: (socket, guest) => new Client(socket, ears, guest),
    authFailed: () => refused.push("one"),
    fault: nothing,
  };
  const listener = await Listener.open(read.value, credentialsOf(read.value, {}), port, limits);
  const at = Number(listener.address.split(":").at(-1));
  const come = async (identity: string) => {
    const socket = connect({ host: "127.0.0.1", port: at, ...byKey(identity) });
    await once(socket, "secureConnect");
    return socket.on("error", () => {}).resume();
  };
  return { listener, refused, come, sync };
}

describe("one identity", () => {
  it("has so many connections at most, and a place is free again with the end of one", async () => {
    const limits = { door: { most: 100, mostOfAddress: 100 }, mostOfIdentity: 3 };
    const { listener, refused, come } = await listening(limits);
    const first = await Promise.all(["edge", "edge", "edge"].map(come));
    await once(await come("edge"), "close");
    expect(refused).toHaveLength(1);
    const other = await come("other");
    first[0]?.destroy();
    const late: TLSSocket[] = [];
    await until(
      async () => {
        const socket = await come("edge");
        late.push(socket);
        // Who is refused is told so at once.
        const told = once(socket, "data", { signal: AbortSignal.timeout(300) });
        return told.then(
          () => false,
          () => true,
        );
      },
      { what: "a free place" },
    );
    await listener.close();
    const all = [...first, other, ...late];
    await until(() => all.every(({ closed }) => closed), { what: "the end of all" });
  });
});

describe("a connection over which nothing goes", () => {
  it("is closed after a minute, and one that says something is not", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    try {
      const { listener, come, sync } = await listening();
      const [silent, heard] = [await come("edge"), await come("edge")];
      vi.advanceTimersByTime(45_000);
      // Any frame will do.
      heard.write(encodeBusFrame(bareFrame(BUS.sync, 1)));
      await until(() => sync.length === 1, { what: "the frame" });
      expect(silent.closed).toBe(false);
      vi.advanceTimersByTime(30_000);
      await once(silent, "close");
      expect(heard.closed).toBe(false);
      vi.advanceTimersByTime(60_000);
      await once(heard, "close");
      await listener.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a crowd at the door", () => {
  it("costs little: those beyond a few are closed, and told of once with their number", async () => {
    const { port, fault, faults, local, client } = await stage({ psk: { edge: { key, ...ALL } } });
    const sockets: net.Socket[] = [];
    const before = process.memoryUsage.rss();
    let ended = 0;
    for (let n = 0; n < 10_000; n += 1) {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => {}).resume();
      socket.on("close", () => {
        ended += 1;
      });
      sockets.push(socket);
      if (n % 50 < 49) continue;
      // More at once the kernel drops, without a word to those who came.
      await until(() => sockets.every(({ connecting }) => !connecting), { what: "connections" });
      await local.sync();
    }
    await until(() => ended >= 10_000 - 64, { what: "the end of all but 64" });
    expect(ended).toBeLessThanOrEqual(10_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
    const told = await fault("HF_BUS_REMOTE_CROWDED");
    expect(told.message).toMatch(/closed \d+ connections .* the last from 127\.0\.0\.1/);
    expect(faults).toHaveLength(1);
    // Who waits there has 5 s.
    await until(() => ended === 10_000, { what: "the end of all" });
    await (await client(byKey("edge"))).sync();
    for (const socket of sockets) socket.destroy();
  }, 60_000);

  it("is also who has proved itself, and then says nothing", async () => {
    const { socket, client } = await stage({ psk: { edge: { key, ...ALL } } });
    const silent = Array.from({ length: 64 }, () => socket(byKey("edge")));
    await Promise.all(silent.map((each) => once(each, "secureConnect")));
    const late = socket(byKey("edge"));
    await once(late, "error");
    await Promise.all(silent.map((each) => once(each.resume(), "close")));
    await (await client(byKey("edge"))).sync();
  });

  it("is not who has said hello", async () => {
    const { client } = await stage({ psk: { edge: { key, ...ALL } } });
    const clients = await Promise.all(Array.from({ length: 60 }, () => client(byKey("edge"))));
    clients.push(...(await Promise.all(Array.from({ length: 60 }, () => client(byKey("edge"))))));
    await Promise.all(clients.map((each) => each.sync()));
  });
});
